/**
 * GPT-2 (Radford et al., 2019). Shape letters: B sequences, T tokens of each, C channels, H heads, D channels of a head,
 * V vocabulary. While generating, the B sequences are G groups (recordings) of R rows (beams, candidate texts), and S is
 * the number of slots of a group's key/value store.
 */
import { PengiError } from '@pengi/core';
import {
  causalMask,
  conv1d,
  dropout,
  embedding,
  fold,
  geluTanh,
  type Keys,
  layerNorm,
  MASKED,
  type Probe,
} from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Gpt2Config } from './config.js';
import type { Gpt2BlockParams, Gpt2Params } from './params.js';

/** Keys and values of one layer. */
export interface KeyValue<Leaf = Tensor> {
  k: Leaf;
  v: Leaf;
}

/**
 * What the rows of each group may look back on, shared by them: `layers[l].k` and `.v` are [G, H, S, D]. A row sees the
 * slots where `mask` [G, R or 1, S] is 0; `MASKED` hides a slot. Beams that branch share their past this way, without
 * a copy for each.
 */
export interface Past {
  layers: KeyValue[];
  mask: Tensor;
}

export interface Gpt2Options {
  /** [T] or [B, T] int32; default 0 … T-1. */
  positions?: Tensor;
  /** For generating only: attention weights know no dropout with it. */
  past?: Past;
  /** [B, T] of 1 and 0 (padding): keys of padding are not seen. */
  attentionMask?: Tensor;
  /** Training: turns dropout on. */
  keys?: Keys | undefined;
  probe?: Probe | undefined;
}

export interface Gpt2Hidden {
  /** [B, T, C] after the last layer norm. */
  hidden: Tensor;
  /** New keys and values per layer, [G, H, R, T, D]; without a past, G = B and R = 1. */
  present: KeyValue[];
}

/**
 * The transformer on embeddings x [B, T, C] (of tokens, or whatever stands in for them), to which positions are added.
 * @throws PengiError E_SHAPE when x is of another shape or longer than the model's positions
 */
export function gpt2Hidden(
  p: Gpt2Params,
  x: Tensor,
  config: Gpt2Config,
  options: Gpt2Options = {},
): Gpt2Hidden {
  const { past, keys, probe } = options;
  const [B, T, C] = x.shape as [number, number, number];
  if (x.rank !== 3 || C !== config.width || T > config.positions)
    throw new PengiError(
      'E_SHAPE',
      `GPT-2 takes [B, T, ${config.width}] with T up to ${config.positions}, found [${x.shape.join(', ')}]`,
    );
  const positions = options.positions ?? tf.range(0, T, 1, 'int32');
  const groups = past ? past.mask.shape[0]! : B;
  const own = ownMask([groups, B / groups, T], options.attentionMask);

  let y = dropout(tf.add(x, embedding(p.wpe, positions)), config.dropout, fold(keys, 'drop'));
  const present: KeyValue[] = [];
  for (const [i, parameters] of p.h.entries()) {
    const result = block(
      parameters,
      y,
      config,
      own,
      past && { layer: past.layers[i]!, mask: past.mask },
      fold(keys, `h.${i}`),
    );
    y = result.y;
    present.push(result.present);
    probe?.(`h.${i}`, y);
  }
  return { hidden: layerNorm(p.ln_f, y), present };
}

/** Scores of the next token: hidden states [..., C] -> logits [..., V]. The output layer is the embedding, transposed. */
export function gpt2Logits(p: Pick<Gpt2Params, 'wte'>, hidden: Tensor): Tensor {
  const C = hidden.shape.at(-1)!;
  const logits = tf.matMul(tf.reshape(hidden, [-1, C]), p.wte.weight as tf.Tensor2D, false, true);
  return tf.reshape(logits, [...hidden.shape.slice(0, -1), p.wte.weight.shape[0]!]);
}

/** [..., C] embeddings of ids [...] int32. */
export function gpt2Embed(p: Pick<Gpt2Params, 'wte'>, ids: Tensor): Tensor {
  return embedding(p.wte, ids);
}

/**
 * Cross-entropy in nats of each target token, [B, T].
 * @param hidden [B, T, C] at the positions before the targets
 * @param targets [B, T] int32
 */
