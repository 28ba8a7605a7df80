export { main } from './main.js';
export type { TrainConfigInput } from './train/config.js';
