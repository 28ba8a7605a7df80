/**
 * Layers as pure functions of `(parameters, input)`, each beside the spec of its parameters. Parameter names and
 * layouts are PyTorch's. Shape letters: B batch, T positions, C channels, H heads, D channels of a head.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import {
  type Initializer,
  normalInit,
  onesInit,
  torchLinearInit,
  truncatedNormalInit,
  uniformInit,
  zerosInit,
} from './init.js';
import type { LoraParams } from './lora.js';
import { linearWeight, type ParamsOf, param } from './spec.js';

// --- linear -----------------------------------------------------------------------------------------------------

export interface LinearOptions {
  weight?: Initializer;
  bias?: Initializer;
}

/** torch `nn.Linear`: weight [out, in], bias [out]; torch's default initial values. */
export function linearSpec(inputs: number, outputs: number, options: LinearOptions = {}) {
  return {
    weight: linearWeight([outputs, inputs], options.weight ?? torchLinearInit, 'out-in'),
    bias: param([outputs], options.bias ?? uniformInit(1 / Math.sqrt(inputs))),
  };
}

/** torch `nn.Linear(bias=False)`. */
export function linearNoBiasSpec(inputs: number, outputs: number, options: LinearOptions = {}) {
  return { weight: linearWeight([outputs, inputs], options.weight ?? torchLinearInit, 'out-in') };
}

/** Weights truncated-normal with std 0.02, biases 0: what Swin transformers, and so HTSAT, start from. */
export const SWIN_LINEAR: LinearOptions = { weight: truncatedNormalInit(0.02), bias: zerosInit };

/** What the functions of linear layers take: perhaps with a low-rank adapter, which `addLora` adds. */
interface LinearParams {
  weight: Tensor;
  bias?: Tensor;
  lora?: LoraParams;
}

/** `x W^T + b` for x [..., in]. */
export function linear(p: LinearParams, x: Tensor): Tensor {
  const rows = asRows(x);
  return linearOutput(p, x, rows, tf.matMul(rows, p.weight as tf.Tensor2D, false, true));
}

/** The product of a layer's weight with the rows of x, plus what else the layer has, in the shape of x. */
function linearOutput({ bias, lora }: LinearParams, x: Tensor, rows: tf.Tensor2D, product: Tensor): Tensor {
  let y = bias ? tf.add(product, bias) : product;
  if (lora) {
    const inner = tf.matMul(rows, lora.a as tf.Tensor2D, false, true); // [rows, rank]
    y = tf.add(y, tf.matMul(tf.mul(inner, lora.scale), lora.b as tf.Tensor2D, false, true));
  }
  return tf.reshape(y, [...x.shape.slice(0, -1), product.shape[1]!]);
}

/** transformers' `Conv1D`: a linear layer whose weight is [in, out]. GPT-2 stores all its layers so. */
export function conv1dSpec(inputs: number, outputs: number, std = 0.02) {
  return {
    weight: linearWeight([inputs, outputs], normalInit(std), 'in-out'),
    bias: param([outputs], zerosInit),
  };
}

/** `x W + b` for x [..., in]. */
export function conv1d(p: LinearParams, x: Tensor): Tensor {
  const rows = asRows(x);
  return linearOutput(p, x, rows, tf.matMul(rows, p.weight as tf.Tensor2D));
}

/** [..., C] -> [rows, C]: one large product is faster than many small ones. */
function asRows(x: Tensor): tf.Tensor2D {
  return tf.reshape(x, [-1, x.shape[x.shape.length - 1]!]);
}

// --- normalisation ----------------------------------------------------------------------------------------------

export function layerNormSpec(channels: number) {
  return { weight: param([channels], onesInit), bias: param([channels], zerosInit) };
}

/** Layer normalisation over the last axis. Written as pow, sqrt and div: the form that ONNX Runtime fuses. */
export function layerNorm(p: ParamsOf<ReturnType<typeof layerNormSpec>>, x: Tensor, epsilon = 1e-5): Tensor {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.add(tf.mul(tf.div(centred, tf.sqrt(tf.add(variance, epsilon))), p.weight), p.bias);
}

/** x / ‖x‖₂ over the last axis, as the reference normalises embeddings. */
export function l2Normalize(x: Tensor): Tensor {
  return tf.div(x, tf.sqrt(tf.sum(tf.square(x), -1, true)));
}

// --- embedding --------------------------------------------------------------------------------------------------

export function embeddingSpec(count: number, channels: number, init: Initializer = normalInit(0.02)) {
  return { weight: param([count, channels], init) };
}

/** Rows of the table for ids [...] int32: [..., C]. */
export function embedding(p: { weight: Tensor }, ids: Tensor): Tensor {
  const flat = tf.reshape(ids, [-1]) as tf.Tensor1D;
  return tf.reshape(tf.gather(p.weight, flat), [...ids.shape, p.weight.shape[1]!]);
}

// --- activations ------------------------------------------------------------------------------------------------

/** Exact GELU: x Φ(x). Written with a division, the form that ONNX Runtime fuses. */
export function gelu(x: Tensor): Tensor {
  return tf.mul(tf.mul(x, tf.add(tf.erf(tf.div(x, Math.SQRT2)), 1)), 0.5);
}

/** The tanh approximation of GELU: GPT-2's `gelu_new`. */
export function geluTanh(x: Tensor): Tensor {
  const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.pow(x, 3))));
  return tf.mul(tf.mul(0.5, x), tf.add(1, tf.tanh(inner)));
}

/** x σ(1.702 x): CLIP's activation. */
export function quickGelu(x: Tensor): Tensor {
  return tf.mul(x, tf.sigmoid(tf.mul(1.702, x)));
}

// --- attention --------------------------------------------------------------------------------------------------

/** [B, T, H*D] -> [B, H, T, D] */
export function splitHeads(x: Tensor, heads: number): Tensor {
  const [B, T, C] = x.shape as [number, number, number];
  return tf.transpose(tf.reshape(x, [B, T, heads, C / heads]), [0, 2, 1, 3]);
}

/** [B, H, T, D] -> [B, T, H*D] */
export function mergeHeads(x: Tensor): Tensor {
  const [B, H, T, D] = x.shape as [number, number, number, number];
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [B, T, H * D]);
}

/**
 * softmax(q k^T · scale + mask) v, for q [..., Tq, D] and k, v [..., Tk, D].
 * @param mask added to the scores, broadcast over the leading axes
 * @param weights applied to the attention weights, such as dropout
 */
export function attend(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: { scale?: number; mask?: Tensor | undefined; weights?: (weights: Tensor) => Tensor } = {},
): Tensor {
  const scale = options.scale ?? 1 / Math.sqrt(q.shape[q.shape.length - 1]!);
  // Scaling q rather than the scores costs Tk/D times less.
  let scores = tf.matMul(tf.mul(q, scale), k, false, true);
  if (options.mask) scores = tf.add(scores, options.mask);
  const weights = tf.softmax(scores);
  return tf.matMul(options.weights ? options.weights(weights) : weights, v);
}

/** What is added to scores that must not count: large enough to vanish in a softmax, small enough not to overflow. */
export const MASKED = -1e9;

/** [T, T], 0 where position j may be seen from i (j <= i), `MASKED` elsewhere. */
export function causalMask(positions: number): Tensor {
  const mask = new Float32Array(positions * positions);
  for (let i = 0; i < positions; i++) mask.fill(MASKED, i * positions + i + 1, (i + 1) * positions);
  return tf.tensor2d(mask, [positions, positions]);
}
