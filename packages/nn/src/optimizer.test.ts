import { floats, type NdArray } from '@pengi/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { adamInit, adamUpdate, clipByGlobalNorm, globalNorm } from './optimizer.js';
import { expectNear, list, useCpuBackend } from './testing/tensors.js';

useCpuBackend();

describe('optimizers', () => {
  /** torch's Adam written out in float64 numbers for one parameter. */
  function adamByHand(p: number, gs: number[], lr: number, decay: number): number {
    let m = 0;
    let v = 0;
    gs.forEach((g, i) => {
      m = 0.9 * m + 0.1 * g;
      v = 0.999 * v + 0.001 * g * g;
      p *= 1 - lr * decay;
      p -= (lr * (m / (1 - 0.9 ** (i + 1)))) / (Math.sqrt(v / (1 - 0.999 ** (i + 1))) + 1e-8);
    });
    return p;
  }

  it.each([0, 0.1])('adam with weight decay %d follows the published recursion', (weightDecay) => {
    const start = { w: floats([0.5, -0.3], [1, 2]), b: floats([1]) };
    const init = adamInit(start);
    const tensor = (n: NdArray) => tf.tensor(n.data as Float32Array, [...n.shape]);
    let params = { w: tensor(start.w), b: tensor(start.b) };
    let state = {
      step: tensor(init.step),
      m: { w: tensor(init.m.w), b: tensor(init.m.b) },
      v: { w: tensor(init.v.w), b: tensor(init.v.b) },
    };
    const gradients = [
      [0.1, -2, 0.7],
      [0.3, 1, -0.2],
      [-0.5, 0.5, 0.01],
    ];
    for (const [w0, w1, b] of gradients) {
      const grads = { w: tf.tensor2d([[w0!, w1!]]), b: tf.tensor1d([b!]) };
      ({ params, state } = adamUpdate(params, grads, state, tf.scalar(0.01), { weightDecay }));
    }
    const column = (i: number) => gradients.map((g) => g[i]!);
    expectNear(
      params.w,
      [adamByHand(0.5, column(0), 0.01, weightDecay), adamByHand(-0.3, column(1), 0.01, weightDecay)],
      6,
    );
    expectNear(params.b, [adamByHand(1, column(2), 0.01, 0)], 6); // vectors do not decay
    expect(list(state.step)).toEqual([3]);
  });

  it('gives groups of parameters their own rate, of which decay is a part, and spares some from decay', () => {
    const start = { w: [0.5, -0.3], table: [0.5, -0.3], b: [1] };
    const gradients = [0.1, -2, 0.7];
    const shapes = { w: [1, 2], table: [1, 2], b: [1] };
    type Key = keyof typeof start;
    const keys = Object.keys(start) as Key[];
    const treeOf = (values: (key: Key) => number[]) =>
      Object.fromEntries(keys.map((key) => [key, tf.tensor(values(key), shapes[key])]));
    let params = treeOf((key) => start[key]);
    let state = {
      step: tf.scalar(0) as tf.Tensor,
      m: treeOf((key) => start[key].map(() => 0)),
      v: treeOf((key) => start[key].map(() => 0)),
    };
    const options = {
      weightDecay: 0.1,
      noDecay: ['tab*'],
      groups: [
        { match: ['w'], rate: 0.5 },
        { match: ['**', 'w', 'b'], rate: 3 },
      ],
    };
    for (const g of gradients) {
      const grads = treeOf((key) => start[key].map(() => g));
      ({ params, state } = adamUpdate(params, grads, state, tf.scalar(0.01), options));
    }
    expectNear(
      params.w!,
      [adamByHand(0.5, gradients, 0.005, 0.1), adamByHand(-0.3, gradients, 0.005, 0.1)],
      6,
    );
    expectNear(params.table!, [adamByHand(0.5, gradients, 0.03, 0), adamByHand(-0.3, gradients, 0.03, 0)], 6);
    expectNear(params.b!, [adamByHand(1, gradients, 0.03, 0)], 6);
  });

  it('adam leaves a parameter without gradient alone, whatever the decay', () => {
    const params = { w: tf.ones([2, 2]) };
    const state = { step: tf.scalar(0), m: { w: tf.zeros([2, 2]) }, v: { w: tf.zeros([2, 2]) } };
    const next = adamUpdate(params, { w: null }, state, tf.scalar(1), { weightDecay: 0.5 });
    expect(list(next.params.w)).toEqual([1, 1, 1, 1]);
  });

  it('clips by the norm over all gradients', () => {
    const { grads, norm } = clipByGlobalNorm<{ a: tf.Tensor; b: tf.Tensor; c: tf.Tensor }>(
      { a: tf.tensor1d([3]), b: tf.tensor1d([4]), c: null },
      1,
    );
    expectNear(norm, [5]);
    expectNear(grads.a as tf.Tensor, [0.6]);
    expectNear(grads.b as tf.Tensor, [0.8]);
    const small = clipByGlobalNorm<{ a: tf.Tensor }>({ a: tf.tensor1d([0.5]) }, 1);
    expectNear(small.grads.a as tf.Tensor, [0.5]);
  });

  it('takes the norm of no gradients as 0', () => {
    expectNear(globalNorm<{ a: tf.Tensor }>({ a: null }), [0]);
    const { grads, norm } = clipByGlobalNorm<{ a: tf.Tensor }>({ a: null }, 1);
    expectNear(norm, [0]);
    expect(grads).toEqual({ a: null });
  });
});
