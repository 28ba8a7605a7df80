/**
 * CLAP (Elizalde et al., ICASSP 2023) with the encoders that Pengi trains it with (Deshmukh et al., NeurIPS 2023, appendix
 * D): HTSAT, CLIP's text tower, a projection behind each into a joint space, and the contrastive loss. Shape letters: B
 * batch, T tokens or frames, M mels, C channels of the text tower, E channels of the joint space.
 */
import { PengiError } from '@pengi/core';
import { gpt2Embed, gpt2Hidden } from '@pengi/gpt2';
import { type HtsatConfig, type HtsatOptions, htsat, mixUpShares, neighbours } from '@pengi/htsat';
import {
  attend,
  causalMask,
  dropout,
  embedding,
  fold,
  gelu,
  type Keys,
  l2Normalize,
  layerNorm,
  linear,
  MASKED,
  mergeHeads,
  type Probe,
  quickGelu,
  splitHeads,
} from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { ClapConfig, ClipTextConfig, Gpt2TextConfig } from './config.js';
import type {
  AudioEncoderParams,
  ClapParams,
  ClipLayerParams,
  ClipTextParams,
  Gpt2TextEncoderParams,
  ProjectionParams,
  TextEncoderParams,
} from './params.js';

export interface EncoderOptions {
  /** Training: turns dropout, drop path and SpecAugment on. */
  keys?: Keys | undefined;
  /** Dropout inside of the projection in training; default 0. The reference's is 0.5. */
  projectionDropout?: number;
  probe?: Probe | undefined;
}

/**
 * Log-mels [B, T, M] in dB -> embeddings [B, E], not normalised.
 * @throws PengiError E_SHAPE, see `htsat`
 */
export function encodeAudio(
  p: AudioEncoderParams,
  logMel: Tensor,
  config: HtsatConfig,
  options: EncoderOptions & Pick<HtsatOptions, 'specAugment' | 'mixUp'> = {},
): Tensor {
  const { latent } = htsat(p.base.htsat, logMel, config, { ...options, keys: fold(options.keys, 'htsat') });
  options.probe?.('latent', latent);
  return project(p.projection, latent, options.projectionDropout ?? 0, fold(options.keys, 'audioProjection'));
}

/**
 * Token ids [B, T] int32, start first, end and padding being the largest id -> embeddings [B, E], not normalised.
 * @throws PengiError E_SHAPE, see `clipText`
 */
export function encodeText(
  p: TextEncoderParams,
  ids: Tensor,
  config: ClipTextConfig,
  options: EncoderOptions = {},
): Tensor {
  const { pooled } = clipText(p.base, ids, config, { ...options, keys: fold(options.keys, 'clip') });
  const projected = linear(p.clip_text_projection, pooled);
  return project(
    p.projection,
    projected,
    options.projectionDropout ?? 0,
    fold(options.keys, 'textProjection'),
  );
}

/**
 * msclap 2023: ids [B, T] int32 of GPT-2, the end marker before the padding of id 0 -> embeddings [B, E], not normalised.
 * @throws PengiError E_SHAPE for other ids and for more than GPT-2 has positions
 */
export function encodeGpt2Text(
  p: Gpt2TextEncoderParams,
  ids: Tensor,
  { gpt2 }: Gpt2TextConfig,
  options: EncoderOptions = {},
): Tensor {
  const { hidden } = gpt2Hidden(p.base, gpt2Embed(p.base, ids), gpt2, { keys: fold(options.keys, 'gpt2') });
  // Attention is causal: padding, which only follows, needs no mask.
  const pooled = rowsAt(hidden, lastOfCount(ids));
  options.probe?.('pooled', pooled);
  return project(p.projection, pooled, options.projectionDropout ?? 0, fold(options.keys, 'textProjection'));
}

/**
 * The position [B] that msclap reads: the number of ids other than 0, less one. That is the end marker's, unless the text
 * has a '!', which is id 0 as well and moves it to the left.
 */
function lastOfCount(ids: Tensor): Tensor {
  const counted = tf.sum(tf.cast(tf.notEqual(ids, 0), 'int32'), 1);
  return tf.sub(counted, tf.scalar(1, 'int32'));
}

/** [B, C]: of x [B, T, C] the row at each of positions [B] int32. */
function rowsAt(x: Tensor, positions: Tensor): Tensor {
  const [B, T, C] = x.shape as [number, number, number];
  const rows = tf.add(positions, tf.range(0, B * T, T, 'int32'));
  return tf.gather(tf.reshape(x, [B * T, C]), rows as tf.Tensor1D);
}

