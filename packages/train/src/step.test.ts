import { floats, ints, type NdArray, scalar } from '@pengi/core';
import { type Arrays, createEngine, type Engine } from '@pengi/jit';
import { adamInit } from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type StepOptions, type StepState, sampleSeeds, trainingStep } from './step.js';

type Params = { w: Tensor; scale: Tensor };

/** The loss scale · Σ w x, whose gradient for w is scale · x. */
const loss = (p: Params, x: Tensor) => ({
  loss: tf.sum(tf.mul(tf.mul(p.w, x), p.scale)) as Scalar,
  metrics: { first: tf.slice(p.w, [0], [1]) as unknown as Scalar },
});

function start(engine: Engine, options: StepOptions, w: number[] = [0, 0]) {
  const params = { w: floats(w), scale: scalar(1) };
  const trainable = { w: params.w };
  return engine.compileStep(
    trainingStep<Params, Tensor>({ params, loss }, options),
    { scale: params.scale } as Record<string, NdArray>,
    { params: trainable, buffers: {}, adam: adamInit(trainable) } as Arrays<StepState>,
  );
}

const values = (array: NdArray | undefined) => [...array!.data];
const near = (array: NdArray | undefined, expected: number[]) => {
  expect(array!.data).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(array!.data[i]).toBeCloseTo(value, 6);
};

describe.each(['jit', 'cpu'])('the training step on %s', (name) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await createEngine(name, { threads: 1 });
  });

  it('clips the gradient and updates as worked out by hand', async () => {
    // The gradient (3, 4) has norm 5, clipped to 1: (0.6, 0.8). The first step of Adam has m̂ = g and v̂ = g², so w moves
    // by rate · g / (|g| + epsilon) = 0.1 · 0.6 / 1.6 and 0.1 · 0.8 / 1.8.
    const program = start(engine, { optimizer: { epsilon: 1 }, clipNorm: 1 });
    const output = await program.run(floats([3, 4]), ints([1]), scalar(0.1));
    const { params, adam } = await program.state();
    near(output.gradientNorm, [5]);
    near(params.w, [-0.0375, -0.0444444]);
    near(adam.m.w, [0.06, 0.08]);
    near(adam.v.w, [0.00036, 0.00064]);
  });

  it('leaves gradients below the limit alone', async () => {
    const program = start(engine, { optimizer: {}, clipNorm: 10 });
    await program.run(floats([3, 4]), ints([1]), scalar(0.1));
    near((await program.state()).adam.m.w, [0.3, 0.4]);
  });

  it('reports loss and metrics of before the update', async () => {
    const program = start(engine, { optimizer: {} }, [7, 1]);
    const output = await program.run(floats([1, 2]), ints([1]), scalar(0.1));
    near(output.loss, [9]);
    near(output.metrics.first, [7]);
    expect(values(output.applied)).toEqual([1]);
  });

  it.each([
    ['a NaN', [Number.NaN, 1]],
    ['an infinity', [Number.POSITIVE_INFINITY, 1]],
    ['a gradient norm beyond float32 with a finite loss', [3e38, -3e38]],
  ])('leaves everything as it is for %s', async (_what, x) => {
    const program = start(engine, { optimizer: { weightDecay: 0.1 }, clipNorm: 1 }, [0.5, 0.5]);
    await program.run(floats([1, 1]), ints([1]), scalar(0.1));
    const before = await program.state();
    const output = await program.run(floats(x), ints([1]), scalar(0.1));
    expect(values(output.applied)).toEqual([0]);
    expect(await program.state()).toEqual(before);
    await program.run(floats([1, 1]), ints([1]), scalar(0.1));
    expect(values((await program.state()).adam.step)).toEqual([2]);
  });

  it('gives frozen parameters no gradient and no moments', async () => {
    const program = start(engine, { optimizer: {} });
    await program.run(floats([1, 1]), ints([1]), scalar(0.1));
    const { params, adam } = await program.state();
    expect([params, adam.m, adam.v].map(Object.keys)).toEqual([['w'], ['w'], ['w']]);
  });

  it('leaves no tensor behind but its state', async () => {
    const before = tf.memory().numTensors;
    const program = start(engine, { optimizer: {} });
    for (let i = 0; i < 3; i++) await program.run(floats([1, 1]), ints([1]), scalar(0.1));
    await program.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('names parameters that the loss does not depend on, and refuses a loss without any', async () => {
    const params = { w: floats([1]), idle: floats([1]) };
    const run = (f: (p: { w: Tensor; idle: Tensor }) => Tensor) => {
      const unused: string[][] = [];
      const step = trainingStep<{ w: Tensor; idle: Tensor }, Tensor>(
        { params, loss: (p) => tf.sum(f(p)) as Scalar },
        { optimizer: {}, onUnused: (paths) => unused.push(paths) },
      );
      const state = { params, buffers: {}, adam: adamInit(params) } as Arrays<StepState>;
      const program = engine.compileStep(step, {}, state);
      return { unused, done: program.run(floats([1]), ints([1]), scalar(0.1)) };
    };
    const partly = run((p) => p.w);
    await partly.done;
    expect(partly.unused).toEqual([['idle']]);
    await expect(run(() => tf.scalar(1)).done).rejects.toThrow(/depends on no trainable parameter/);
  });
});

describe('seeds of samples', () => {
  it('depend on seed, step and id, not on the place in the batch', () => {
    const [a, b] = sampleSeeds(1, 2, ['a', 'b']).data;
    expect([...sampleSeeds(1, 2, ['b', 'a']).data]).toEqual([b, a]);
    const others = [sampleSeeds(2, 2, ['a']), sampleSeeds(1, 3, ['a']), sampleSeeds(1, 2, ['c'])];
    expect(new Set([a, b, ...others.map(({ data }) => data[0])]).size).toBe(5);
  });
});
