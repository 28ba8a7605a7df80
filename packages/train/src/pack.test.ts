import { floats } from '@pengi/core';
import { createEngine } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { createPacking } from './pack.js';

const LARGE = 2 ** 17 + 1;
const tensors = {
  'a.weight': floats([1, 2, 3, 4], [2, 2]),
  'a.bias': floats([5, 6]),
  'b.weight': floats([7, 8], [1, 2]),
  scale: floats([9], []),
  'large.weight': floats(new Float32Array(LARGE), [LARGE, 1]),
};
const isMatrix = (_path: string, shape: readonly number[]) => shape.length >= 2;

describe('packing', () => {
  const run = async (fn: (tensors: Record<string, Tensor>) => Record<string, Tensor>) =>
    (await createEngine('cpu'))
      .compile((_none: object, all: Record<string, Tensor>) => fn(all), {})
      .run(tensors);

  it('lays small tensors end to end, those that decay apart from those that do not, and large ones alone', async () => {
    const decaying: string[] = [];
    const packed = await run((all) => {
      const packing = createPacking(all, isMatrix);
      const vectors = packing.pack(all);
      decaying.push(...Object.keys(vectors).filter(packing.decays));
      return vectors;
    });
    const found = Object.entries(packed).map(([name, { data }]) => [
      decaying.includes(name),
      ...data.slice(0, 7),
    ]);
    expect(found).toEqual([
      [true, 1, 2, 3, 4, 7, 8],
      [false, 5, 6, 9],
      [true, 0, 0, 0, 0, 0, 0, 0],
    ]);
  });

  it('is undone by unpacking, shapes included', async () => {
    const again = await run((all) => {
      const packing = createPacking(all, isMatrix);
      return packing.unpack(packing.pack(all));
    });
    for (const [path, { data, shape }] of Object.entries(tensors)) {
      expect(again[path]!.shape).toEqual(shape);
      expect(Array.from(again[path]!.data)).toEqual(Array.from(data));
    }
  });
});
