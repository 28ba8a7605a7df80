import { availableParallelism } from 'node:os';
import { floats } from '@pengi/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { createEngine, type EngineOptions } from '../create.js';
import type { Engine } from '../engine.js';
import { trace } from '../graph/trace.js';
import { KERNELS } from '../kernels/index.js';
import { gradientOf, testEngine } from '../testing/contract.js';
import { KERNEL_CASES } from '../testing/kernel-cases.js';

let jit: Engine;
let cpu: Engine;
beforeAll(async () => {
  jit = await createEngine('jit', { threads: 1 });
  cpu = await createEngine('cpu');
});

testEngine(
  () => jit,
  () => cpu,
);

describe('threads', () => {
  it('do not spin where there are more than cores, unless they shall, and compute the same', async () => {
    const many = availableParallelism() + 1;
    const x = floats([1, 2, 3, 4], [2, 2]);
    const run = async (options: EngineOptions) => {
      const engine = await createEngine('jit', options);
      const program = engine.compile((w: { w: Tensor }, y: Tensor) => tf.matMul(y as never, w.w as never), {
        w: x,
      });
      const { data } = await program.run(x);
      await program.dispose();
      return [engine.description.includes('do not spin'), ...data];
    };
    expect(await run({ threads: many })).toEqual([true, 7, 10, 15, 22]);
    expect(await run({ threads: many, spinning: true })).toEqual([false, 7, 10, 15, 22]);
    expect(await run({ threads: 1 })).toEqual([false, 7, 10, 15, 22]);
    expect(await run({ threads: 1, spinning: false })).toEqual([true, 7, 10, 15, 22]);
  });
});

describe('the table of kernels', () => {
  it('has a case for every kernel', async () => {
    const used = new Set<string>();
    const original = tf.engine().runKernel;
    tf.engine().runKernel = ((name: string, ...rest: never[]) => {
      used.add(name);
      return original.call(tf.engine(), name, ...(rest as unknown as [never]));
    }) as typeof original;
    try {
      for (const { fn, inputs, differentiable } of KERNEL_CASES) {
        trace((_w, ...x) => [fn(...x)].flat(), {}, inputs);
        if (differentiable) trace((_w, ...x) => gradientOf(fn)(...x), {}, inputs);
      }
    } finally {
      tf.engine().runKernel = original;
    }
    expect(Object.keys(KERNELS).filter((name) => !used.has(name))).toEqual([]);
  });
});

describe('recording', () => {
  it('keeps equal constants once and tied weights once', () => {
    const table = new Float32Array(2000).map((_, i) => i);
    const recorded = trace(
      (w: { a: Tensor; b: Tensor }, x: Tensor) => {
        const masks = [1, 2].map(() => tf.tensor1d(Float32Array.from({ length: 50 }, (_, i) => i)));
        return tf.add(
          tf.add(tf.sum(w.a), tf.sum(w.b)),
          tf.add(tf.sum(masks[0]!), tf.add(tf.sum(masks[1]!), x)),
        );
      },
      { a: floats(table), b: floats(table) },
      [floats([1])],
    );
    const floatConstants = recorded.constants.filter((c) => c.dtype === 'float32' && c.shape.length > 0);
    expect(floatConstants.map((c) => c.shape)).toEqual([[2000], [50]]);
  });

  it('drops what the result does not need', () => {
    const { nodes } = trace(
      (_w: object, x: Tensor) => {
        tf.exp(x);
        return tf.sin(x);
      },
      {},
      [floats([1])],
    );
    expect(nodes.map((node) => node.type)).toEqual(['Sin']);
  });

  it('leaves broadcast gradients unexpanded', () => {
    const { nodes } = trace((_w, x) => gradientOf((y) => tf.mean(tf.square(y!)))(x!), {}, [
      floats(new Float32Array(100), [10, 10]),
    ]);
    expect(nodes.filter((node) => node.type === 'Expand')).toEqual([]);
  });

  it('names a kernel that it does not have and the line that used it', () => {
    const f = (_w: object, x: Tensor) => tf.spectral.rfft(x);
    expect(() => trace(f as never, {}, [floats([1, 2])])).toThrowError(
      /cannot be compiled \(used at .*jit\.test\.ts/,
    );
  });

  it('names a gradient that does not exist', () => {
    const f = (_w: object, x: Tensor) => gradientOf((y) => tf.prod(y!))(x);
    expect(() => trace(f as never, {}, [floats([1, 2])])).toThrowError(/"Prod" has no gradient/);
  });

  it('refuses to read a value that is not known yet', () => {
    const f = (_w: object, x: Tensor) => tf.scalar(tf.exp(x).dataSync()[0]!);
    expect(() => trace(f as never, {}, [floats([1])])).toThrowError(/reads the value of a tensor/);
  });

  it('takes tensors of another backend as constants', async () => {
    await tf.setBackend('cpu');
    const outside = tf.tensor1d([1, 2, 3]);
    const result = await jit
      .compile((_w: object, x: Tensor) => tf.add(x, outside), {})
      .run(floats([10, 10, 10]));
    expect([...result.data]).toEqual([11, 12, 13]);
    outside.dispose();
  });

  it('leaves no tensor and the former backend behind, also after an error', async () => {
    await tf.setBackend('cpu');
    const before = tf.memory().numTensors;
    await jit.compile((_w: object, x: Tensor) => tf.square(x), {}).run(floats([2]));
    await expect(
      jit.compile((_w: object, x: Tensor) => tf.spectral.rfft(x), {}).run(floats([2])),
    ).rejects.toThrow();
    expect(tf.memory().numTensors).toBe(before);
    expect(tf.getBackend()).toBe('cpu');
  });
});

describe('graphs', () => {
  it.each([
    [1, 4],
    [2, 3],
    [3, 3],
  ])('are recorded anew when more than `keep`, %i, were used since', async (keep, recordings) => {
    let count = 0;
    const program = jit.compile(
      (_w: object, x: Tensor) => {
        count++;
        return tf.square(x);
      },
      {},
      { keep },
    );
    for (const length of [1, 2, 2, 1, 3]) {
      const { data } = await program.run(floats(new Float32Array(length).fill(3)));
      expect([...data]).toEqual(new Array(length).fill(9));
    }
    expect(count).toBe(recordings);
    await program.dispose();
  });

  it('serve many shapes at the same time, whatever is kept', async () => {
    const program = jit.compile((_w: object, x: Tensor) => tf.sum(x), {}, { keep: 1 });
    const lengths = [1, 2, 3, 1, 2, 3];
    const sums = await Promise.all(
      lengths.map((length) => program.run(floats(new Float32Array(length).fill(1)))),
    );
    expect(sums.map(({ data }) => data[0])).toEqual(lengths);
    await program.dispose();
  });

  it.each([0, -1, 1.5, Number.NaN])('cannot be kept in the number of %d', (keep) => {
    expect(() => jit.compile((_w: object, x: Tensor) => x, {}, { keep })).toThrow(
      expect.objectContaining({ code: 'E_USAGE' }),
    );
  });
});
