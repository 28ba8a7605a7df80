export {
  clapPredictor,
  type Decoding,
  type LoadedModel,
  loadContestant,
  pengiPredictor,
} from './bench/predictors.js';
export { main } from './main.js';
export type { TrainConfigInput } from './train/config.js';
