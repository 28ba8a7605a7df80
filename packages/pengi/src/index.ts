export type { AudioInput } from '@pengi/clap';
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
export { FROZEN_IN_TRAINING, frozenInTraining, type PengiParams, pengiSpec } from './params.js';
export {
  type Answer,
  type AudioOptions,
  createPengi,
  type GeneratedText,
  type GenerateOptions,
  type Pengi,
  type Prefixes,
  type WarnOptions,
} from './pengi.js';
export { SMALL_FRONTEND, type SmallOptions, smallConfigs } from './small.js';
export { pengiTokenizer } from './tokenizer.js';
export {
  type AudioSample,
  clapTask,
  type DocumentBatch,
  type Draw,
  languageTask,
  pengiTask,
  type TaskOptions,
} from './training.js';
