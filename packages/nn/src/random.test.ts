import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { dropout, dropPath, fold, hashUniform, keysFrom, uniform } from './random.js';
import { list, useCpuBackend } from './testing/tensors.js';

useCpuBackend();

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

  it.each([1, 1.5])('dropout and dropPath at a rate of %d leave zeros, of infinities, too', (rate) => {
    const x = tf.tensor2d([
      [1, Number.POSITIVE_INFINITY],
      [Number.NaN, -3],
    ]);
    expect(list(dropout(x, rate, keys))).toEqual([0, 0, 0, 0]);
    expect(list(dropPath(x, rate, keys))).toEqual([0, 0, 0, 0]);
  });
});
