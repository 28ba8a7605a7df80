/**
 * Transformers' `ClapModel` without fusion (LAION's CLAP; Wu et al., ICASSP 2023): HTSAT under other names, RoBERTa, and a
 * projection of two layers behind each. Shape letters: B batch, T tokens or frames, M mels, C channels of the text tower, E
 * channels of the joint space.
 */
import { PengiError } from '@pengi/core';
import { type HtsatBodyParams, type HtsatConfig, htsatLatent } from '@pengi/htsat';
import {
  attend,
  embedding,
  gelu,
  layerNorm,
  linear,
  MASKED,
  mergeHeads,
  type Probe,
  splitHeads,
} from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { RobertaConfig } from './config.js';
import type {
  ReluProjectionParams,
  RobertaLayerParams,
  RobertaParams,
  TransformersAudioParams,
  TransformersClapParams,
} from './transformers-params.js';

interface Options {
  probe?: Probe | undefined;
}

/**
 * Log-mels [B, T, M] in dB -> embeddings [B, E], not normalised.
 * @throws PengiError E_SHAPE, see `htsat`
 */
export function encodeTransformersAudio(
  p: Pick<TransformersClapParams, 'audio_model' | 'audio_projection'>,
  logMel: Tensor,
  config: HtsatConfig,
  { probe }: Options = {},
): Tensor {
  const latent = htsatLatent(asHtsat(p.audio_model.audio_encoder), logMel, config, { probe });
  probe?.('latent', latent);
  return reluProject(p.audio_projection, latent);
}

/**
 * RoBERTa's ids [B, T] int32 -> embeddings [B, E], not normalised.
 * @throws PengiError E_SHAPE, see `roberta`
 */
export function encodeRobertaText(
  p: Pick<TransformersClapParams, 'text_model' | 'text_projection'>,
  ids: Tensor,
  config: RobertaConfig,
  { probe }: Options = {},
): Tensor {
  const { pooled } = roberta(p.text_model, ids, config);
  probe?.('pooled', pooled);
  return reluProject(p.text_projection, pooled);
}

/** Transformers' projection: two layers with a ReLU between them. */
export function reluProject(p: ReluProjectionParams, x: Tensor): Tensor {
  return linear(p.linear2, tf.relu(linear(p.linear1, x)));
}

/** The same arrays under HTSAT's own names, where queries, keys and values are one layer. */
export function asHtsat({ batch_norm, patch_embed, layers, norm }: TransformersAudioParams): HtsatBodyParams {
  return {
    bn0: batch_norm,
    patch_embed,
    layers: layers.map(({ blocks, ...rest }) => ({
      ...rest,
      blocks: blocks.map(({ layernorm_before, attention, layernorm_after, intermediate, output }) => {
        const { query, key, value, relative_position_bias_table } = attention.self;
        const parts = [query, key, value];
        const qkv = {
          weight: tf.concat(parts.map(({ weight }) => weight)),
          bias: tf.concat(parts.map(({ bias }) => bias)),
        };
        return {
          norm1: layernorm_before,
          attn: { relative_position_bias_table, qkv, proj: attention.output.dense },
          norm2: layernorm_after,
          mlp: { fc1: intermediate.dense, fc2: output.dense },
        };
      }),
    })),
    norm,
  };
}

/**
 * RoBERTa (Liu et al., 2019): post-norm layers whose attention sees all but padding.
 * @param ids [B, T] int32, padding behind the text
 * @returns hidden states [B, T, C] and, pooled, tanh of a layer on that of the start token [B, C]
 * @throws PengiError E_SHAPE for other ids and for more than there are positions
 */
export function roberta(
  p: RobertaParams,
  ids: Tensor,
  config: RobertaConfig,
): { hidden: Tensor; pooled: Tensor } {
  const { positions, pad, epsilon, width } = config;
  const longest = positions - pad - 1;
  const [B, T] = ids.shape as [number, number];
  if (ids.rank !== 2 || ids.dtype !== 'int32' || T < 1 || T > longest)
    throw new PengiError(
      'E_SHAPE',
      `the text tower takes int32 ids [B, T] with 1 <= T <= ${longest}, found ${ids.dtype} [${ids.shape}]`,
    );
  const { word_embeddings, position_embeddings, token_type_embeddings, LayerNorm } = p.embeddings;
  // Counted from pad + 1; padding would have the position `pad`, but nothing sees it.
  const places = embedding(position_embeddings, tf.range(pad + 1, pad + 1 + T, 1, 'int32'));
  const kind = tf.slice(token_type_embeddings.weight, [0, 0], [1, width]);
  let x = layerNorm(LayerNorm, tf.add(tf.add(embedding(word_embeddings, ids), places), kind), epsilon);

  const padding = tf.mul(tf.cast(tf.equal(ids, pad), 'float32'), MASKED);
  const mask = tf.reshape(padding, [B, 1, 1, T]);
  for (const layer of p.encoder.layer) x = robertaLayer(layer, x, mask, config);
  const start = tf.reshape(tf.slice(x, [0, 0, 0], [B, 1, width]), [B, width]);
  return { hidden: x, pooled: tf.tanh(linear(p.pooler.dense, start)) };
}

function robertaLayer(
  { attention, intermediate, output }: RobertaLayerParams,
  x: Tensor,
  mask: Tensor,
  { heads, epsilon }: RobertaConfig,
): Tensor {
  const { query, key, value } = attention.self;
  const [q, k, v] = [query, key, value].map((layer) => splitHeads(linear(layer, x), heads));
  const attended = linear(attention.output.dense, mergeHeads(attend(q!, k!, v!, { mask })));
  const y = layerNorm(attention.output.LayerNorm, tf.add(x, attended), epsilon);
  const mlp = linear(output.dense, gelu(linear(intermediate.dense, y)));
  return layerNorm(output.LayerNorm, tf.add(y, mlp), epsilon);
}