export function tokenLosses(p: Pick<Gpt2Params, 'wte'>, hidden: Tensor, targets: Tensor): Tensor {
  // The target's logit as a product with its embedding: cheaper than picking it out of the logits, forward and back.
  const targetLogits = tf.sum(tf.mul(hidden, gpt2Embed(p, targets)), -1);
  return tf.sub(tf.logSumExp(gpt2Logits(p, hidden), -1), targetLogits);
}

/** What tokens may see of their own sequence: [T, T], or [G, 1, R, T or 1, T] with padding. */
function ownMask([G, R, T]: [number, number, number], attentionMask: Tensor | undefined): Tensor | undefined {
  const causal = T > 1 ? causalMask(T) : undefined;
  if (!attentionMask) return causal;
  const padding = tf.mul(tf.sub(1, tf.cast(attentionMask, 'float32')), MASKED);
  const keys = tf.reshape(padding, [G, 1, R, 1, T]);
  // A minimum, not a sum: doubly masked scores must not differ from masked ones.
  return causal ? tf.minimum(causal, keys) : keys;
}

function block(
  p: Gpt2BlockParams,
  x: Tensor,
  config: Gpt2Config,
  own: Tensor | undefined,
  past: { layer: KeyValue; mask: Tensor } | undefined,
  keys: Keys | undefined,
): { y: Tensor; present: KeyValue } {
  const { output, present } = attention(p.attn, layerNorm(p.ln_1, x), config, own, past, fold(keys, 'attn'));
  const y = tf.add(x, dropout(output, config.dropout, fold(keys, 'resid')));
  const mlp = conv1d(p.mlp.c_proj, geluTanh(conv1d(p.mlp.c_fc, layerNorm(p.ln_2, y))));
  return { y: tf.add(y, dropout(mlp, config.dropout, fold(keys, 'mlp'))), present };
}

function attention(
  p: Gpt2BlockParams['attn'],
  x: Tensor,
  config: Gpt2Config,
  own: Tensor | undefined,
  past: { layer: KeyValue; mask: Tensor } | undefined,
  keys: Keys | undefined,
): { output: Tensor; present: KeyValue } {
  const [B, T, C] = x.shape as [number, number, number];
  const [H, D] = [config.heads, C / config.heads];
  const G = past ? past.layer.k.shape[0]! : B;
  const R = B / G;
  const [q, k, v] = tf
    .split(conv1d(p.c_attn, x), 3, -1)
    .map((part) => tf.transpose(tf.reshape(part, [G, R, T, H, D]), [0, 3, 1, 2, 4])) as [
    Tensor,
    Tensor,
    Tensor,
  ]; // [G, H, R, T, D]
  const scaled = tf.mul(q, 1 / Math.sqrt(D));

  const ownScores = tf.matMul(scaled, k, false, true); // [G, H, R, T, T]
  const masked = own ? tf.add(ownScores, own) : ownScores;
  let attended: Tensor;
  if (past) {
    const S = past.layer.k.shape[2]!;
    // All rows of a group attend to its store in one product.
    const rows = tf.reshape(scaled, [G, H, R * T, D]);
    const pastScores = tf.reshape(tf.matMul(rows, past.layer.k, false, true), [G, H, R, T, S]);
    const visible = tf.add(pastScores, tf.reshape(past.mask, [G, 1, past.mask.shape[1]!, 1, S]));
    const weights = tf.softmax(tf.concat([visible, masked], -1));
    const [pastWeights, ownWeights] = tf.split(weights, [S, T], -1) as [Tensor, Tensor];
    const fromPast = tf.matMul(tf.reshape(pastWeights, [G, H, R * T, S]), past.layer.v);
    attended = tf.add(tf.reshape(fromPast, [G, H, R, T, D]), tf.matMul(ownWeights, v));
  } else {
    const weights = dropout(tf.softmax(masked), config.dropout, fold(keys, 'weights'));
    attended = tf.matMul(weights, v);
  }
  const merged = tf.reshape(tf.transpose(attended, [0, 2, 3, 1, 4]), [B, T, C]);
  return { output: conv1d(p.c_proj, merged), present: { k, v } };
}
