/** What config.json of a hub's folder says beyond the shapes, for models whose maths is the one here. */
import { validate } from '@pengi/core';
import { z } from 'zod';

const heads = z.int().positive().optional();

const gpt2Schema = z.looseObject({
  n_head: heads,
  activation_function: z.literal('gelu_new').default('gelu_new'),
  layer_norm_epsilon: z.literal(1e-5).default(1e-5),
  scale_attn_weights: z.literal(true).default(true),
  scale_attn_by_inverse_layer_idx: z.literal(false).default(false),
  add_cross_attention: z.literal(false).default(false),
  tie_word_embeddings: z.literal(true).default(true),
});

const clipTextSchema = z.looseObject({
  num_attention_heads: heads,
  hidden_act: z.literal('quick_gelu').default('quick_gelu'),
  layer_norm_eps: z.literal(1e-5).default(1e-5),
});

/** @throws PengiError E_CONFIG that names the field of a model which is not the same maths */
export function gpt2HeadsIn(config: unknown, where: { file: string }): number | undefined {
  return isOfType(config, ['gpt2']) ? validate(gpt2Schema, config, where).n_head : undefined;
}

/** Of a CLIP's config or of its text tower's own. @throws PengiError E_CONFIG, as above */
export function clipTextHeadsIn(config: unknown, where: { file: string }): number | undefined {
  if (isOfType(config, ['clip_text_model']))
    return validate(clipTextSchema, config, where).num_attention_heads;
  if (!isOfType(config, ['clip'])) return undefined;
  return validate(z.looseObject({ text_config: clipTextSchema.prefault({}) }), config, where).text_config
    .num_attention_heads;
}

/** Whether a config.json is Transformers' of one of these models; what lies beside a file may belong to another. */
export function isOfType(config: unknown, types: readonly string[]): config is { model_type: string } {
  const type = typeof config === 'object' && config !== null && 'model_type' in config && config.model_type;
  return typeof type === 'string' && types.includes(type);
}
