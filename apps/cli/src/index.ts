export {
  clapPredictor,
  type Decoding,
  type LoadedModel,
  loadContestant,
  pengiPredictor,
} from './bench/predictors.js';
export type { Context } from './context.js';
export { main } from './main.js';
export { type LearnPitchOptions, learnPitch, type PitchFigures } from './quickstart/learn-pitch.js';
export { findRecipe, RECIPES, type Recipe } from './recipes/index.js';
export type { RunConfig, SourceConfig, TrainConfigInput } from './train/config.js';
export { completeConfig } from './train/load-config.js';
export { type RunOptions, type RunResult, runTraining, type TaskName } from './train/run.js';
