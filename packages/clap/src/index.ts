export { type AudioEncoderPart, audioEncoderOf } from './audio-tower.js';
export {
  type Clap,
  type CreateClapOptions,
  createClap,
  type LabelScore,
  type ZeroShotOptions,
} from './clap.js';
export {
  CLIP_VIT_BASE,
  type ClipTextModelConfig,
  type ClipTextModelParams,
  clipTextModelConfigSchema,
  clipTextModelParams,
  clipTextModelSpec,
  loadClipText,
} from './clip-text.js';
export {
  CLIP_PROMPT_LENGTH,
  type ClipPrompt,
  type ClipTokenizer,
  type ClipTokenizerOptions,
  collectClipIds,
  createClipTokenizer,
  createSubsetClipTokenizer,
} from './clip-tokenizer.js';
export {
  type AnyClapConfig,
  anyClapConfigSchema,
  CLAP_PAPER,
  CLIP_TEXT_BASE,
  type ClapConfig,
  type ClipTextConfig,
  clapConfigSchema,
  clipTextConfigSchema,
  frontendConfigSchema,
  type Gpt2TextConfig,
  gpt2TextConfigSchema,
  LAION_CLAP_HTSAT_UNFUSED,
  MSCLAP_2023,
  type MsclapConfig,
  msclapConfigSchema,
  type RobertaConfig,
  robertaConfigSchema,
  type TransformersClapConfig,
  transformersClapConfigSchema,
} from './config.js';
export { cosines, type Neighbour, nearest, normalized } from './embeddings.js';
export {
  type AudioEncoder,
  type AudioInput,
  clipTokenizerOf,
  createAudioEncoder,
  createTextEncoder,
  type EmbedAudioOptions,
  type EmbedOptions,
  type EmbedWindowsOptions,
  type PoolOptions,
  promptIds,
  type TextEncoder,
  type TextTokenizer,
} from './encoders.js';
export {
  clapParams,
  frontendOf,
  HTSAT_PREFIX,
  loadClap,
  msclapParams,
  TOWER_CONSTANTS,
  transformersClapParams,
} from './load.js';
export {
  type ClapBatch,
  type ClapLossOptions,
  clapLoss,
  clapRows,
  clapRowsLoss,
  clipText,
  contrastiveLoss,
  type EncoderOptions,
  encodeAudio,
  encodeGpt2Text,
  encodeText,
  similarity,
} from './model.js';
export { createMsclap, msclapTokenizer } from './msclap.js';
export {
  type AudioEncoderParams,
  audioEncoderSpec,
  type ClapParams,
  type ClipTextParams,
  clapSpec,
  clipTextSpec,
  type Gpt2TextEncoderParams,
  gpt2TextEncoderSpec,
  type MsclapParams,
  msclapSpec,
  type TextEncoderParams,
  textEncoderSpec,
} from './params.js';
export { robertaTokenizer } from './roberta-tokenizer.js';
export {
  createTagger,
  type Framewise,
  type HearingOptions,
  loadTagger,
  parseClassNames,
  type Tagger,
} from './tagger.js';
export { createTransformersClap } from './transformers.js';
export { transformersClapConfig } from './transformers-config.js';
export { encodeRobertaText, encodeTransformersAudio, roberta } from './transformers-model.js';
export {
  type RobertaParams,
  robertaSpec,
  type TransformersClapParams,
  transformersClapSpec,
} from './transformers-params.js';
export {
  type Pooling,
  pooled,
  type WindowEmbeddings,
  type WindowedOptions,
  windowsOf,
} from './windows.js';
