import { mergeParameters, openModelFolder, type TensorSource } from '@pengi/checkpoint';
import { type NdArray, validate } from '@pengi/core';
import { defaultEngine, type Engine } from '@pengi/jit';
import type { Generation } from './beam.js';
import { type Gpt2Config, gpt2ConfigSchema } from './config.js';
import { createDecoder, type Decoder } from './decoder.js';
import { type GenerateOptions, generate } from './generate.js';
import { type Gpt2Params, gpt2Spec } from './params.js';
import {
  createGpt2Tokenizer,
  createSubsetTokenizer,
  type Gpt2TokenizerOptions,
  type Tokenizer,
} from './tokenizer.js';

/** Buffers that transformers wrote into checkpoints before 4.31. */
const BUFFERS = ['h.*.attn.bias', 'h.*.attn.masked_bias'];

/**
 * GPT-2's parameters out of a file where they lie below `prefix` (`caption_decoder.gpt.` in Pengi). The names below it
 * may start with `transformer.` or not. `lm_head.weight` may be there beside `wte.weight` or instead of it.
 * @throws PengiError E_WEIGHTS that lists what is missing, extra or of another shape, E_CONFIG
 */
export function gpt2Params(
  source: TensorSource | Readonly<Record<string, NdArray>>,
  config: Gpt2Config,
  prefix = '',
): Gpt2Params<NdArray> {
  return mergeParameters(gpt2Spec(config), source, {
    rename: (name) =>
      name.startsWith(prefix) ? name.slice(prefix.length).replace(/^transformer\./, '') : null,
    ignore: BUFFERS,
    ties: { 'lm_head.weight': 'wte.weight' },
    where: 'this GPT-2 config',
  });
}

/**
 * The tokenizer of a config.
 * @param options `padQuirk`, which Pengi's models were trained with
 */
export function tokenizerOf(
  { keptIds, splitDigits }: Pick<Gpt2Config, 'keptIds' | 'splitDigits'>,
  options: Pick<Gpt2TokenizerOptions, 'padQuirk'> = {},
): Tokenizer {
  const full = createGpt2Tokenizer({ ...options, splitDigits });
  return keptIds === null ? full : createSubsetTokenizer(full, keptIds);
}

/** A language model that runs. */
export interface Gpt2 {
  readonly config: Gpt2Config;
  readonly tokenizer: Tokenizer;
  readonly decoder: Decoder;
  /** Texts that continue each prefix of embeddings [n, width], best first; see `generate`. */
  generate(prefixes: readonly NdArray[], options: GenerateOptions): Promise<Generation[][]>;
  /** Log-probabilities (nats) of each token of each text after a prefix [n, width]; see `Decoder`. */
  score(prefix: NdArray, texts: readonly (readonly number[])[]): Promise<Float32Array[]>;
  /** Embeddings [n, width] of tokens, to put into a prefix; see `Decoder`. */
  embed(ids: readonly number[]): Promise<NdArray>;
  dispose(): Promise<void>;
}

export function createGpt2(params: Gpt2Params<NdArray>, config: Gpt2Config, engine: Engine): Gpt2 {
  const decoder = createDecoder(params, config, engine);
  return {
    config,
    tokenizer: tokenizerOf(config),
    decoder,
    generate: (prefixes, options) => generate(decoder, prefixes, options),
    score: decoder.score,
    embed: decoder.embed,
    dispose: decoder.dispose,
  };
}

/**
 * Loads a model folder that holds GPT-2 alone.
 * @throws PengiError E_NOT_FOUND, E_CHECKPOINT, E_CONFIG, E_WEIGHTS
 */
export async function loadGpt2(dir: string, { engine }: { engine?: Engine } = {}): Promise<Gpt2> {
  const folder = await openModelFolder(dir);
  const config = validate(gpt2ConfigSchema, folder.config, { file: dir });
  return createGpt2(gpt2Params(folder.file, config), config, engine ?? (await defaultEngine()));
}
