import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  attend,
  causalMask,
  conv1d,
  embedding,
  gelu,
  geluTanh,
  layerNorm,
  linear,
  mergeHeads,
  quickGelu,
  splitHeads,
} from './layers.js';
import { expectNear, list, useCpuBackend } from './testing/tensors.js';

useCpuBackend();

describe('layers', () => {
  it('linear is x W^T + b with torch layout, conv1d is x W + b', () => {
    const x = tf.tensor2d([[1, 2]]);
    const bias = tf.tensor1d([10, 20, 30]);
    expectNear(
      linear(
        {
          weight: tf.tensor2d([
            [1, 0],
            [0, 1],
            [1, 1],
          ]),
          bias,
        },
        x,
      ),
      [11, 22, 33],
    );
    expectNear(
      conv1d(
        {
          weight: tf.tensor2d([
            [1, 0, 1],
            [0, 1, 1],
          ]),
          bias,
        },
        x,
      ),
      [11, 22, 33],
    );
  });

  it('linear keeps the leading axes', () => {
    expect(linear({ weight: tf.zeros([5, 3]) }, tf.zeros([2, 4, 3])).shape).toEqual([2, 4, 5]);
  });

  it('layerNorm uses the biased variance', () => {
    // (x - 2) / sqrt(2/3) for 1, 2, 3
    const p = { weight: tf.ones([3]), bias: tf.tensor1d([0, 0, 1]) };
    expectNear(layerNorm(p, tf.tensor2d([[1, 2, 3]]), 0), [-1.2247449, 0, 2.2247449]);
  });

  it('activations agree with the normal distribution and the papers that define them', () => {
    const x = tf.tensor1d([-1, 0, 1, 2]);
    expectNear(gelu(x), [-0.1586553, 0, 0.8413447, 1.9544997]); // x Φ(x)
    expectNear(geluTanh(x), [-0.158808, 0, 0.841192, 1.954598]);
    expectNear(quickGelu(x), [-0.1542043, 0, 0.8457957, 1.9356586]); // x / (1 + exp(-1.702 x))
  });

  it('embedding picks rows', () => {
    const weight = tf.tensor2d([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
    expect(list(embedding({ weight }, tf.tensor2d([[2, 0]], [1, 2], 'int32')))).toEqual([4, 5, 0, 1]);
  });

  it('heads split and merge without loss', () => {
    const x = tf.reshape(tf.range(0, 48), [2, 3, 8]);
    expect(splitHeads(x, 4).shape).toEqual([2, 4, 3, 2]);
    expect(list(mergeHeads(splitHeads(x, 4)))).toEqual(list(x));
  });

  it('causal attention of equal scores averages what may be seen', () => {
    const v = tf.tensor3d([[[2], [4], [9]]]);
    const zero = tf.zeros([1, 3, 1]);
    expectNear(attend(zero, zero, v, { mask: causalMask(3) }), [2, 3, 5]);
  });
});
