export type { AudioInput } from '@pengi/clap';
export type { Answer, AnswerSoFar, GeneratedText } from './answers.js';
export {
  type CaptionOptions,
  type Clapcap,
  type CreateClapcapOptions,
  createClapcap,
} from './clapcap/clapcap.js';
export { CLAPCAP_2023, type ClapcapConfig, clapcapConfigSchema } from './clapcap/config.js';
export { loadClapcap } from './clapcap/load.js';
export { type ClapcapParams, clapcapParams, clapcapSpec } from './clapcap/params.js';
export type { ClassifyOptions, LabelScores } from './classify.js';
export type { CompatOptions } from './compat.js';
export {
  PENGI_BASE,
  PENGI_NO_TEXT_ENCODER,
  PENGI_PAPER,
  type PengiConfig,
  pengiConfigSchema,
} from './config.js';
export {
  EXPORT_PARTS,
  type ExportedPart,
  type ExportPart,
  type ExportPartOptions,
  exportPart,
} from './export/export.js';
export type { AudioOptions } from './hear.js';
export { inspectModel, type MemoryEstimate, type ModelReport, type PartReport } from './inspect.js';
export { compareModel, type LoadOptions, loadPengi, pengiParams } from './load.js';
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
export {
  FROZEN_IN_TRAINING,
  frozenButMappers,
  frozenInTraining,
  type PengiParams,
  pengiSpec,
} from './params.js';
export {
  createPengi,
  type GenerateOptions,
  type Pengi,
  type Prefixes,
  type QuantizeOptions,
  type QuantizeParts,
  type WarnOptions,
} from './pengi.js';
export {
  type CompareOptions,
  compareQuantized,
  QUANTIZE_BOUNDS,
  type QuantizeReport,
} from './quantize.js';
export {
  createReferencePengi,
  type ReferenceAudioOptions,
  type ReferenceOptions,
  type ReferencePengi,
  type ReferencePrefixes,
  type ReferenceTexts,
} from './reference.js';
export { SMALL_FRONTEND, type SmallOptions, smallConfigs, TINY_SIZES } from './small.js';
export { pengiTokenizer } from './tokenizer.js';
export {
  type ClapTaskOptions,
  clapTask,
  type DocumentBatch,
  type LanguageTaskOptions,
  languageTask,
  type PengiTaskOptions,
  pengiTask,
} from './training.js';
export { type AudioSample, CAPTION_LENGTHS, type Draw } from './training-batches.js';
export type { AudioTaskOptions, TaskOptions } from './training-options.js';
export { type CaptionWindowsOptions, captionWindows, type WindowAnswer } from './windows.js';
export { loadPengiWorker, type PengiWorker, type PengiWorkerOptions } from './worker/start.js';
