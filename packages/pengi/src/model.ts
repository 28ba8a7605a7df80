/**
 * Pengi (Deshmukh et al., NeurIPS 2023): audio and a prompt become a prefix of a frozen language model, which says the
 * rest. Shape letters: B batch, T frames, M mels, E channels of embeddings, n tokens of a prompt, P length of a half of the
 * prefix, C channels of the language model, L caption length, V vocabulary.
 */
import { encodeAudio, encodeText } from '@pengi/clap';
import { gpt2Embed, gpt2Hidden, gpt2Logits, tokenLosses } from '@pengi/gpt2';
import { fold, type Keys, l2Normalize } from '@pengi/nn';
import { mapPrefix } from '@pengi/prefix-mapper';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { PengiConfig } from './config.js';
import type { PengiParams } from './params.js';

export interface PengiOptions {
  /** Training: turns dropout, drop path and SpecAugment on in the encoders. */
  keys?: Keys | undefined;
  /** SpecAugment in training; default true, as in the reference. */
  specAugment?: boolean;
}

/** Log-mels [B, T, M] in dB -> audio embeddings [B, E] of length 1. */
export function audioEmbedding(
  p: PengiParams,
  logMel: Tensor,
  config: PengiConfig,
  options: PengiOptions = {},
): Tensor {
  const { keys, ...rest } = options;
  return l2Normalize(
    encodeAudio(p.audio_encoder, logMel, config.audio, {
      ...rest,
      keys: fold(keys, 'audio'),
      projectionDropout: config.projectionDropout,
    }),
  );
}

/** The audio half of the prefix, [B, P, C], from audio embeddings [B, E] (equation 1 of the paper). */
export function audioPrefix(p: PengiParams, embedding: Tensor, config: PengiConfig): Tensor {
  return mapPrefix(p.caption_decoder.audio_project, embedding, config.audioMapper);
}

/**
 * Prompt ids [B, n] -> what the prompt's mapper takes: text embeddings [B, E] as the text tower gives them, or the
 * language model's token embeddings [B, n, C].
 */
export function promptEmbedding(
  p: PengiParams,
  ids: Tensor,
  config: PengiConfig,
  options: PengiOptions = {},
): Tensor {
  if (!config.text) return gpt2Embed(p.caption_decoder.gpt.transformer, ids);
  return encodeText(p.caption_encoder!, ids, config.text, {
    keys: fold(options.keys, 'text'),
    projectionDropout: config.projectionDropout,
  });
}

/** The prompt's half of the prefix, [B, P, C], from what `promptEmbedding` gives; normalised as the config says. */
export function promptPrefix(p: PengiParams, embedding: Tensor, config: PengiConfig): Tensor {
  const normalized = config.text && config.textNorm === 'training' ? l2Normalize(embedding) : embedding;
  return mapPrefix(p.caption_decoder.text_project, normalized, config.promptMapper);
}

/** A batch of training examples. */
export interface PengiBatch<Leaf = Tensor> {
  /** [B, T, M] dB */
  logMel: Leaf;
  /** [B, n] int32 */
  promptIds: Leaf;
  /** [B, L] int32, padded at the end */
  captionIds: Leaf;
  /** [B, L] float32: 1 for tokens that count, 0 for padding */
  captionMask: Leaf;
}

/**
 * What the language model makes of a batch, which it reads as prefix and caption one after the other (equation 2): its
 * hidden states [B, L, C] at the position before each caption token, and the prefix [B, 2P, C], audio first.
 * @throws PengiError E_SHAPE when prefix and caption exceed the model's positions, or log-mels do not fit the encoder
 */
export function captionHidden(
  p: PengiParams,
  batch: PengiBatch,
  config: PengiConfig,
  options: PengiOptions = {},
): { hidden: Tensor; prefix: Tensor } {
  const audio = audioPrefix(p, audioEmbedding(p, batch.logMel, config, options), config);
  const prompt = promptPrefix(p, promptEmbedding(p, batch.promptIds, config, options), config);
  const prefix = tf.concat([audio, prompt], 1); // [B, 2P, C]

  const gpt = p.caption_decoder.gpt.transformer;
  const [B, L] = batch.captionIds.shape as [number, number];
  const given = gpt2Embed(gpt, tf.slice(batch.captionIds, [0, 0], [B, L - 1])); // the last token is only predicted
  const { hidden } = gpt2Hidden(gpt, tf.concat([prefix, given], 1), config.gpt2);
  const before = prefix.shape[1]! - 1;
  return { hidden: tf.slice(hidden, [0, before, 0], [B, L, config.gpt2.width]), prefix };
}

/**
 * The captioning loss (equation 3): mean cross-entropy in nats over the caption tokens of the batch that count, where the
 * paper has a sum. The language model runs without dropout, as it is frozen; it cannot see the padding at the right from
 * where something counts.
 */
export function pengiLoss(
  p: PengiParams,
  batch: PengiBatch,
  config: PengiConfig,
  options: PengiOptions = {},
): Scalar {
  const { hidden } = captionHidden(p, batch, config, options);
  const losses = tokenLosses(p.caption_decoder.gpt.transformer, hidden, batch.captionIds);
  return tf.div(tf.sum(tf.mul(losses, batch.captionMask)), tf.sum(batch.captionMask)) as Scalar;
}

/** Logits [B, L, V] for each caption token. */
export function captionLogits(p: PengiParams, hidden: Tensor): Tensor {
  return gpt2Logits(p.caption_decoder.gpt.transformer, hidden);
}
