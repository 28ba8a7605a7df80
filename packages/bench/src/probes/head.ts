/**
 * The shallow predictors of HEAR's kit as one function over several of them side by side, so that grid points and folds are
 * trained by one graph. Shape letters: P probes, S sets of rows (P, or 1 that all probes share), N rows, D channels of an embedding,
 * H hidden channels, K labels.
 */
import { floats, leaves, type NdArray, type Rng, rebuildTree, sizeOf, type Tree } from '@pengi/core';
import {
  buffer,
  dropout,
  fold,
  type Initializer,
  initParams,
  type Keys,
  onesInit,
  type ParamsOf,
  param,
  times,
  uniformInit,
  xavierNormalInit,
  xavierUniformInit,
  zerosInit,
} from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

export interface HeadSizes {
  /** D */
  readonly inputs: number;
  /** K */
  readonly outputs: number;
  readonly hiddenLayers: number;
  /** H */
  readonly hiddenDim: number;
}

export type Initialization = 'xavier_uniform' | 'xavier_normal';

export type PredictionType = 'multiclass' | 'multilabel';

const EPSILON = 1e-5;
const MOMENTUM = 0.1;

/** One probe's parameters; vectors are [1, channels], so that several probes stack to [P, 1, channels]. */
export function headSpec(
  { inputs, outputs, hiddenLayers, hiddenDim }: HeadSizes,
  initialization: Initialization = 'xavier_uniform',
) {
  const init = initialization === 'xavier_uniform' ? xavierUniformInit : xavierNormalInit;
  // The kit scales the weights behind a ReLU by √2 and keeps torch's own initial biases.
  const layer = (from: number, to: number, gain: number) => ({
    weight: param([to, from], scaled(init, gain)),
    bias: param([1, to], uniformInit(1 / Math.sqrt(from))),
  });
  const hidden = times(hiddenLayers, (i) => ({
    linear: i === 0 ? layer(inputs, hiddenDim, 1) : layer(hiddenDim, hiddenDim, Math.SQRT2),
    norm: { weight: param([1, hiddenDim], onesInit), bias: param([1, hiddenDim], zerosInit) },
  }));
  const projection = hiddenLayers === 0 ? layer(inputs, outputs, 1) : layer(hiddenDim, outputs, Math.SQRT2);
  return { hidden, projection };
}

/** The running statistics of the batch normalisations. */
export function statisticsSpec({ hiddenLayers, hiddenDim }: HeadSizes) {
  return times(hiddenLayers, () => ({
    mean: buffer([1, hiddenDim], zerosInit),
    variance: buffer([1, hiddenDim], onesInit),
  }));
}

function scaled(init: Initializer, gain: number): Initializer {
  return (shape, rng) => init(shape, rng).map((value) => value * gain);
}

/** Several probes; in an engine (`Tensor`) or in memory (`NdArray`), and so without P where it is one. */
export type HeadParams<Leaf = Tensor> = ParamsOf<ReturnType<typeof headSpec>, Leaf>;
export type HeadStatistics<Leaf = Tensor> = ParamsOf<ReturnType<typeof statisticsSpec>, Leaf>;

/** All that a trained probe is. */
export interface Head<Leaf = NdArray<'float32'>> {
  params: HeadParams<Leaf>;
  statistics: HeadStatistics<Leaf>;
}

export function initHead(sizes: HeadSizes, initialization: Initialization, rng: Rng): Head {
  return {
    params: initParams(headSpec(sizes, initialization), rng),
    statistics: initParams(statisticsSpec(sizes), rng),
  };
}

/** Arrays [P, …] of P trees with the same structure. */
export function stackTrees<T>(trees: readonly T[]): T {
  const all = trees.map((tree) => new Map(leaves<NdArray>(tree as Tree<NdArray>)));
  return rebuildTree<T>(trees[0] as Tree<NdArray>, (path) => {
    const parts = all.map((found) => found.get(path)!);
    const size = sizeOf(parts[0]!.shape);
    const data = new Float32Array(parts.length * size);
    for (const [p, part] of parts.entries()) data.set(part.data as Float32Array, p * size);
    return floats(data, [parts.length, ...parts[0]!.shape]);
  });
}

