export type { Communicator, ReduceOperation, Reducible, Transferable } from './communicator.js';
export { type Launcher, launcherOf } from './launcher.js';
export type { MpiFamily } from './library.js';
export { type MpiCommunicator, type MpiOptions, openMpi } from './open.js';
