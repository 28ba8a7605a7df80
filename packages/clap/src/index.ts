export {
  type AudioEncoder,
  type AudioInput,
  type Clap,
  clipTokenizerOf,
  createAudioEncoder,
  createClap,
  createTextEncoder,
  type EmbedAudioOptions,
  type EmbedOptions,
  type LabelScore,
  promptIds,
  type TextEncoder,
  type ZeroShotOptions,
} from './clap.js';
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
  CLAP_PAPER,
  CLIP_TEXT_BASE,
  type ClapConfig,
  type ClipTextConfig,
  clapConfigSchema,
  clipTextConfigSchema,
  frontendConfigSchema,
} from './config.js';
export { cosines, type Neighbour, nearest, normalized } from './embeddings.js';
export { clapParams, frontendOf, HTSAT_PREFIX, loadClap, TOWER_CONSTANTS } from './load.js';
export {
  type ClapBatch,
  clapLoss,
  clipText,
  contrastiveLoss,
  type EncoderOptions,
  encodeAudio,
  encodeText,
  similarity,
} from './model.js';
export {
  type AudioEncoderParams,
  audioEncoderSpec,
  type ClapParams,
  type ClipTextParams,
  clapSpec,
  clipTextSpec,
  type TextEncoderParams,
  textEncoderSpec,
} from './params.js';
