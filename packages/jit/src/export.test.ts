import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng, floats, ints, type NdArray, sizeOf } from '@pengi/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine } from './create.js';
import type { Engine } from './engine.js';
import { type ExportOptions, exportOnnx, type OpenInputs } from './export.js';

let dir: string;
let cpu: Engine;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-onnx-'));
  cpu = await createEngine('cpu');
});
afterAll(() => rm(dir, { recursive: true }));

const rng = createRng(1);
const random = (...shape: number[]) =>
  floats(
    Float32Array.from({ length: sizeOf(shape) }, () => rng.normal()),
    shape,
  );

type Fn = (weights: never, inputs: never) => unknown;
const model = (fn: Fn, weights: object, inputs: OpenInputs, options: Partial<ExportOptions> = {}) =>
  exportOnnx(fn, weights as never, inputs, { name: 'test', ...options });

/** What ONNX Runtime gives for a file, without anything of ours in between. */
async function run(path: string, inputs: Record<string, NdArray>): Promise<Record<string, NdArray>> {
  const session = await InferenceSession.create(path);
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, data, shape }]) => [
      name,
      new OrtTensor(dtype, data as Float32Array, shape),
    ]),
  );
  const results = await session.run(feeds);
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { dims, data }]) => [
      name,
      { shape: dims, data } as unknown as NdArray,
    ]),
  );
}

/** Compares the file with plain JavaScript at sizes that were not recorded. */
async function expectSame(
  fn: Fn,
  weights: object,
  inputs: OpenInputs,
  cases: Record<string, NdArray>[],
): Promise<void> {
  const path = join(dir, 'same.onnx');
  await model(fn, weights, inputs).write(path);
  for (const given of cases) {
    const expected = (await cpu.compile(fn, weights as never).run(given as never)) as Record<string, NdArray>;
    const found = await run(path, given);
    expect(Object.keys(found)).toEqual(Object.keys(expected));
    for (const [name, { shape, data }] of Object.entries(expected)) {
      expect(found[name]!.shape).toEqual(shape);
      for (const [i, value] of data.entries()) expect(found[name]!.data[i]).toBeCloseTo(value, 4);
    }
  }
}

const x = (...shape: (number | string)[]) => ({ shape, dtype: 'float32' as const });

describe('open sizes', () => {
  it('take part in shapes, also two of them and as a product', async () => {
    const fn = ({ w }: { w: Tensor }, { a, b }: { a: Tensor; b: Tensor }) => {
      const [B, T] = a.shape as [number, number];
      const flat = tf.matMul(tf.reshape(a, [B * T, 8]) as tf.Tensor2D, w as tf.Tensor2D);
      const heads = tf.transpose(tf.reshape(flat, [B, T, 3, 2]), [0, 2, 1, 3]);
      return {
        heads,
        table: tf.reshape(tf.slice(flat, [0, 0], [B * T, 4]), [T, B, 2, 2]),
        both: tf.concat([flat, tf.reshape(b, [B, 6])], 0),
      };
    };
    await expectSame(fn as Fn, { w: random(8, 6) }, { a: x('batch', 'time', 8), b: x('batch', 6) }, [
      { a: random(1, 1, 8), b: random(1, 6) },
      { a: random(2, 9, 8), b: random(2, 6) },
      { a: random(40, 3, 8), b: random(40, 6) },
    ]);
  });

  it("take part in broadcasts, whose shape may be a reshape's as well", async () => {
    const fn = ({ w, c }: { w: Tensor; c: Tensor }, { a }: { a: Tensor }) => {
      const B = a.shape[0]!;
      const rows = tf.reshape(tf.matMul(a as tf.Tensor2D, w as tf.Tensor2D), [B, 2, 2]);
      const repeated = tf.broadcastTo(tf.reshape(c, [1, 2, 2]), [B, 2, 2]);
      return { y: tf.concat([rows, repeated], 1), z: tf.zeros([B, 2]) };
    };
    await expectSame(fn as Fn, { w: random(2, 4), c: random(2, 2) }, { a: x('batch', 2) }, [
      { a: random(1, 2) },
      { a: random(3, 2) },
    ]);
  });

  it('take part in tables of places', async () => {
    const fn = (_: object, { a, at }: { a: Tensor; at: Tensor }) => {
      const [B, T] = a.shape as [number, number];
      const rows = tf.add(at, tf.range(0, B * T, T, 'int32'));
      return { last: tf.gather(tf.reshape(a, [B * T, 5]), rows as tf.Tensor1D) };
    };
    const inputs = { a: x('batch', 4, 5), at: { shape: ['batch'], dtype: 'int32' as const } };
    await expectSame(fn as Fn, {}, inputs, [
      { a: random(1, 4, 5), at: ints([3]) },
      { a: random(3, 4, 5), at: ints([0, 3, 1]) },
    ]);
  });

  it('are named in the sizes of outputs', () => {
    const fn = (_: object, { a, b }: { a: Tensor; b: Tensor }) => ({
      joined: tf.concat([a, b, tf.zeros([3, 2])], 0),
      flat: tf.reshape(tf.mul(tf.reshape(a, [-1, 1, 2]), tf.reshape(b, [1, -1, 2])), [-1]),
    });
    const { outputs } = model(fn as Fn, {}, { a: x('rows', 2), b: x('past', 2) });
    expect(outputs.map(({ shape }) => shape)).toEqual([['rows + past + 3', 2], ['2*rows*past']]);
  });

  it.each<[string, Fn, string]>([
    [
      'a table of numbers',
      ((_: object, { a }: { a: Tensor }) => {
        const n = a.shape[0]!;
        return tf.add(a, tf.tensor1d(Array.from({ length: n }, (_x, i) => i / n)));
      }) as Fn,
      'in a table of numbers (at Add of',
    ],
    [
      'a branch',
      ((_: object, { a }: { a: Tensor }) => (a.shape[0]! > 6 ? tf.relu(a) : tf.neg(a))) as Fn,
      'in which operations there are',
    ],
    [
      'a square',
      ((_: object, { a }: { a: Tensor }) => tf.tile(a, [a.shape[0]!])) as Fn,
      'in the size of an output',
    ],
    [
      'rounding up, which looks constant at first',
      ((_: object, { a }: { a: Tensor }) => tf.slice(a, [0], [Math.ceil(a.shape[0]! / 64)])) as Fn,
      'in no simple way',
    ],
  ])('are refused where a function depends on them otherwise: %s', (_name, fn, message) => {
    expect(() => model(fn, {}, { a: x('n') })).toThrow(
      expect.objectContaining({ code: 'E_TRACE', message: expect.stringContaining(message) }),
    );
  });

  it('are at most three', () => {
    expect(() =>
      model(((_: object, { a }: { a: Tensor }) => a) as Fn, {}, { a: x('a', 'b', 'c', 'd') }),
    ).toThrow(expect.objectContaining({ code: 'E_TRACE', message: expect.stringContaining('at most 3') }));
  });
});

