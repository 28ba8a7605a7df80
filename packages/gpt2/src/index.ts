export {
  type BeamOptions,
  type BeamSearch,
  type Choices,
  type Continuation,
  createBeamSearch,
  type Generation,
  mostLikely,
  type SampleOptions,
  sampleToken,
} from './beam.js';
export { GPT2_BASE, type Gpt2Config, gpt2ConfigSchema } from './config.js';
export {
  createDecoder,
  type Decoder,
  type DecodingRun,
  type Distributions,
  type SearchRun,
  type StartOptions,
} from './decoder.js';
export { type GenerateOptions, generate, type TextSoFar } from './generate.js';
export { createGpt2, type Gpt2, gpt2Params, loadGpt2, tokenizerOf } from './load.js';
export {
  type Gpt2Hidden,
  type Gpt2Options,
  gpt2Embed,
  gpt2Hidden,
  gpt2Logits,
  type KeyValue,
  type Past,
  tokenLosses,
} from './model.js';
export { type Gpt2Params, gpt2Spec } from './params.js';
export {
  collectIds,
  createGpt2Tokenizer,
  createStreamDecoder,
  createSubsetTokenizer,
  END_OF_TEXT,
  type Gpt2TokenizerOptions,
  PAD,
  PROMPT_LENGTH,
  type Prompt,
  RELEASED_STOP,
  type StreamDecoder,
  type Tokenizer,
} from './tokenizer.js';
