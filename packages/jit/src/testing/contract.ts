/** What every engine must do, as one suite: used by the tests of each engine. */
import { floats, ints, type NdArray, sizeOf } from '@pengi/core';
import { type AdamState, adamInit, adamUpdate, dropout, keysFrom, valueAndGrad } from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import type { Engine } from '../engine.js';
import { DIFFERENTIABLE_CASES, KERNEL_CASES } from './kernel-cases.js';

/** Largest difference relative to 1 + |expected|; NaN and infinities must agree. */
export function worstDifference(actual: NdArray, expected: NdArray): number {
  if (actual.dtype !== expected.dtype || String(actual.shape) !== String(expected.shape))
    return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < sizeOf(expected.shape); i++) {
    const [a, e] = [Number(actual.data[i]), Number(expected.data[i])];
    if (!Object.is(a, e)) worst = Math.max(worst, Math.abs(a - e) / (1 + Math.abs(e)));
  }
  return worst;
}

/** The functions of exp and erf differ most between libraries; everything else is exact or nearly so. */
const TOLERANCE = 1e-5;

/**
 * @param engine the engine under test
 * @param reference one that computes op by op in plain JavaScript
 */
export function testEngine(engine: () => Engine, reference: () => Engine): void {
  const run = (on: Engine, fn: (...inputs: Tensor[]) => (Tensor | null)[], inputs: NdArray[]) =>
    on.compile((_weights: object, ...tensors: Tensor[]) => fn(...tensors) as Tensor[], {}).run(...inputs);

  it.each(KERNEL_CASES)('$name computes what the reference computes', async ({ fn, inputs }) => {
    const all = (...tensors: Tensor[]) => [fn(...tensors)].flat();
    const [actual, expected] = [await run(engine(), all, inputs), await run(reference(), all, inputs)];
    expect(actual).toHaveLength(expected.length);
    for (const [i, array] of expected.entries())
      expect(worstDifference(actual[i]!, array)).toBeLessThan(TOLERANCE);
  });

  it.each(DIFFERENTIABLE_CASES)('$name has the gradient of the reference', async ({ fn, inputs }) => {
    const gradient = gradientOf(fn);
    const [actual, expected] = [
      await run(engine(), gradient, inputs),
      await run(reference(), gradient, inputs),
    ];
    for (const [i, array] of expected.entries())
      expect(worstDifference(actual[i]!, array)).toBeLessThan(TOLERANCE);
  });

  it('takes and gives trees, in whatever order the keys come', async () => {
    const f = (_weights: object, p: { b: Tensor; a: { c: Tensor }[] }) => ({
      sum: tf.add(p.a[0]!.c, p.b),
      list: [p.b],
    });
    const { sum, list } = await engine()
      .compile(f, {})
      .run({ a: [{ c: floats([1, 2]) }], b: floats([10, 20]) });
    expect([...sum.data, ...list[0]!.data]).toEqual([11, 22, 10, 20]);
  });

  it('holds weights and serves inputs of several shapes', async () => {
    const program = engine().compile(
      (w: { m: Tensor }, x: Tensor) => tf.matMul(x as tf.Tensor2D, w.m as tf.Tensor2D),
      {
        m: floats([1, 2, 3, 4], [2, 2]),
      },
    );
    expect([...(await program.run(floats([1, 1], [1, 2]))).data]).toEqual([4, 6]);
    expect([...(await program.run(floats([1, 0, 0, 1], [2, 2]))).data]).toEqual([1, 2, 3, 4]);
    expect([...(await program.run(floats([2, 2], [1, 2]))).data]).toEqual([8, 12]);
    await program.dispose();
  });

  it('returns inputs, weights and constants as they are', async () => {
    const f = (w: { k: Tensor }, x: Tensor) => [x, x, w.k, tf.scalar(3), tf.fill([2], 7)];
    const results = await engine()
      .compile(f, { k: floats([5]) })
      .run(floats([1, 2]));
    expect(results.map(({ data }) => [...data])).toEqual([[1, 2], [1, 2], [5], [3], [7, 7]]);
  });

  it('gives other dropout for other seeds and the same for the same', async () => {
    const program = engine().compile(
      (_w: object, x: Tensor, seeds: Tensor) => dropout(x, 0.5, keysFrom(seeds)),
      {},
    );
    const x = floats(new Float32Array(40).fill(1), [2, 20]);
    const first = [...(await program.run(x, ints([1, 2]))).data];
    expect([...(await program.run(x, ints([1, 2]))).data]).toEqual(first);
    expect([...(await program.run(x, ints([3, 2]))).data].slice(0, 20)).not.toEqual(first.slice(0, 20));
    expect([...(await program.run(x, ints([3, 2]))).data].slice(20)).toEqual(first.slice(20));
  });

  it('carries the state of a training step and reaches the minimum', async () => {
    type State = { params: { w: Tensor }; adam: AdamState<{ w: Tensor }> };
    const target = floats([3, -2]);
    const params = { w: floats([0, 0]) };
    const program = engine().compileStep(
      (weights: { target: Tensor }, { params, adam }: State, rate: Tensor) => {
        const { loss, grads } = valueAndGrad(
          (p) => tf.sum(tf.squaredDifference(p.w, weights.target)) as Scalar,
          params,
        );
        const next = adamUpdate(params, grads, adam, rate as Scalar);
        return { state: { params: next.params, adam: next.state }, output: loss };
      },
      { target },
      { params, adam: adamInit(params) },
    );
    const losses: number[] = [];
    for (let step = 0; step < 200; step++) losses.push((await program.run(floats([0.1], []))).data[0]!);
    expect(losses[0]).toBe(13);
    expect(losses.at(-1)).toBeLessThan(1e-3);
    const state = await program.state();
    expect(state.adam.step.data[0]).toBe(200);
    expect(Math.abs(state.params.w.data[0]! - 3)).toBeLessThan(0.05);
    await program.dispose();
  });

  it.each<[string, () => unknown]>([
    ['a number', () => 3],
    ['a list of numbers', () => [1, 2]],
    ['a typed array', () => Float32Array.of(1)],
    ['a tensor', () => tf.scalar(1)],
    ['data of another dtype', () => ({ dtype: 'float32', shape: [1], data: Int32Array.of(1) })],
    ['data that does not fill the shape', () => ({ dtype: 'float32', shape: [3], data: Float32Array.of(1) })],
  ])('refuses %s as an argument', async (_what, make) => {
    const fn = (x: Tensor) => tf.add(x, 1);
    const program = engine().compile((_w: object, { x }: { x: Tensor }) => fn(x), {});
    const steps = engine().compileStep(
      (_w: object, state: object, x: Tensor) => ({ state, output: fn(x) }),
      {},
      {},
    );
    const wrong = make() as NdArray;
    await expect(program.run({ x: wrong })).rejects.toMatchObject({ code: 'E_SHAPE' });
    await expect(steps.run(wrong)).rejects.toMatchObject({ code: 'E_SHAPE' });
    expect((await program.run({ x: floats([1]) })).data[0]).toBe(2);
    if (wrong instanceof tf.Tensor) wrong.dispose();
  });

  /** A step that adds its input to the state. */
  const summation = () =>
    engine().compileStep(
      (_w: object, { sum }: { sum: Tensor }, x: Tensor) => {
        const next = tf.add(sum, x);
        return { state: { sum: next }, output: next };
      },
      {},
      { sum: floats([0, 0]) },
    );

  it('runs steps one after the other, however they are called', async () => {
    const program = summation();
    const runs = [1, 2, 3, 4].map((x) => program.run(floats([x, 0])));
    const state = await program.state();
    expect((await Promise.all(runs)).map(({ data }) => data[0])).toEqual([1, 3, 6, 10]);
    expect([...state.sum.data]).toEqual([10, 0]);
    await program.dispose();
  });

  it('leaves the state as it was when a step fails', async () => {
    const program = summation();
    const unfit = floats([1, 1, 1]);
    const runs = [floats([1, 0]), unfit, floats([2, 0])].map((x) => program.run(x));
    const settled = await Promise.allSettled(runs);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect([...(await program.state()).sum.data]).toEqual([3, 0]);
    await program.dispose();
  });

  it('keeps weights and state that a function hands out', async () => {
    const program = engine().compile((w: { k: Tensor }, x: Tensor) => ({ k: w.k, y: tf.mul(w.k, x) }), {
      k: floats([5]),
    });
    const steps = engine().compileStep(
      (w: { k: Tensor; l: Tensor }, { a, b }: { a: Tensor; b: Tensor; k: Tensor }) => ({
        state: { a: b, b: a, k: w.k },
        output: [a, b, w.l],
      }),
      { k: floats([5]), l: floats([6]) },
      { a: floats([1]), b: floats([2]), k: floats([0]) },
    );
    for (const [a, b] of [
      [1, 2],
      [2, 1],
      [1, 2],
    ]) {
      const { k, y } = await program.run(floats([a!]));
      expect([k.data[0], y.data[0]]).toEqual([5, 5 * a!]);
      expect((await steps.run()).map(({ data }) => data[0])).toEqual([a, b, 6]);
    }
    const state = await steps.state();
    expect([state.a, state.b, state.k].map(({ data }) => data[0])).toEqual([2, 1, 5]);
    await program.dispose();
    await steps.dispose();
  });

  it('keeps no tensor, whether calls succeed or fail', async () => {
    const before = tf.memory().numTensors;
    const program = engine().compile((w: { k: Tensor }, x: Tensor) => [tf.add(w.k, x), w.k], {
      k: floats([1, 2]),
    });
    const steps = summation();
    for (const x of [floats([1, 2]), floats([1]), floats([1, 2, 3])])
      await Promise.allSettled([program.run(x), steps.run(x)]);
    await program.dispose();
    await steps.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('cannot be used after dispose, which may be called again and reads nothing', async () => {
    let reads = 0;
    const k: NdArray = {
      dtype: 'float32',
      shape: [1],
      get data() {
        reads++;
        return Float32Array.of(1);
      },
    };
    const program = engine().compile((w: { k: Tensor }, x: Tensor) => tf.add(w.k, x), { k });
    const steps = engine().compileStep(
      (w: { k: Tensor }, state: object) => ({ state, output: w.k }),
      { k },
      {},
    );
    for (const disposable of [program, steps, program, steps]) await disposable.dispose();
    expect(reads).toBe(0);
    await expect(program.run(floats([1]))).rejects.toMatchObject({ code: 'E_USAGE' });
    await expect(steps.run()).rejects.toMatchObject({ code: 'E_USAGE' });
    await expect(steps.state()).rejects.toMatchObject({ code: 'E_USAGE' });
  });
}

/** The gradients of a weighted sum of all outputs with respect to each float input. */
export function gradientOf(fn: (...inputs: Tensor[]) => Tensor | Tensor[]) {
  return (...inputs: Tensor[]) => {
    const floatInputs: Record<string, Tensor> = {};
    for (const [i, x] of inputs.entries()) if (x.dtype === 'float32') floatInputs[i] = x;
    const { grads } = valueAndGrad(
      (p) =>
        weightedSum(
          fn,
          inputs.map((x, i) => p[i] ?? x),
        ),
      floatInputs,
    );
    return inputs.map((x, i) => grads[i] ?? tf.zerosLike(x));
  };
}

/** Σ output · weight with weights that differ by position, so that no error cancels. */
function weightedSum(fn: (...inputs: Tensor[]) => Tensor | Tensor[], inputs: Tensor[]): Scalar {
  const terms = [fn(...inputs)].flat().map((y) => {
    const weights = tf.reshape(tf.sin(tf.range(1, y.size + 1)), y.shape);
    return tf.sum(tf.mul(tf.cast(y, 'float32'), weights));
  });
  return tf.addN(terms) as Scalar;
}
