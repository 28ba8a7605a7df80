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

export const reduction: Record<string, GradientRule> = {
  Sum: {
    save: ['x'],
    gradient: (dy, { x }, { axis }) => ({
      x: () => tf.broadcastTo(tf.reshape(dy, keptShape(x!.shape, axis).kept), x!.shape),
    }),
  },
  Mean: {
    save: ['x'],
    gradient: (dy, { x }, { axis }) => ({
      x: () => {
        const { kept } = keptShape(x!.shape, axis);
        const count = x!.size / Math.max(1, tf.util.sizeFromShape(kept));
        return tf.broadcastTo(tf.reshape(tf.mul(dy, 1 / count), kept), x!.shape);
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