/** Pengi's `Projection`: LN(e + Drop(W₂ GELU(e))) with e = W₁ x. */
export function project(p: ProjectionParams, x: Tensor, rate = 0, keys?: Keys): Tensor {
  const e = linear(p.linear1, x);
  return layerNorm(p.layer_norm, tf.add(e, dropout(linear(p.linear2, gelu(e)), rate, keys)));
}

/**
 * CLIP's text tower (Radford et al., 2021) as transformers has it: pre-norm layers with causal attention and quick-GELU.
 * @param ids [B, T] int32
 * @param attentionMask [B, T] of 1 and 0; it changes only what padding itself becomes, as attention is causal
 * @returns hidden states [B, T, C] and, pooled, that of the first end token [B, C]
 * @throws PengiError E_SHAPE for other ids and for more than the tower has positions
 */
export function clipText(
  p: ClipTextParams,
  ids: Tensor,
  config: ClipTextConfig,
  { keys, probe, attentionMask }: EncoderOptions & { attentionMask?: Tensor } = {},
): { hidden: Tensor; pooled: Tensor } {
  const [B, T] = ids.shape as [number, number];
  if (ids.rank !== 2 || ids.dtype !== 'int32' || T < 1 || T > config.positions)
    throw new PengiError(
      'E_SHAPE',
      `the text tower takes int32 ids [B, T] with 1 <= T <= ${config.positions}, found ${ids.dtype} [${ids.shape}]`,
    );
  const positions = embedding(p.embeddings.position_embedding, tf.range(0, T, 1, 'int32'));
  let x: Tensor = dropout(
    tf.add(embedding(p.embeddings.token_embedding, ids), positions),
    config.dropout,
    fold(keys, 'embeddings'),
  );
  let mask: Tensor = causalMask(T);
  if (attentionMask) {
    const padding = tf.mul(tf.sub(1, tf.cast(attentionMask, 'float32')), MASKED);
    mask = tf.minimum(mask, tf.reshape(padding, [B, 1, 1, T]));
  }
  for (const [i, parameters] of p.encoder.layers.entries()) {
    x = clipLayer(parameters, x, mask, config, fold(keys, `layers.${i}`));
    probe?.(`layers.${i}`, x);
  }
  const hidden = layerNorm(p.final_layer_norm, x);
  // The end token has the largest id, and argMax takes the first of several.
  return { hidden, pooled: rowsAt(hidden, tf.argMax(ids, 1)) };
}

function clipLayer(
  p: ClipLayerParams,
  x: Tensor,
  mask: Tensor,
  config: ClipTextConfig,
  keys: Keys | undefined,
): Tensor {
  const { q_proj, k_proj, v_proj, out_proj } = p.self_attn;
  const normed = layerNorm(p.layer_norm1, x);
  const [q, k, v] = [q_proj, k_proj, v_proj].map((layer) => splitHeads(linear(layer, normed), config.heads));
  const attended = linear(out_proj, mergeHeads(attend(q!, k!, v!, { mask })));
  const y = tf.add(x, dropout(attended, config.dropout, fold(keys, 'attn')));
  const mlp = linear(p.mlp.fc2, quickGelu(linear(p.mlp.fc1, layerNorm(p.layer_norm2, y))));
  return tf.add(y, dropout(mlp, config.dropout, fold(keys, 'mlp')));
}

/**
 * exp(logit_scale) times the cosines of audio [A, E] and text [T, E] embeddings: [A, T] (Pengi equation 4, transposed, where
 * exp(logit_scale) is τ). The scale is not bounded, as in the reference.
 * @throws PengiError E_SHAPE
 */
export function similarity(logitScale: Tensor, audio: Tensor, text: Tensor): Tensor {
  if (audio.rank !== 2 || text.rank !== 2 || audio.shape[1] !== text.shape[1])
    throw new PengiError(
      'E_SHAPE',
      `embeddings are [A, E] and [T, E], found [${audio.shape}] and [${text.shape}]`,
    );
  const cosines = tf.matMul(l2Normalize(audio) as tf.Tensor2D, l2Normalize(text) as tf.Tensor2D, false, true);
  return tf.mul(tf.exp(logitScale), cosines);
}

/**
 * The symmetric cross-entropy of contrastive pretraining (Pengi equation 5, whose terms lack their minus sign): the mean
 * over both directions of picking the right partner out of the batch, in nats.
 * @param audio [B, E]
 * @param text [B, E], pair by pair
 * @param groups [B] int32, or [B, K] where K numbers together are a group's name: pairs of one group have the same text and
 *   are equally right for each other; without it, each pair is its own group, which is the reference's loss
 * @param mixUp [B] how much of each recording is its own, where they were mixed by `mixUp` of @pengi/htsat with `mixUpShares`:
 *   a recording is right for its text by its share, and for its neighbour's by the rest
 * @throws PengiError E_SHAPE
 */
