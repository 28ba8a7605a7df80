export type { Binding, OpAttribute, TensorMetadata } from './binding.js';
export { type Installed, installFolder, readInstalled } from './folder.js';
export { type InstallOptions, type InstallResult, install, uninstall } from './install.js';
export {
  DEFAULT_VERSION,
  findRelease,
  type Library,
  RELEASES,
  type Release,
  type Variant,
} from './releases.js';
export {
  type Runtime,
  type StartOptions,
  startTensorFlow,
  type TensorFlowStatus,
  tensorFlowStatus,
} from './start.js';
