import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NdArray, zeros } from '@pengi/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEngine } from '../create.js';
import type { Engine } from '../engine.js';

let jit: Engine;
beforeAll(async () => {
  jit = await createEngine('jit', { threads: 1 });
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pengi-jit-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const COUNT = 512; // large enough not to become part of the graph
const OFFSET = 12;

/** Writes a file that holds the numbers `first`, `first` + 1, … after some bytes of a header. */
async function writeWeights(path: string, first: number): Promise<void> {
  const values = Float32Array.from({ length: COUNT }, (_, i) => first + i);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, Buffer.concat([Buffer.alloc(OFFSET), Buffer.from(values.buffer)]));
}

/** The array of such a file, which cannot be read: it has to be mapped. */
function mapped(path: string): NdArray {
  return {
    dtype: 'float32',
    shape: [COUNT],
    get data(): Float32Array {
      throw new Error('read instead of mapped');
    },
    region: { path, offset: OFFSET },
  };
}

/** The last of the sums of two weights and an input. */
function lastSum(m: NdArray, n: NdArray) {
  const program = jit.compile(
    (w: { m: Tensor; n: Tensor }, x: Tensor) => tf.add(tf.add(w.m, w.n), tf.sum(x)),
    { m, n },
  );
  return {
    run: async (length = 1) => (await program.run(zeros('float32', [length]))).data.at(-1),
    dispose: () => program.dispose(),
  };
}

describe('weights of files', () => {
  it('are mapped, beside others in memory', async () => {
    const path = join(folder, 'weights.bin');
    await writeWeights(path, 0);
    const sum = lastSum(mapped(path), zeros('float32', [COUNT]));
    expect(await sum.run()).toBe(511);
    await sum.dispose();
  });

  it('are found behind links that lead elsewhere, as in caches of model hubs', async () => {
    const [link, other] = [join(folder, 'snapshots', 'main.bin'), join(folder, 'own', 'other.bin')];
    await writeWeights(join(folder, 'blobs', '0a1b'), 1000);
    await writeWeights(other, 0);
    await mkdir(join(folder, 'snapshots'));
    await symlink(join('..', 'blobs', '0a1b'), link);
    const inMemory = zeros('float32', [COUNT]);
    for (const [array, expected] of [
      [inMemory, 1511],
      [mapped(other), 1511 + 511],
    ] as const) {
      const sum = lastSum(mapped(link), array);
      expect(await sum.run()).toBe(expected);
      await sum.dispose();
    }
  });

  it.each<[string, (path: string) => Promise<void>]>([
    ['replaced', async (path) => writeWeights(`${path}.new`, 7).then(() => rename(`${path}.new`, path))],
    ['removed', async (path) => rm(path)],
  ])('are not mixed with those of a file that was %s', async (_what, change) => {
    const path = join(folder, 'weights.bin');
    await writeWeights(path, 0);
    const sum = lastSum(mapped(path), zeros('float32', [COUNT]));
    expect(await sum.run(1)).toBe(511);
    expect(await sum.run(2)).toBe(511);
    await change(path);
    await expect(sum.run(3)).rejects.toMatchObject({ code: 'E_IO', file: path });
    expect(await sum.run(1)).toBe(511); // the graph is there
    await sum.dispose();
  });
});
