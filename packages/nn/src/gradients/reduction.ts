import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type GradientRule, keptShape } from './rule.js';

/** max and min: the gradient goes to the elements that equal the result. */
const extremum = (attribute: string): GradientRule => ({
  save: ['x', 'y'],
  gradient: (dy, { x, y }, attrs) => ({
    x: () => {
      const { kept } = keptShape(x!.shape, attrs[attribute]);
      return tf.mul(tf.reshape(dy, kept), tf.cast(tf.equal(x!, tf.reshape(y!, kept)), 'float32'));
    },
  }),
});

const lastAxis = (dy: Tensor, y: Tensor) => tf.sum(tf.mul(dy, y), -1, true);

/** `dy` repeated along the reduced axes. */
function spread(dy: Tensor, shape: number[], kept: number[]): Tensor {
  // broadcastTo leaves axes of 1 as they are where 0 is asked for.
  return tf.util.sizeFromShape(shape) === 0 ? tf.zeros(shape) : tf.broadcastTo(tf.reshape(dy, kept), shape);
}

export const reduction: Record<string, GradientRule> = {
  Sum: {
    save: ['x'],
    gradient: (dy, { x }, { axis }) => ({
      x: () => spread(dy, x!.shape, keptShape(x!.shape, axis).kept),
    }),
  },
  Mean: {
    save: ['x'],
    gradient: (dy, { x }, { axis }) => ({
      x: () => {
        const { kept } = keptShape(x!.shape, axis);
        const count = x!.size / Math.max(1, tf.util.sizeFromShape(kept));
        return spread(tf.mul(dy, 1 / count), x!.shape, kept);
      },
    }),
  },
  Max: extremum('reductionIndices'),
  Min: extremum('axis'),
  Softmax: {
    save: ['y'],
    gradient: (dy, { y }) => ({ logits: () => tf.mul(tf.sub(dy, lastAxis(dy, y!)), y!) }),
  },
  Cumsum: {
    gradient: (dy, _saved, { axis, exclusive, reverse }) => ({
      x: () => tf.cumsum(dy, axis as number, exclusive as boolean, !reverse),
    }),
  },
};
