import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * How the gradient of a kernel's output gives that of its inputs. `save` lists what the formula needs; the formula gets
 * it by name, with `y` for the first output. An input without an entry in the result has no gradient.
 */
export interface GradientRule {
  save?: readonly string[] | 'all';
  gradient(
    dy: Tensor,
    saved: Record<string, Tensor>,
    attrs: Record<string, unknown>,
  ): Record<string, Tensor | Lazy>;
}

/** A gradient that is computed only when it is asked for: worth it where one of two inputs is often a constant. */
export type Lazy = () => Tensor;

/** `dy` summed over the axes along which an input of `shape` was broadcast. */
export function sumTo(dy: Tensor, shape: readonly number[]): Tensor {
  const extra = dy.shape.length - shape.length;
  const axes = dy.shape
    .map((_, i) => i)
    .filter((i) => i < extra || (shape[i - extra] === 1 && dy.shape[i] !== 1));
  const summed = axes.length > 0 ? tf.sum(dy, axes) : dy;
  return sameShape(summed.shape, shape) ? summed : tf.reshape(summed, [...shape]);
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** The shape of a reduction with the reduced axes kept as 1, and the axes as non-negative numbers. */
export function keptShape(shape: readonly number[], axis: unknown): { kept: number[]; axes: number[] } {
  const axes = tf.util.parseAxisParam(axis as number | number[], [...shape]);
  return { kept: shape.map((dim, i) => (axes.includes(i) ? 1 : dim)), axes };
}
