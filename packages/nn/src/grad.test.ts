import type { NdArray } from '@pengi/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { valueAndGrad } from './grad.js';
import { gelu, layerNorm, layerNormSpec, linear, linearSpec } from './layers.js';
import { initParams } from './spec.js';
import { expectNear, list, useCpuBackend } from './testing/tensors.js';

useCpuBackend();

describe('valueAndGrad', () => {
  it('gives the gradient by path and null where the loss does not reach', () => {
    const params = { used: tf.tensor1d([1, 2]), h: [{ unused: tf.tensor1d([3]) }] };
    const { loss, grads } = valueAndGrad((p) => tf.sum(tf.square(p.used)) as tf.Scalar, params);
    expectNear(loss, [5]);
    expectNear(grads.used as tf.Tensor, [2, 4]);
    expect(grads.h[0]?.unused).toBeNull();
  });

  it('hands out what the function computed beside the loss', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const { aux } = valueAndGrad(
        (p) => {
          const y = tf.square(p.w);
          return { loss: tf.sum(y) as tf.Scalar, aux: { y, list: [tf.neg(y)] } };
        },
        { w: tf.tensor1d([1, 2]) },
      );
      expectNear(aux.y, [1, 4]);
      expectNear(aux.list[0]!, [-1, -4]);
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('agrees with central differences through a small network', () => {
    const spec = { a: linearSpec(4, 5), n: layerNormSpec(5), b: linearSpec(5, 1) };
    const host = initParams(spec, 1);
    const x = tf.tensor2d([
      [0.3, -1, 0.5, 2],
      [1, 0.2, -0.4, 0.1],
    ]);
    type P = {
      a: { weight: tf.Tensor; bias: tf.Tensor };
      n: { weight: tf.Tensor; bias: tf.Tensor };
      b: { weight: tf.Tensor; bias: tf.Tensor };
    };
    const f = (p: P) => tf.sum(tf.square(linear(p.b, gelu(layerNorm(p.n, linear(p.a, x)))))) as tf.Scalar;
    const tensorsOf = (h: typeof host) => {
      const t = (n: NdArray) => tf.tensor(n.data as Float32Array, [...n.shape]);
      const pair = (l: { weight: NdArray; bias: NdArray }) => ({ weight: t(l.weight), bias: t(l.bias) });
      return { a: pair(h.a), n: pair(h.n), b: pair(h.b) };
    };
    const { grads } = valueAndGrad(f, tensorsOf(host));
    const analytic = list(grads.a.weight as tf.Tensor);
    const step = 1e-2;
    for (const i of [0, 7, 19]) {
      const data = host.a.weight.data;
      const kept = data[i]!;
      data[i] = kept + step;
      const up = f(tensorsOf(host)).dataSync()[0]!;
      data[i] = kept - step;
      const down = f(tensorsOf(host)).dataSync()[0]!;
      data[i] = kept;
      expect(analytic[i]).toBeCloseTo((up - down) / (2 * step), 2);
    }
  });

  it('gives zero where a result is no float, and one input all where two are equal', () => {
    const params = { a: tf.tensor1d([1.5, 2]), b: tf.tensor1d([1.5, 3]) };
    const { grads } = valueAndGrad(
      ({ a, b }) => tf.sum(tf.add(tf.maximum(a, b), tf.cast(tf.cast(a, 'int32'), 'float32'))) as tf.Scalar,
      params,
    );
    expectNear(grads.a as tf.Tensor, [1, 0]);
    expectNear(grads.b as tf.Tensor, [0, 1]);
  });

  it('uses the gradients of this package, whatever another has registered', () => {
    tf.registerGradient({ kernelName: 'Exp', gradFunc: (dy) => ({ x: () => dy as tf.Tensor }) });
    const { grads } = valueAndGrad((p) => tf.sum(tf.exp(p.x)) as tf.Scalar, { x: tf.tensor1d([0, 1]) });
    expectNear(grads.x as tf.Tensor, [1, Math.E]);
  });

  it('refuses the gradient of a convolution with dilations', () => {
    const params = { w: tf.ones([2, 2, 1, 1]) as tf.Tensor4D };
    const x = tf.ones([1, 5, 5, 1]) as tf.Tensor4D;
    const dilated = (p: typeof params) => tf.sum(tf.conv2d(x, p.w, 1, 'same', 'NHWC', 2)) as tf.Scalar;
    expect(dilated(params).dataSync()[0]).toBeGreaterThan(0);
    expect(() => valueAndGrad(dilated, params)).toThrow(expect.objectContaining({ code: 'E_KERNEL' }));
  });

  const scalarOf = (x: tf.Tensor) => tf.sum(x) as tf.Scalar;

  it.each<[string, (y: tf.Tensor) => tf.Scalar, RegExp]>([
    [
      'the function fails',
      () => {
        throw new Error('on purpose');
      },
      /on purpose/,
    ],
    ['a gradient does not exist', (y) => scalarOf(tf.prod(y)), /gradient function not found for Prod/],
    ['the loss is no scalar', (y) => y as tf.Scalar, /scalar/],
  ])('keeps no tensor when %s', (_when, lossOf, message) => {
    const params = { w: tf.tensor1d([1, 2]) };
    const before = tf.memory().numTensors;
    const failing = () =>
      valueAndGrad((p) => {
        const y = tf.exp(tf.square(p.w));
        return { loss: lossOf(y), aux: y };
      }, params);
    expect(failing).toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('goes on when a gradient inside of the function fails', () => {
    const { grads } = valueAndGrad(
      (p) => {
        const y = tf.exp(p.w);
        expect(() => valueAndGrad((q) => scalarOf(tf.prod(tf.exp(q.w))), { w: tf.ones([2]) })).toThrow(
          /Prod/,
        );
        return scalarOf(y);
      },
      { w: tf.tensor1d([0, 1]) },
    );
    expectNear(grads.w as tf.Tensor, [1, Math.E]);
  });
});
