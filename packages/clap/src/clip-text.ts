/** CLIP's own text tower alone: the weights that Pengi's text tower starts from. */
import { mergeParameters, openModelFolder, type TensorSource } from '@pengi/checkpoint';
import { type NdArray, validate } from '@pengi/core';
import { defaultEngine, type Engine } from '@pengi/jit';
import { linear, linearNoBiasSpec, type ParamsOf } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { CLIP_TEXT_BASE, clipTextConfigSchema } from './config.js';
import { clipTokenizerOf, type TextEncoder, textEncoderOf } from './encoders.js';
import { clipText } from './model.js';
import { clipTextSpec } from './params.js';

export const clipTextModelConfigSchema = z.strictObject({
  model: z.literal('clip-text'),
  text: clipTextConfigSchema,
  /** Whether CLIP's own projection is there; without it the tower's last hidden state counts. */
  projected: z.boolean(),
});

/** config.json of a model folder that holds CLIP's text tower alone. */
export type ClipTextModelConfig = Readonly<z.infer<typeof clipTextModelConfigSchema>>;

/** The text tower of `openai/clip-vit-base-patch16` (and 32) with the text length of CLIP. */
export const CLIP_VIT_BASE = {
  model: 'clip-text',
  text: { ...CLIP_TEXT_BASE, promptLength: CLIP_TEXT_BASE.positions },
  projected: true,
} as const satisfies ClipTextModelConfig;

/** The text tower's parameters under Transformers' names. */
export function clipTextModelSpec({ text, projected }: ClipTextModelConfig) {
  return {
    text_model: clipTextSpec(text),
    ...(projected ? { text_projection: linearNoBiasSpec(text.width, text.projection) } : {}),
  };
}

export type ClipTextModelParams<Leaf = Tensor> = ParamsOf<ReturnType<typeof clipTextModelSpec>, Leaf>;

/**
 * The text tower's parameters out of a file, also of a whole CLIP.
 * @throws PengiError E_WEIGHTS that lists what is missing, extra or of another shape, E_CONFIG
 */
export function clipTextModelParams(
  source: TensorSource | Readonly<Record<string, NdArray>>,
  config: ClipTextModelConfig,
): ClipTextModelParams<NdArray> {
  return mergeParameters(clipTextModelSpec(config), source, {
    rename: (name) => (/^text_(model|projection)\./.test(name) ? name : null),
    ignore: ['text_model.embeddings.position_ids'],
    where: 'this CLIP text config',
  });
}

/**
 * Loads a model folder of CLIP's text tower: texts in, embeddings out, not normalised.
 * @throws PengiError E_NOT_FOUND, E_CHECKPOINT, E_CONFIG, E_WEIGHTS
 */
export async function loadClipText(dir: string, { engine }: { engine?: Engine } = {}): Promise<TextEncoder> {
  const folder = await openModelFolder(dir);
  const config = validate(clipTextModelConfigSchema, folder.config, { file: dir });
  const params = clipTextModelParams(folder.file, config);
  const { text, projected } = config;
  const encode = (p: ClipTextModelParams, ids: Tensor) => {
    const { pooled } = clipText(p.text_model, ids, text);
    return p.text_projection ? linear(p.text_projection, pooled) : pooled;
  };
  const program = (engine ?? (await defaultEngine())).compile(encode, params, { name: 'clip.text' });
  return textEncoderOf(program, projected ? text.projection : text.width, clipTokenizerOf(text), text);
}
