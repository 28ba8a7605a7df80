/**
 * Statistics of bn0 in training. It normalises the input, so they are facts about the log-mels alone: no gradient passes
 * through them, and those of a batch that is divided are made of sums over its parts.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { HtsatParams } from './params.js';

type Bn0 = Pick<HtsatParams['bn0'], 'running_mean' | 'running_var'>;

/** Of the log-mels of a part of a batch, to be added to those of the others. */
export interface BatchNormSums {
  /** Frames, []. */
  count: Tensor;
  /** Sums of x and of x², [M], where x counts from the running mean: so, nothing large cancels. */
  sum: Tensor;
  squares: Tensor;
}

/** torch's default. */
const MOMENTUM = 0.1;

/** @param logMel [B, T, M] dB */
export function batchNormSums(p: Bn0, logMel: Tensor): BatchNormSums {
  const [B, T] = logMel.shape as [number, number, number];
  const x = tf.sub(logMel, p.running_mean);
  return { count: tf.scalar(B * T), sum: tf.sum(x, [0, 1]), squares: tf.sum(tf.square(x), [0, 1]) };
}

/**
 * As torch's `BatchNorm2d` in training: what the batch is normalised with, which has the variance of the batch, and the
 * running statistics after it, which move a tenth of the way towards the mean and the unbiased variance.
 */
export function batchNormStatistics(
  p: Bn0,
  { count, sum, squares }: BatchNormSums,
): { seen: Bn0; next: Bn0 } {
  const shift = tf.div(sum, count);
  const mean = tf.add(p.running_mean, shift);
  const variance = tf.maximum(0, tf.sub(tf.div(squares, count), tf.square(shift)));
  const unbiased = tf.mul(variance, tf.div(count, tf.sub(count, 1)));
  const moved = (from: Tensor, to: Tensor) => tf.add(tf.mul(from, 1 - MOMENTUM), tf.mul(to, MOMENTUM));
  return {
    seen: { running_mean: mean, running_var: variance },
    next: { running_mean: moved(p.running_mean, mean), running_var: moved(p.running_var, unbiased) },
  };
}
