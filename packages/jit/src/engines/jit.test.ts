import { floats, type NdArray, ndarray } from '@pengi/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { createEngine } from '../create.js';
import type { Engine } from '../engine.js';
import { trace } from '../graph/trace.js';
import { KERNELS } from '../kernels/index.js';
import { gradientOf, testEngine, weightedSum } from '../testing/contract.js';
import { DIFFERENTIABLE_CASES, KERNEL_CASES } from '../testing/kernel-cases.js';

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

describe('gradients agree with differences', () => {
  it.each(DIFFERENTIABLE_CASES)('$name', async ({ fn, inputs }) => {
    const gradients = await cpu
      .compile((_w: object, ...x: Tensor[]) => gradientOf(fn)(...x), {})
      .run(...inputs);
    const value = cpu.compile((_w: object, ...x: Tensor[]) => weightedSum(fn, x), {});
    const step = 5e-3;
    // The directional derivative along a fixed pattern of signs, one input at a time.
    for (const [i, input] of inputs.entries()) {
      if (input.dtype !== 'float32') continue;
      const direction = Array.from(input.data, (_, j) => (j % 3 === 0 ? -1 : 1));
      const moved = (sign: number) =>
        inputs.map((x, k) =>
          k === i
            ? floats(
                Array.from(x.data, (v, j) => v + sign * step * direction[j]!),
                x.shape,
              )
            : x,
        );
      const up = (await value.run(...moved(1))).data[0]!;
      const down = (await value.run(...moved(-1))).data[0]!;
      const analytic = direction.reduce((sum, d, j) => sum + d * Number(gradients[i]!.data[j]), 0);
      const scale = Math.max(1, ...Array.from(gradients[i]!.data, Number).map(Math.abs));
      expect(Math.abs((up - down) / (2 * step) - analytic) / scale).toBeLessThan(0.03);
    }
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

describe('weights', () => {
  it('are mapped from their file when they have one', async () => {
    const { mkdtemp, writeFile } = await import('node:fs/promises');
    const { tmpdir } = await import('node:os');
    const { join } = await import('node:path');
    const folder = await mkdtemp(join(tmpdir(), 'pengi-jit-'));
    const values = Float32Array.from({ length: 512 }, (_, i) => i);
    const path = join(folder, 'weights.bin');
    await writeFile(path, Buffer.concat([Buffer.alloc(12), Buffer.from(values.buffer)]));
    let reads = 0;
    const mapped: NdArray = {
      dtype: 'float32',
      shape: [512],
      get data() {
        reads++;
        return values;
      },
      region: { path, offset: 12 },
    };
    const program = jit.compile((w: { m: Tensor; n: Tensor }) => tf.add(w.m, w.n), {
      m: mapped,
      n: ndarray('float32', [512], values.slice()),
    });
    const { data } = await program.run();
    expect(data[511]).toBe(1022);
    expect(reads).toBe(0);
    await program.dispose();
  });
});
