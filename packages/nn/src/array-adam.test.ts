import { base64Bytes, createRng, floats, mapTree, type NdArray } from '@pengi/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
// @ts-expect-error: a script without types
import { compile } from '../../../scripts/assemblyscript.mjs';
import { ADAM_WASM } from './adam-wasm.js';
import { createArrayAdam } from './array-adam.js';
import { adamInit, adamUpdate } from './optimizer.js';
import { list, useCpuBackend } from './testing/tensors.js';

useCpuBackend();

/** Sizes that end within a vector, and beyond a chunk. */
const SHAPES = { w: [3, 7], table: [129, 127 + 1], b: [5], idle: [2, 2] };

function randoms(seed: number, scale = 1): Record<string, NdArray<'float32'>> {
  return Object.fromEntries(
    Object.entries(SHAPES).map(([path, shape]) => {
      const rng = createRng(seed).fork(path);
      const size = shape.reduce((a, b) => a * b, 1);
      return [
        path,
        floats(
          Float32Array.from({ length: size }, () => scale * rng.normal()),
          shape,
        ),
      ];
    }),
  );
}

const tensors = (arrays: Record<string, NdArray>) =>
  mapTree<NdArray, tf.Tensor, Record<string, NdArray>>(arrays, ({ data, shape }) =>
    tf.tensor((data as Float32Array).slice(), [...shape]),
  );

describe('Adam on arrays', () => {
  it('is that on tensors', () => {
    const options = {
      beta2: 0.98,
      weightDecay: 0.1,
      noDecay: ['table'],
      groups: [{ match: ['b'], rate: 2 }],
    };
    const { m, v } = adamInit(randoms(1));
    const state = { params: randoms(1), m, v, ema: randoms(2) };
    const averages = Object.values(state.ema).map(({ data }) => Float64Array.from(data));
    const adam = createArrayAdam(options);

    let expected = {
      params: tensors(state.params),
      state: { step: tf.scalar(0) as tf.Tensor, m: tensors(m), v: tensors(v) },
    };
    for (let step = 1; step <= 4; step++) {
      const { idle: _, ...grads } = randoms(10 + step, 10 ** (step - 3));
      adam.update(state, grads, { step, learningRate: 0.01, factor: 0.5, emaDecay: 0.9 });
      const halved = mapTree(tensors(grads), (g: tf.Tensor) => tf.mul(g, 0.5));
      expected = adamUpdate(
        expected.params,
        { ...halved, idle: null } as never,
        expected.state,
        tf.scalar(0.01),
        options,
      );
      Object.values(state.params).forEach(({ data }, i) => {
        averages[i]!.forEach((average, j) => {
          averages[i]![j] = 0.9 * average + 0.1 * data[j]!;
        });
      });
    }
    const compared = { params: expected.params, m: expected.state.m, v: expected.state.v } as const;
    for (const part of ['params', 'm', 'v'] as const)
      for (const path of Object.keys(SHAPES)) {
        const wanted = list(compared[part][path]!);
        const found = (state[part] as Record<string, NdArray>)[path]!.data;
        const largest = Math.max(...wanted.map(Math.abs));
        for (const [i, value] of wanted.entries())
          expect(Math.abs(found[i]! - value), `${part} ${path} ${i}`).toBeLessThanOrEqual(2e-6 * largest);
      }
    Object.values(state.ema).forEach(({ data }, i) => {
      data.forEach((value, j) => void expect(value).toBeCloseTo(averages[i]![j]!, 5));
    });
    expect(state.params.idle!.data).toEqual(randoms(1).idle!.data);
  });

  it('sums squares in double precision, whatever the last vector holds', () => {
    const adam = createArrayAdam({});
    const arrays = randoms(3, 1e3);
    let sum = 0;
    for (const { data } of Object.values(arrays)) for (const x of data) sum += x * x;
    expect(adam.sumOfSquares(arrays) / sum).toBeCloseTo(1, 12);
    adam.sumOfSquares({ x: floats(new Float32Array(64).fill(7)) });
    expect(adam.sumOfSquares({ x: floats([1, 2, 3, 4, 5]) })).toBe(55);
    expect(adam.sumOfSquares({ x: floats([3e38, -3e38]) })).toBeCloseTo(2 * 3e38 ** 2, -70);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('gives no finite sum for %d', (bad) => {
    const sum = createArrayAdam({}).sumOfSquares({ x: floats([1, bad, 1]) });
    expect(Number.isFinite(sum)).toBe(false);
  });

  it('runs the code that lies beside it', async () => {
    const compiled: Buffer = await compile(new URL('../wasm/adam.as.ts', import.meta.url));
    expect(Buffer.from(base64Bytes(ADAM_WASM)).equals(compiled)).toBe(true);
  });
});
