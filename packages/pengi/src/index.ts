export type { ClassifyOptions, LabelScores } from './classify.js';
export {
  PENGI_BASE,
  PENGI_NO_TEXT_ENCODER,
  PENGI_PAPER,
  type PengiConfig,
  pengiConfigSchema,
} from './config.js';
export { loadPengi, pengiParams } from './load.js';
export {
  audioEmbedding,
  audioPrefix,
  captionHidden,
  captionLogits,
  type PengiBatch,
  type PengiOptions,
  pengiLoss,
  promptEmbedding,
  promptPrefix,
} from './model.js';
export { FROZEN_IN_TRAINING, type PengiParams, pengiSpec } from './params.js';
export {
  type Answer,
  createPengi,
  type GenerateOptions,
  type Pengi,
  type Prefixes,
  tokenizerOf,
} from './pengi.js';
