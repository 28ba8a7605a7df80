import { mergeParameters, openModelFolder, type TensorSource } from '@pengi/checkpoint';
import { frontendOf, TOWER_CONSTANTS } from '@pengi/clap';
import { type NdArray, validate } from '@pengi/core';
import { defaultEngine, type Engine } from '@pengi/jit';
import type { CompatOptions } from './compat.js';
import { type PengiConfig, pengiConfigSchema } from './config.js';
import { type PengiParams, pengiSpec } from './params.js';
import { createPengi, type Pengi } from './pengi.js';
import { createReferencePengi, type ReferencePengi } from './reference.js';

/** Buffers and constants of released checkpoints. */
const CONSTANTS = [
  ...TOWER_CONSTANTS,
  'caption_decoder.gpt.transformer.h.*.attn.bias',
  'caption_decoder.gpt.transformer.h.*.attn.masked_bias',
];

/**
 * Pengi's parameters out of a file, whose names are the released ones. The output layer may be there beside the embedding
 * or instead of it.
 * @throws PengiError E_WEIGHTS that lists what is missing, extra or of another shape, E_CONFIG
 */
export function pengiParams(
  source: TensorSource | Readonly<Record<string, NdArray>>,
  config: PengiConfig,
): PengiParams<NdArray> {
  return mergeParameters(pengiSpec(config), source, {
    ignore: CONSTANTS,
    ties: { 'caption_decoder.gpt.lm_head.weight': 'caption_decoder.gpt.transformer.wte.weight' },
    where: config.text ? 'this Pengi config with a text encoder' : 'this Pengi config without a text encoder',
  });
}

export interface LoadOptions {
  /** Default: jit's default one. */
  engine?: Engine;
}

/**
 * Loads a Pengi model folder (`config.json`, `model.safetensors`). A mel bank among the weights is used instead of the
 * computed one, as it is what the encoder was trained with.
 * @throws PengiError E_NOT_FOUND, E_CHECKPOINT, E_CONFIG, E_WEIGHTS
 */
export async function loadPengi(dir: string, options?: LoadOptions): Promise<Pengi>;
/** The same with the calls and quirks of the released wrapper. */
export async function loadPengi(dir: string, options: LoadOptions & CompatOptions): Promise<ReferencePengi>;
export async function loadPengi(
  dir: string,
  { engine, compat, seed = 0 }: LoadOptions & Partial<CompatOptions> = {},
): Promise<Pengi | ReferencePengi> {
  const folder = await openModelFolder(dir);
  const config = validate(pengiConfigSchema, folder.config, { file: dir });
  const params = pengiParams(folder.file, config);
  const parts = { frontend: frontendOf(config, folder.file), engine: engine ?? (await defaultEngine()) };
  return compat
    ? createReferencePengi(params, config, { ...parts, seed })
    : createPengi(params, config, parts);
}