/** The p-th tree of those that `stackTrees` made one; copies. */
export function unstackTree<T>(tree: T, p: number): T {
  return rebuildTree<T>(tree as Tree<NdArray>, (_path, leaf) => {
    const { shape, data } = leaf as NdArray<'float32'>;
    const size = sizeOf(shape.slice(1));
    return floats(data.slice(p * size, (p + 1) * size), shape.slice(1));
  });
}

/** x W^T + b for x [S, N, in], W [P, out, in]. */
function linear({ weight, bias }: { weight: Tensor; bias: Tensor }, x: Tensor): Tensor {
  return tf.add(tf.matMul(x as tf.Tensor3D, weight as tf.Tensor3D, false, true), bias);
}

function normalised(x: Tensor, mean: Tensor, variance: Tensor, p: { weight: Tensor; bias: Tensor }): Tensor {
  return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, EPSILON))), p.weight), p.bias);
}

/** Logits [P, N, K] of embeddings [S, N, D], by the running statistics. */
export function headLogits({ params, statistics }: Head<Tensor>, x: Tensor): Tensor {
  const hidden = params.hidden.reduce((h, { linear: own, norm }, i) => {
    const { mean, variance } = statistics[i]!;
    return tf.relu(normalised(linear(own, h), mean, variance, norm));
  }, x);
  return linear(params.projection, hidden);
}

/**
 * Logits in training: normalised by the batch's own statistics, with dropout between normalisation and ReLU as the kit has it. The
 * running statistics take in the batch's variance without bias, as torch's do.
 * @param mask [S, N, 1], 0 for rows that only fill up the batch and must not count
 */
export function headTrainingLogits(
  { params, statistics }: Head<Tensor>,
  x: Tensor,
  mask: Tensor,
  rate: number,
  keys?: Keys,
): { logits: Tensor; statistics: HeadStatistics } {
  const count = tf.sum(mask, 1, true); // [S, 1, 1]
  const meanOf = (values: Tensor) => tf.div(tf.sum(tf.mul(values, mask), 1, true), count);
  const next: HeadStatistics = [];
  const hidden = params.hidden.reduce((h, { linear: own, norm }, i) => {
    // The bias cancels in the normalisation, so it is left out: of its gradient, 0, float32 would leave rounding, which Adam blows up
    // to whole steps.
    const z = tf.matMul(h as tf.Tensor3D, own.weight as tf.Tensor3D, false, true);
    const mean = meanOf(z);
    const variance = meanOf(tf.square(tf.sub(z, mean)));
    const unbiased = tf.mul(variance, tf.div(count, tf.sub(count, 1)));
    const running = statistics[i]!;
    next.push({
      mean: tf.add(tf.mul(running.mean, 1 - MOMENTUM), tf.mul(tf.add(mean, own.bias), MOMENTUM)),
      variance: tf.add(tf.mul(running.variance, 1 - MOMENTUM), tf.mul(unbiased, MOMENTUM)),
    });
    return tf.relu(dropout(normalised(z, mean, variance, norm), rate, fold(keys, i)));
  }, x);
  return { logits: linear(params.projection, hidden), statistics: next };
}

/**
 * The mean loss of each probe, [P]: cross-entropy (multiclass) over rows, or binary cross-entropy (multilabel) over rows and labels.
 * @param targets [S, N, K], 0 or 1
 * @param mask [S, N, 1]
 */
export function headLosses(type: PredictionType, logits: Tensor, targets: Tensor, mask: Tensor): Tensor {
  const count = tf.sum(mask, [1, 2]); // [S]
  if (type === 'multiclass') {
    const perRow = tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), targets), -1, true));
    return tf.div(tf.sum(tf.mul(perRow, mask), [1, 2]), count);
  }
  const labels = logits.shape[2]!;
  const perLabel = tf.add(
    tf.sub(tf.relu(logits), tf.mul(logits, targets)),
    tf.log1p(tf.exp(tf.neg(tf.abs(logits)))),
  );
  return tf.div(tf.sum(tf.mul(perLabel, mask), [1, 2]), tf.mul(count, labels));
}

/** What is minimised: probes share no parameter, so the gradient of the sum is each one's own. */
export function totalLoss(losses: Tensor): Scalar {
  return tf.sum(losses) as Scalar;
}
