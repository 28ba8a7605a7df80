import { createRng, floats, ints, type NdArray } from '@pengi/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { createEngine } from '../create.js';
import { type Engine, quantized } from '../engine.js';
import { quantizeWeights } from './quantize.js';
import { trace } from './trace.js';

let jit: Engine;
beforeAll(async () => {
  jit = await createEngine('jit', { threads: 1 });
});

const rng = createRng(1);
const random = (shape: number[], scale = 1) => {
  const size = shape.reduce((a, b) => a * b, 1);
  return floats(
    Float32Array.from({ length: size }, () => scale * rng.normal()),
    shape,
  );
};

/** Root mean square of the difference over that of the expected values. */
function relativeError(found: NdArray, expected: NdArray): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < expected.data.length; i++) {
    difference += (found.data[i]! - expected.data[i]!) ** 2;
    size += expected.data[i]! ** 2;
  }
  return Math.sqrt(difference / size);
}

type Weights = { w: Tensor };
const product = ({ w }: Weights, x: Tensor) => tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D);
const transposed = ({ w }: Weights, x: Tensor) => tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D, false, true);

describe('products with weights of 8 bits', () => {
  // 300 input channels are no whole number of blocks.
  it.each([
    ['[in, out]', product, [256, 384]],
    ['[out, in]', transposed, [384, 256]],
    ['[in, out], channels beyond whole blocks', product, [300, 150]],
    ['[out, in], channels beyond whole blocks', transposed, [150, 300]],
  ] as const)('are near those of float32: %s', async (_layout, fn, shape) => {
    const w = random([...shape], 0.05);
    for (const rows of [1, 5, 33]) {
      const x = random([rows, fn === product ? shape[0] : shape[1]]);
      const expected = await jit.compile(fn, { w }).run(x);
      const found = await quantized(jit, 'int8').compile(fn, { w }).run(x);
      expect(found.shape).toEqual(expected.shape);
      const error = relativeError(found, expected);
      expect(error).toBeLessThan(0.012); // uniform rounding of both factors to 8 bits: about 0.008
      expect(error).toBeGreaterThan(0); // it was rounded
    }
  });

  it('keep zeros, and blocks without any other value', async () => {
    const w = random([256, 256]);
    w.data.fill(0, 0, 64 * 256); // the first block of each column
    const x = random([2, 256]);
    for (let row = 0; row < 2; row++) x.data.fill(0, row * 256 + 64, (row + 1) * 256);
    const found = await quantized(jit, 'int8').compile(product, { w }).run(x);
    expect([...found.data].every((value) => value === 0)).toBe(true);
  });

  it('replace large constant weights only, each once', () => {
    const large = random([256, 256]);
    const fn = (p: { large: Tensor; small: Tensor }, x: Tensor, y: Tensor) => {
      const first = tf.matMul(x as tf.Tensor2D, p.large as tf.Tensor2D);
      const second = tf.matMul(tf.relu(first), p.large as tf.Tensor2D);
      return [tf.matMul(second, p.small as tf.Tensor2D), tf.matMul(second, y as tf.Tensor2D)];
    };
    const shape = { shape: [3, 256], dtype: 'float32' as const };
    const recorded = quantizeWeights(
      trace(fn as never, { large, small: random([256, 4]) }, [
        shape,
        { shape: [256, 256], dtype: 'float32' },
      ]),
    );
    const types = recorded.nodes.map(({ type }) => type);
    expect(types.filter((type) => type === 'DynamicQuantizeMatMul')).toHaveLength(2);
    expect(types.filter((type) => type === 'MatMul')).toHaveLength(2);
    expect(recorded.constants.filter(({ dtype }) => dtype === 'uint8')).toHaveLength(2); // values and zero points
    const matrices = recorded.constants.filter(({ shape }) => shape.join() === '256,256');
    expect(matrices.map(({ dtype }) => dtype)).toEqual(['uint8']);
  });

  it('leave an embedding table that is also a product in float32 for the embedding', async () => {
    const table = random([512, 128]);
    const fn = (p: { table: Tensor }, ids: Tensor) => {
      const rows = tf.gather(p.table, ids as tf.Tensor1D);
      return { rows, logits: tf.matMul(rows as tf.Tensor2D, p.table as tf.Tensor2D, false, true) };
    };
    const ids = ints([7, 300]);
    const found = await quantized(jit, 'int8').compile(fn, { table }).run(ids);
    const expected = await jit.compile(fn, { table }).run(ids);
    expect(found.rows.data).toEqual(expected.rows.data);
    expect(relativeError(found.logits, expected.logits)).toBeLessThan(0.012);
  });

  it('are refused by engines that have none', async () => {
    const cpu = quantized(await createEngine('cpu'), 'int8');
    expect(() => cpu.compile(product, { w: random([256, 256]) })).toThrow(
      expect.objectContaining({ code: 'E_ENGINE', message: expect.stringContaining('int8') }),
    );
  });
});
