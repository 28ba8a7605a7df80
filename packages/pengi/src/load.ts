import { mergeParameters, openModelFolder, type TensorSource } from '@pengi/checkpoint';
import { frontendOf, TOWER_CONSTANTS } from '@pengi/clap';
import { type NdArray, PengiError, validate } from '@pengi/core';
import { defaultEngine, type Engine } from '@pengi/jit';
import type { CompatOptions } from './compat.js';
import { type PengiConfig, pengiConfigSchema } from './config.js';
import { type PengiParams, pengiSpec } from './params.js';
import { createPengi, type Pengi, type QuantizeOptions } from './pengi.js';
import { type CompareOptions, compareQuantized, type QuantizeReport } from './quantize.js';
import { assertGoodEnough, rememberedReport } from './quantize-check.js';
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

export interface LoadOptions extends QuantizeOptions {
  /** Default: jit's default one. */
  engine?: Engine;
  /** Whether weights of 8 bits are used although they change more than `QUANTIZE_BOUNDS` allows; default false. */
  force?: boolean;
}

/**
 * Loads a Pengi model folder (`config.json`, `model.safetensors`). A mel bank among the weights is used instead of the
 * computed one, as it is what the encoder was trained with. With `quantize`, the model is compared with its unrounded self
 * the first time, which takes some seconds; the user's cache remembers the result.
 * @throws PengiError E_NOT_FOUND, E_CHECKPOINT, E_CONFIG, E_WEIGHTS, E_QUANTIZE when weights of 8 bits change too much,
 *   E_USAGE for them together with `compat`
 */
export async function loadPengi(dir: string, options?: LoadOptions): Promise<Pengi>;
/** The same with the calls and quirks of the released wrapper. */
export async function loadPengi(dir: string, options: LoadOptions & CompatOptions): Promise<ReferencePengi>;
export async function loadPengi(
  dir: string,
  {
    engine,
    compat,
    seed = 0,
    quantize,
    quantizeParts = 'language',
    force,
  }: LoadOptions & Partial<CompatOptions> = {},
): Promise<Pengi | ReferencePengi> {
  const { config, params, frontend, file } = await openPengi(dir);
  const parts = { frontend, engine: engine ?? (await defaultEngine()) };
  if (compat) {
    if (quantize)
      throw new PengiError('E_USAGE', 'what the released code does, it does without weights of 8 bits');
    return createReferencePengi(params, config, { ...parts, seed });
  }
  if (quantize && !force) {
    const compare = () => compareQuantized(params, config, parts.engine, { frontend, parts: quantizeParts });
    assertGoodEnough(await rememberedReport(file.path, quantizeParts, compare), dir);
  }
  return createPengi(params, config, { ...parts, quantize, quantizeParts });
}

/**
 * What weights of 8 bits change in the model of a folder; see `compareQuantized`.
 * @throws PengiError as `loadPengi` and `compareQuantized`
 */
export async function compareModel(
  dir: string,
  { engine, ...options }: Omit<CompareOptions, 'frontend'> & Pick<LoadOptions, 'engine'> = {},
): Promise<QuantizeReport> {
  const { params, config, frontend } = await openPengi(dir);
  return compareQuantized(params, config, engine ?? (await defaultEngine()), { ...options, frontend });
}

async function openPengi(dir: string) {
  const { config: found, file } = await openModelFolder(dir);
  const config = validate(pengiConfigSchema, found, { file: dir });
  return { config, params: pengiParams(file, config), frontend: frontendOf(config, file), file };
}
