export { mixUp, mixUpShares, neighbours, specAugment } from './augment.js';
export { type BatchNormSums, batchNormStatistics, batchNormSums } from './batch-norm.js';
export {
  HTSAT_RELEASED,
  HTSAT_SMALL,
  type HtsatConfig,
  type HtsatSizes,
  htsatConfigSchema,
  htsatSizes,
} from './config.js';
export { type EventOptions, eventsIn, type SoundEvent, type Span } from './events.js';
export { createHtsat, HTSAT_CONSTANTS, type Htsat, htsatParams, loadHtsat } from './load.js';
export {
  cropStarts,
  type HtsatOptions,
  type HtsatOutput,
  htsat,
  htsatLatent,
  htsatMoments,
} from './model.js';
export { type MomentTimes, momentProbabilities, momentTimes } from './moments.js';
export { type HtsatBodyParams, type HtsatParams, htsatNoDecay, htsatSpec } from './params.js';
export { bicubicMatrix } from './resize.js';
export { withBatchNormStatistics } from './statistics.js';
