import '@tensorflow/tfjs-backend-cpu';
import { createRng, floats, leaves, type NdArray } from '@pengi/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  adamInit,
  adamUpdate,
  attend,
  causalMask,
  clipByGlobalNorm,
  collectProbes,
  conv1d,
  cosineWarmupDecay,
  dropout,
  dropPath,
  embedding,
  fold,
  gelu,
  geluTanh,
  hashUniform,
  initParams,
  keysFrom,
  layerNorm,
  layerNormSpec,
  linear,
  linearSpec,
  linearWarmupDecay,
  mergeHeads,
  normalInit,
  param,
  quickGelu,
  registerRandomKernels,
  splitHeads,
  times,
  torchLinearInit,
  truncatedNormalInit,
  uniform,
  valueAndGrad,
  xavierUniformInit,
} from './index.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
  registerRandomKernels('cpu');
});

const list = (x: tf.Tensor) => Array.from(x.dataSync());
const near = (x: tf.Tensor, expected: number[], digits = 5) =>
  list(x).forEach((value, i) => {
    expect(value, `element ${i}`).toBeCloseTo(expected[i]!, digits);
  });

describe('layers', () => {
  it('linear is x W^T + b with torch layout, conv1d is x W + b', () => {
    const x = tf.tensor2d([[1, 2]]);
    const bias = tf.tensor1d([10, 20, 30]);
    near(
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
    near(
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
    near(layerNorm(p, tf.tensor2d([[1, 2, 3]]), 0), [-1.2247449, 0, 2.2247449]);
  });

  it('activations agree with the normal distribution and the papers that define them', () => {
    const x = tf.tensor1d([-1, 0, 1, 2]);
    near(gelu(x), [-0.1586553, 0, 0.8413447, 1.9544997]); // x Φ(x)
    near(geluTanh(x), [-0.158808, 0, 0.841192, 1.954598]);
    near(quickGelu(x), [-0.1542043, 0, 0.8457957, 1.9356586]); // x / (1 + exp(-1.702 x))
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
    near(attend(zero, zero, v, { mask: causalMask(3) }), [2, 3, 5]);
  });
});

describe('initial values', () => {
  const draws = 20_000;
  const std = (values: Float32Array) => Math.sqrt(values.reduce((s, x) => s + x * x, 0) / values.length);

  it.each([
    ['normal', normalInit(0.02), 0.02],
    ['truncated normal', truncatedNormalInit(0.02), 0.02],
    // uniform in ±b has the standard deviation b/√3
    ['torch linear [out, in]', torchLinearInit, 1 / Math.sqrt(200) / Math.sqrt(3)],
    ['xavier uniform', xavierUniformInit, Math.sqrt(6 / 300) / Math.sqrt(3)],
  ])('%s has the standard deviation of its definition', (_name, init, expected) => {
    const values = init([draws / 200, 200], createRng(3));
    expect(std(values) / expected).toBeGreaterThan(0.97);
    expect(std(values) / expected).toBeLessThan(1.03);
  });

  it('truncates at the bound', () => {
    expect(Math.max(...truncatedNormalInit(1, 0.5)([draws], createRng(1)).map(Math.abs))).toBeLessThanOrEqual(
      0.5,
    );
  });

  it('does not change a parameter when another is added', () => {
    const spec = { a: linearSpec(3, 4), h: times(2, () => layerNormSpec(3)) };
    const small = initParams(spec, 7);
    const large = initParams({ ...spec, b: param([2], normalInit(1)) }, 7);
    expect(large.a.weight.data).toEqual(small.a.weight.data);
    expect(leaves<NdArray>(small).map(([path]) => path)).toEqual([
      'a.weight',
      'a.bias',
      'h.0.weight',
      'h.0.bias',
      'h.1.weight',
      'h.1.bias',
    ]);
    expect(initParams(spec, 8).a.weight.data).not.toEqual(small.a.weight.data);
  });
});

describe('randomness in model functions', () => {
  const keys = keysFrom(tf.tensor1d([1, 2], 'int32'));

  it('depends on the sample, the site and nothing else', () => {
    const a = list(uniform(fold(keys, 'x'), [50]));
    expect(list(uniform(fold(keys, 'x'), [50]))).toEqual(a);
    expect(list(uniform(fold(keys, 'y'), [50]))).not.toEqual(a);
    expect(a.slice(0, 50)).not.toEqual(a.slice(50));
    const alone = keysFrom(tf.tensor1d([2], 'int32'));
    expect(list(uniform(fold(alone, 'x'), [50]))).toEqual(a.slice(50));
  });

  it('is uniform: mean, variance and lag-1 correlation of 40,000 numbers', () => {
    const u = hashUniform([5], 9, [40_000]);
    const mean = u.reduce((s, x) => s + x, 0) / u.length;
    const moment = (lag: number) =>
      u.reduce((s, x, i) => s + (x - mean) * ((u[i + lag] ?? mean) - mean), 0) / u.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.007); // five standard errors
    expect(Math.abs(moment(0) - 1 / 12)).toBeLessThan(0.002);
    expect(Math.abs(moment(1))).toBeLessThan(0.002);
  });

  it('dropout keeps the expectation and is the identity without keys', () => {
    const x = tf.ones([2, 5000]);
    const dropped = list(dropout(x, 0.25, keys));
    expect(new Set(dropped.map((v) => v.toFixed(4)))).toEqual(new Set(['0.0000', '1.3333']));
    expect(Math.abs(dropped.reduce((s, v) => s + v) / dropped.length - 1)).toBeLessThan(0.03);
    expect(dropout(x, 0.25, undefined)).toBe(x);
  });

  it('dropPath drops whole samples', () => {
    const many = keysFrom(tf.range(0, 400, 1, 'int32'));
    const rows = tf.reshape(dropPath(tf.ones([400, 3, 2]), 0.5, many), [400, 6]).arraySync() as number[][];
    for (const row of rows) expect(new Set(row).size).toBe(1);
    const kept = rows.filter((row) => row[0] === 2).length;
    expect(kept).toBeGreaterThan(150);
    expect(kept).toBeLessThan(250);
  });
});

describe('gradients and optimizers', () => {
  it('gives the gradient by path and null where the loss does not reach', () => {
    const params = { used: tf.tensor1d([1, 2]), h: [{ unused: tf.tensor1d([3]) }] };
    const { loss, grads } = valueAndGrad((p) => tf.sum(tf.square(p.used)) as tf.Scalar, params);
    near(loss, [5]);
    near(grads.used as tf.Tensor, [2, 4]);
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
      near(aux.y, [1, 4]);
      near(aux.list[0]!, [-1, -4]);
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
    near(
      params.w,
      [adamByHand(0.5, column(0), 0.01, weightDecay), adamByHand(-0.3, column(1), 0.01, weightDecay)],
      6,
    );
    near(params.b, [adamByHand(1, column(2), 0.01, 0)], 6); // vectors do not decay
    expect(list(state.step)).toEqual([3]);
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
    near(norm, [5]);
    near(grads.a as tf.Tensor, [0.6]);
    near(grads.b as tf.Tensor, [0.8]);
    const small = clipByGlobalNorm<{ a: tf.Tensor }>({ a: tf.tensor1d([0.5]) }, 1);
    near(small.grads.a as tf.Tensor, [0.5]);
  });
});

describe('schedules', () => {
  it('warms up and decays linearly as in transformers', () => {
    const schedule = linearWarmupDecay({ learningRate: 1e-4, warmupSteps: 2000, totalSteps: 20_000 });
    // golden g7-schedule
    expect([0, 1, 1000, 2000, 11_000, 20_005].map(schedule)).toEqual(
      [0, 5e-8, 5e-5, 1e-4, 5e-5, 0].map((x) => expect.closeTo(x, 18)),
    );
  });

  it('cosine ends at the floor', () => {
    const schedule = cosineWarmupDecay({ learningRate: 1, warmupSteps: 10, totalSteps: 110, floor: 0.02 });
    expect(schedule(9)).toBe(1);
    expect(schedule(60)).toBeCloseTo(0.51, 10);
    expect(schedule(110)).toBeCloseTo(0.02, 10);
  });
});

describe('probes', () => {
  it('collects what the function names and numbers repeats', () => {
    const { value, probes } = collectProbes((probe) => {
      probe('x', tf.scalar(1));
      probe('x', tf.scalar(2));
      return 3;
    });
    expect(value).toBe(3);
    expect(Object.keys(probes)).toEqual(['x', 'x#1']);
  });
});