describe('a file', () => {
  const weights = { layer: { w: random(40, 30), b: random(30) } };
  const fn = (({ layer }: { layer: { w: Tensor; b: Tensor } }, { a }: { a: Tensor }) => ({
    y: tf.add(tf.matMul(a as tf.Tensor2D, layer.w as tf.Tensor2D), layer.b),
  })) as Fn;
  const inputs = { a: x('batch', 40) };
  const given = { a: random(2, 40) };

  it('has the names of its inputs, outputs and weights, and what is said of them', async () => {
    const path = join(dir, 'names.onnx');
    const exported = model(fn, weights, inputs, {
      doc: 'a layer',
      docOf: (name) => (name === 'a' ? 'what goes in' : undefined),
      metadata: { origin: 'a test' },
    });
    expect(exported.inputs).toEqual([
      { name: 'a', dtype: 'float32', shape: ['batch', 40], doc: 'what goes in' },
    ]);
    expect(exported.outputs).toEqual([{ name: 'y', dtype: 'float32', shape: ['batch', 30] }]);
    await exported.write(path);
    const text = (await readFile(path)).toString('latin1');
    for (const part of [
      'a layer',
      'what goes in',
      'origin',
      'a test',
      'layer.w',
      'layer.b',
      'batch',
      'pengi',
    ])
      expect(text).toContain(part);
  });

  it('holds its weights or has them in a file beside it, with the same results', async () => {
    const exported = model(fn, weights, inputs);
    const [inside, ...none] = await exported.write(join(dir, 'inside.onnx'));
    expect(none).toEqual([]);
    const [outside, data] = await exported.write(join(dir, 'outside.onnx'), { externalData: true });
    expect(data!.path).toBe(join(dir, 'outside.onnx.data'));
    expect(data!.bytes).toBe(40 * 30 * 4); // small ones stay inside
    expect(inside!.bytes - outside!.bytes).toBeGreaterThan(4600);
    for (const { path, bytes, sha256 } of [inside!, outside!, data!]) {
      const content = await readFile(path);
      expect(content).toHaveLength(bytes);
      expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
    }
    expect(await run(outside!.path, given)).toEqual(await run(inside!.path, given));
  });

  it('is refused when two arrays would have one name', () => {
    const same = ((_: object, { a }: { a: Tensor }) => ({ a: tf.neg(a) })) as Fn;
    expect(() => model(same, {}, { a: x(2) })).toThrow(
      expect.objectContaining({ code: 'E_TRACE', message: 'two arrays of the model are named "a"' }),
    );
  });
});