export function contrastiveLoss(
  logitScale: Tensor,
  audio: Tensor,
  text: Tensor,
  groups?: Tensor,
  mixUp?: Tensor,
): Scalar {
  const logits = similarity(logitScale, audio, text); // [B, B]
  const [B, texts] = logits.shape as [number, number];
  if (B !== texts || (groups && groups.shape[0] !== B))
    throw new PengiError(
      'E_SHAPE',
      `${B} audio embeddings, ${texts} text embeddings${groups ? `, groups [${groups.shape}]` : ''}: not pairs`,
    );
  const partners = groups ? equalRows(tf.reshape(groups, [B, -1])) : tf.eye(B);
  const own = tf.div(partners, tf.sum(partners, 1, true)); // rows and columns sum to 1
  const targets = mixUp ? mixed(own, mixUp) : own;
  const crossEntropy = (right: Tensor, scores: Tensor) =>
    tf.neg(tf.mean(tf.sum(tf.mul(right, tf.logSoftmax(scores)), 1)));
  const [toText, toAudio] = [
    crossEntropy(targets, logits),
    crossEntropy(tf.transpose(targets), tf.transpose(logits)),
  ];
  return tf.mul(0.5, tf.add(toText, toAudio)) as Scalar;
}

/** Rows mixed as their recordings are; columns still sum to 1, as both of a pair have the same share. */
function mixed(targets: Tensor, share: Tensor): Tensor {
  const shares = tf.reshape(share, [-1, 1]);
  return tf.add(tf.mul(targets, shares), tf.mul(neighbours(targets), tf.sub(1, shares)));
}

/** [B, B] of 1 and 0: which rows of x [B, K] are equal. */
function equalRows(x: Tensor): Tensor {
  const [B, K] = x.shape as [number, number];
  const equal = tf.cast(tf.equal(tf.reshape(x, [B, 1, K]), tf.reshape(x, [1, B, K])), 'float32');
  return tf.min(equal, 2);
}

/** A batch of recordings and their captions, pair by pair. */
export interface ClapBatch<Leaf = Tensor> {
  /** [B, T, M] dB */
  logMel: Leaf;
  /** [B, tokens] int32 */
  ids: Leaf;
  /** [B] or [B, K] int32, see `contrastiveLoss`. */
  groups?: Leaf;
}

export interface ClapLossOptions extends Pick<HtsatOptions, 'specAugment'> {
  /** In training, mixes recordings in pairs; default false, as in the reference. Batches must be even then. */
  mixUp?: boolean;
}

/**
 * The loss of one pretraining step, to be differentiated. Both towers and both projections are trained; of HTSAT its token
 * head is not reached, and bn0's statistics are buffers.
 * @param keys turn dropout, drop path, SpecAugment and mix-up on
 * @throws PengiError E_SHAPE
 */
export function clapLoss(
  p: ClapParams,
  batch: ClapBatch,
  config: ClapConfig,
  keys?: Keys,
  options: ClapLossOptions = {},
): Scalar {
  return clapRowsLoss(p, clapRows(p, batch, config, keys, options));
}

/**
 * What the loss compares, a row for each pair: embeddings [B, E] of both sides, not normalised, the groups, and the shares of
 * recordings that are mixed.
 */
export function clapRows(
  p: ClapParams,
  batch: ClapBatch,
  config: ClapConfig,
  keys?: Keys,
  { mixUp = false, ...options }: ClapLossOptions = {},
): Record<string, Tensor> {
  const { projectionDropout } = config;
  const shares = mixUp && keys ? mixUpShares(fold(keys, 'mixUp')) : undefined;
  const audio = encodeAudio(p.audio_encoder, batch.logMel, config.audio, {
    ...options,
    mixUp: shares,
    projectionDropout,
    keys: fold(keys, 'audio'),
  });
  const text = encodeText(p.caption_encoder, batch.ids, config.text, {
    projectionDropout,
    keys: fold(keys, 'text'),
  });
  return { audio, text, ...(batch.groups && { groups: batch.groups }), ...(shares && { shares }) };
}

/** The loss of `clapRows`, which may be of several processes. */
export function clapRowsLoss(
  { logit_scale }: ClapParams,
  { audio, text, groups, shares }: Record<string, Tensor>,
): Scalar {
  return contrastiveLoss(logit_scale, audio!, text!, groups, shares);
}
