import { createRng } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import { beforeAll, describe, expect, it } from 'vitest';
import { batchRanges, type FitOptions, fitProbes, type ProbeTask, probeLogits, type Rows } from './fit.js';
import type { GridPoint } from './grid.js';

let engine: Engine;
beforeAll(async () => {
  engine = await createEngine('jit', { threads: 1 });
});

const point: GridPoint = {
  batch_size: 32,
  check_val_every_n_epoch: 3,
  dropout: 0.1,
  hidden_dim: 16,
  hidden_layers: 1,
  initialization: 'xavier_normal',
  lr: 1e-2,
  max_epochs: 30,
  patience: 5,
};
const options: FitOptions = { sizes: { inputs: 4, outputs: 3 }, type: 'multiclass', better: 'higher' };

/** Three clouds that overlap a little. */
function clouds(seed: number, count: number): Rows {
  const rng = createRng(seed);
  const x = new Float32Array(count * 4);
  const y = new Float32Array(count * 3);
  for (let i = 0; i < count; i++) {
    y[3 * i + (i % 3)] = 1;
    for (let d = 0; d < 4; d++) x[4 * i + d] = rng.normal() + (d === i % 3 ? 3 : 0);
  }
  return { count, x, y };
}

function rightOnes(logits: Float32Array, { y, count }: Rows): number {
  let right = 0;
  for (let i = 0; i < count; i++) {
    const own = logits.subarray(3 * i, 3 * i + 3);
    right += y[3 * i + own.indexOf(Math.max(...own))]!;
  }
  return right / count;
}

const valid = clouds(2, 45);
function task(
  change: Partial<GridPoint> = {},
  seed = 1,
  train = clouds(1, 90),
): ProbeTask<{ score: number }> {
  return {
    point: { ...point, ...change },
    seed,
    train,
    valid,
    judge: (logits) => ({ score: rightOnes(logits, valid) }),
  };
}

describe('probes', () => {
  it.each([0, 1, 2])('with %i hidden layers learn what can be learnt', async (hidden_layers) => {
    const [fitted] = await fitProbes(
      engine,
      [task({ hidden_layers, lr: hidden_layers === 0 ? 0.1 : 1e-2 })],
      options,
    );
    const test = clouds(3, 300);
    // Of such clouds, 3 standard deviations along each axis, the best rule is right in 0.96 of all cases.
    expect(rightOnes(await probeLogits(engine, fitted!.head, test, options), test)).toBeGreaterThan(0.9);
  });

  it('beside others become what they become alone', async () => {
    // Different rates, seeds, numbers of rows (the last batch is filled up) and, of the last one, structure.
    const tasks = [
      task(),
      task({ lr: 1e-3, initialization: 'xavier_uniform' }, 2),
      task({}, 3, clouds(4, 83)),
      task({ hidden_layers: 0 }),
    ];
    const together = await fitProbes(engine, tasks, options);
    for (const [i, one] of tasks.entries()) {
      const [alone] = await fitProbes(engine, [one], options);
      expect(together[i]!.epoch).toBe(alone!.epoch);
      const [a, b] = [together[i]!, alone!].map(({ head }) => head.params.projection.weight.data);
      for (const [j, value] of a!.entries()) expect(value).toBeCloseTo(b![j]!, 3);
    }
  });

  it('stop when nothing is better for long, and keep the first of equals', async () => {
    const scores = [0.5, 0.7, 0.7, 0.6, 0.7, 0.9];
    let checks = 0;
    const judged = { ...task({ patience: 3 }), judge: () => ({ score: scores[checks++]! }) };
    const [fitted] = await fitProbes(engine, [judged], options);
    expect(fitted).toMatchObject({ epoch: 5, epochs: 15, judged: { score: 0.7 } });
    expect(checks).toBe(5);
  });

  it('are kept by the lower score where that is better', async () => {
    const scores = [0.5, 0.3, 0.4];
    const judged = { ...task({ max_epochs: 9 }), judge: () => ({ score: scores.shift()! }) };
    const [fitted] = await fitProbes(engine, [judged], { ...options, better: 'lower' });
    expect(fitted).toMatchObject({ epoch: 5, judged: { score: 0.3 } });
  });

  it('of several labels are trained by the binary cross-entropy', async () => {
    const [fitted] = await fitProbes(
      engine,
      [task({ hidden_layers: 0, max_epochs: 60, lr: 0.1, patience: 20 })],
      {
        ...options,
        type: 'multilabel',
      },
    );
    const logits = await probeLogits(engine, fitted!.head, valid, options);
    const agree = valid.y.filter((y, i) => logits[i]! > 0 === y > 0).length / valid.y.length;
    expect(agree).toBeGreaterThan(0.9);
  });

  it('whose score is no number end, and cost the others nothing', async () => {
    const scores = [0.5, Number.NaN, 0.9];
    const lost = { ...task(), judge: () => ({ score: Number.NaN }) };
    const [none, kept, whole] = await fitProbes(
      engine,
      [lost, { ...task(), judge: () => ({ score: scores.shift()! }) }, task()],
      options,
    );
    expect(none).toBeUndefined();
    expect(kept).toMatchObject({ epoch: 2, epochs: 6, judged: { score: 0.5 } });
    expect(whole!.epoch).toBe((await fitProbes(engine, [task()], options))[0]!.epoch);
  });

  it.each<[string, ProbeTask<{ score: number }>, string]>([
    ['one row to train with', task({}, 1, clouds(1, 1)), 'E_DATA'],
    ['no check in all epochs', task({ max_epochs: 2 }), 'E_CONFIG'],
  ])('are refused with %s', async (_what, bad, code) => {
    await expect(fitProbes(engine, [bad], options)).rejects.toMatchObject({ code });
  });
});

describe('batches', () => {
  it('never have a single row', () => {
    expect(batchRanges(65, 32)).toEqual([
      { from: 0, to: 32 },
      { from: 32, to: 65 },
    ]);
    expect(batchRanges(66, 32).at(-1)).toEqual({ from: 64, to: 66 });
    expect(batchRanges(10, 32)).toEqual([{ from: 0, to: 10 }]);
  });
});
