import { floats, type NdArray } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { batchNormStatistics, batchNormSums } from './batch-norm.js';

type Bn0<Leaf = Tensor> = Record<'running_mean' | 'running_var', Leaf>;

let engine: Engine;
beforeAll(async () => {
  engine = await createEngine('jit', { threads: 1 });
});

const START: Bn0<NdArray> = { running_mean: floats([-1, 0, 2]), running_var: floats([1, 4, 0.25]) };

/** Log-mels [clips, 4, 3] of a step. */
function logMels(step: number, clips = 2): NdArray {
  const values = Array.from({ length: clips * 12 }, (_, i) => ((i * 7 + step * 5) % 11) - 3);
  return floats(values, [clips, 4, 3]);
}

/** Statistics of a batch that comes in parts. */
async function statistics(p: Bn0<NdArray>, parts: NdArray[]) {
  const program = engine.compile((_none: object, bn0: Bn0, given: Tensor[]) => {
    const sums = given.map((part) => batchNormSums(bn0, part));
    const total = (name: 'count' | 'sum' | 'squares') => tf.addN(sums.map((part) => part[name]));
    return batchNormStatistics(bn0, { count: total('count'), sum: total('sum'), squares: total('squares') });
  }, {});
  const found = await program.run(p as never, parts);
  await program.dispose();
  return found as unknown as { seen: Bn0<NdArray>; next: Bn0<NdArray> };
}

const near = (array: NdArray, expected: number[]) =>
  expected.forEach((value, i) => void expect(array.data[i]).toBeCloseTo(value, 5));

describe('the statistics of a batch', () => {
  // Of torch 2.15: BatchNorm2d(3) in train mode, from these running statistics, on the log-mels of steps 0 and 1 as [2, 3, 4, 1].
  const TORCH = [
    {
      mean: [-0.5874999761581421, 0.05000000074505806, 2],
      variance: [1.912500023841858, 4.199999809265137, 1.7678571939468384],
    },
    {
      mean: [-0.403749942779541, 0.3199999928474426, 1.9499999284744263],
      variance: [3.028392791748047, 5.087142467498779, 2.1910715103149414],
    },
  ];

  it('move the running ones as torch does', async () => {
    let running = START;
    for (const [step, { mean, variance }] of TORCH.entries()) {
      running = (await statistics(running, [logMels(step)])).next;
      near(running.running_mean, mean);
      near(running.running_var, variance);
    }
  });

  it('are the mean and the biased variance, however the batch is divided', async () => {
    const whole = logMels(3, 4);
    const values = (mel: number) => Array.from(whole.data as Float32Array).filter((_, i) => i % 3 === mel);
    const mean = [0, 1, 2].map((mel) => values(mel).reduce((sum, x) => sum + x / 16, 0));
    const variance = [0, 1, 2].map((mel) =>
      values(mel).reduce((sum, x) => sum + (x - mean[mel]!) ** 2 / 16, 0),
    );
    const data = whole.data as Float32Array;
    const parts = [floats(data.slice(0, 12), [1, 4, 3]), floats(data.slice(12), [3, 4, 3])];
    for (const batch of [[whole], parts]) {
      const { seen } = await statistics(START, batch);
      near(seen.running_mean, mean);
      near(seen.running_var, variance);
    }
  });

  it('do not lose what varies a little around a large mean', async () => {
    const noise = (i: number) => 0.01 * ((i * 37) % 101);
    const batch = floats(
      Array.from({ length: 2 * 500 * 3 }, (_, i) => -80 + noise(i)),
      [2, 500, 3],
    );
    const near80 = { ...START, running_mean: floats([-79, -80, -81]) };
    const { seen } = await statistics(near80, [batch]);
    for (const mel of [0, 1, 2]) {
      const values = Array.from({ length: 1000 }, (_, t) => noise(3 * t + mel));
      const mean = values.reduce((sum, x) => sum + x / 1000, 0);
      const variance = values.reduce((sum, x) => sum + (x - mean) ** 2 / 1000, 0);
      expect(Math.abs(Number(seen.running_var.data[mel]) / variance - 1)).toBeLessThan(1e-4);
    }
  });
});
