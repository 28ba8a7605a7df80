import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { floats, type NdArray } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import { constantRate } from '@pengi/nn';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Communicator, readLog, type TrainOptions, type TrainTask, train } from './index.js';
import { createReducer } from './reduce.js';
import { onAll, ranks } from './testing/ranks.js';
import { interruptedAfter, smallTask } from './testing/small-task.js';
import { maskedTask, pairTask } from './testing/tasks.js';
import { temporaryFolder } from './testing/temporary.js';

const STEPS = 20;

let engine: Engine;
let dir: string;
let options: TrainOptions;
let warnings: string[];
beforeAll(async () => {
  engine = await createEngine('jit', { threads: 1 });
});
beforeEach(async () => {
  dir = await temporaryFolder();
  warnings = [];
  options = {
    engine,
    steps: STEPS,
    schedule: constantRate(0.01),
    optimizer: { weightDecay: 0.1 },
    clipNorm: 1,
    seed: 3,
    logEvery: 1,
    warn: (message) => warnings.push(message),
  };
});

/** The losses of rank 0 of `size` processes. */
async function lossesOf<P, B>(task: TrainTask<P, B>, size: number, changed: Partial<TrainOptions> = {}) {
  const results = await onAll(size, (communicator) => train(task, { ...options, ...changed, communicator }));
  for (const { losses, params } of results) {
    expect(losses).toEqual(results[0]!.losses);
    expect(params).toEqual(results[0]!.params);
  }
  return results[0]!.losses.map(({ loss }) => loss);
}

function expectNear(found: number[], expected: number[], tolerance = 1e-5): void {
  expect(found).toHaveLength(expected.length);
  for (const [i, value] of expected.entries())
    expect(Math.abs(found[i]! - value) / Math.abs(value), `step ${i + 1}`).toBeLessThan(tolerance);
}

describe('several processes', () => {
  it.each([2, 4])('%d get the losses of one with the whole batch, dropout included', async (size) => {
    const task = smallTask({ size: 8 });
    expectNear(await lossesOf(task, size), await lossesOf(task, 1));
  });

  it.each([2, 4])('%d count batches by what their loss is the mean of', async (size) => {
    const task = maskedTask();
    const whole = await lossesOf(task, 1);
    expectNear(await lossesOf(task, size), whole);
    const { weight: _, ...unweighted } = task;
    expect(Math.abs((await lossesOf(unweighted, size))[0]! / whole[0]! - 1)).toBeGreaterThan(1e-3);
  });

  it.each([2, 4])('%d compare all samples of a contrastive batch', async (size) => {
    const task = pairTask();
    const whole = await lossesOf(task, 1);
    expect(whole.at(-1)).toBeLessThan(whole[0]!);
    expectNear(await lossesOf(task, size), whole);
  });

  it('report metrics of the whole batch', async () => {
    const metrics = async (size: number) => {
      const at = join(dir, String(size));
      await onAll(size, (communicator) =>
        train(smallTask({ size: 8 }), { ...options, steps: 3, dir: at, communicator }),
      );
      const lines = await readLog(join(at, 'log.jsonl'));
      return lines.map((line) => (line.event === 'step' ? line.metrics.absoluteError! : Number.NaN));
    };
    expectNear(await metrics(2), await metrics(1));
  });

  it('leave a step out together when one has a NaN, naming the samples of all', async () => {
    const task = smallTask({ bad: [1] });
    const results = await onAll(2, (communicator) =>
      train(task, { ...options, steps: 3, dir, communicator }),
    );
    expect(results.map(({ skipped }) => skipped)).toEqual([1, 1]);
    expect(results[0]!.params).toEqual(results[1]!.params);
    const [line] = (await readLog(join(dir, 'log.jsonl'))).filter(({ event }) => event === 'skipped');
    expect(line).toMatchObject({ step: 2, ids: [0, 1, 2, 3].map((i) => `clip-1-${i}.wav`) });
    expect(warnings).toHaveLength(1);
  });

  it('stop after the same step when one of them is told to', async () => {
    const stopping = interruptedAfter(1).signal!;
    const results = await onAll(2, (communicator) => {
      const controller = new AbortController();
      const task = smallTask();
      const batch = async (...args: Parameters<typeof task.batch>) => {
        if (communicator.rank === 1 && args[0] === 6) controller.abort();
        return task.batch(...args);
      };
      const signal = communicator.rank === 1 ? controller.signal : stopping;
      return train({ ...task, batch }, { ...options, dir, communicator, signal });
    });
    // The batch of step 6 is asked for while step 5 is computed, whose exchange carries the wish.
    expect(results.map(({ step, interrupted }) => [step, interrupted])).toEqual([
      [6, true],
      [6, true],
    ]);
    expect(await readdir(join(dir, 'checkpoints'))).toEqual(['step-000006']);
  });
});

describe('a restart', () => {
  const bytesAt = async (folder: string) =>
    readFile(join(folder, 'checkpoints', 'step-000020', 'params.safetensors'), 'base64');

  const trained = (size: number, changed: Partial<TrainOptions>) =>
    onAll(size, (communicator) => train(smallTask(), { ...options, ...changed, communicator }));

  /** Stops after 8 steps: rank 0 sees the progress, and asks. */
  const stopped = (size: number, at: string) =>
    onAll(size, (communicator) =>
      train(smallTask(), { ...options, dir: at, communicator, ...interruptedAfter(8) }),
    );

  it('of as many processes equals the unbroken run bit for bit', async () => {
    await trained(2, { dir: join(dir, 'unbroken') });
    const [first] = await stopped(2, join(dir, 'broken'));
    expect(first!.interrupted).toBe(true);
    const [second] = await trained(2, { dir: join(dir, 'broken'), resume: true });
    expect(second!.step).toBe(20);
    expect(await bytesAt(join(dir, 'broken'))).toBe(await bytesAt(join(dir, 'unbroken')));
  });

  it('of another number goes on with the same batches, and says so', async () => {
    const [whole] = await trained(1, { dir: join(dir, 'unbroken') });
    await stopped(4, join(dir, 'broken'));
    const [result] = await trained(2, { dir: join(dir, 'broken'), resume: true });
    expectNear(
      result!.losses.map(({ loss }) => loss),
      whole!.losses.map(({ loss }) => loss),
    );
    expect(warnings).toEqual([expect.stringMatching(/4 processes" and goes on .* 2 processes"/)]);
  });
});

describe('processes that do not belong together', () => {
  const outcomes = (change: (rank: number) => Partial<TrainOptions>, task = () => smallTask()) =>
    Promise.allSettled(
      ranks(2).map((communicator) =>
        train(task(), { ...options, dir, communicator, ...change(communicator.rank) }),
      ),
    );

  it.each([
    ['seed', (rank: number) => ({ seed: rank }), 'seed is 0 in rank 0 and 1 in rank 1'],
    [
      'record',
      (rank: number) => ({ record: { data: `${rank}.csv` } }),
      'record.data is "0.csv" in rank 0 and "1.csv" in rank 1',
    ],
  ])('are refused before the first step for another %s', async (_what, change, message) => {
    for (const outcome of await outcomes(change))
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'E_CONFIG', message: expect.stringContaining(message) },
      });
    expect(await readdir(dir)).toEqual([]);
  });

  it('are refused for other initial weights', async () => {
    let made = 0;
    const task = () => {
      const task = smallTask();
      const weight = task.params.output.weight as NdArray<'float32'>;
      if (made++ === 1) weight.data[0]! += 1e-3;
      return task;
    };
    for (const outcome of await outcomes(() => ({}), task))
      expect(outcome).toMatchObject({
        reason: { message: expect.stringMatching(/initialSha256 is .* in rank 1/) },
      });
  });

  it('all fail when rank 0 cannot use the run folder', async () => {
    await train(smallTask(), { ...options, dir });
    const [first, second] = await outcomes(() => ({}));
    expect(first).toMatchObject({
      reason: { code: 'E_CANNOT_CREATE', message: expect.stringMatching(/^holds a run/) },
    });
    expect(second).toMatchObject({
      reason: { code: 'E_CANNOT_CREATE', message: expect.stringMatching(/^rank 0: holds/) },
    });
  });

  it('are stopped at the next checkpoint when their parameters have drifted apart', async () => {
    const corrupt = (rank: number, data: Float32Array) => {
      if (rank === 1) data[0]! += 1e-3;
    };
    const running = ranks(2, { corrupt }).map((communicator) =>
      train(smallTask(), { ...options, dir, communicator, checkpointEvery: 2 }),
    );
    for (const outcome of await Promise.allSettled(running))
      expect(outcome).toMatchObject({
        reason: { code: 'E_INTERNAL', message: 'after step 2 rank 1 has other parameters than rank 0' },
      });
    expect(await readdir(join(dir, 'checkpoints'))).toEqual([]);
  });

  it('cannot divide a batch that is no multiple of their number', async () => {
    const failing = Promise.all(
      ranks(3).map((communicator) => train(smallTask(), { ...options, communicator })),
    );
    await expect(failing).rejects.toMatchObject({
      code: 'E_USAGE',
      message: '4 samples of a step cannot be divided into 3 equal parts',
    });
  });
});

describe('sums over processes', () => {
  it('come in buckets that need not be whole arrays', async () => {
    const arrays = (rank: number) =>
      [[1, 2, 3, 4, 5], [6], [], [7, 8]].map((a) => floats(a.map((x) => x * 10 ** rank)));
    const sums = await onAll(2, async (communicator: Communicator) => {
      const calls: number[] = [];
      const counted = {
        ...communicator,
        allReduce(data: Float32Array) {
          calls.push(data.length);
          return communicator.allReduce(data);
        },
      };
      const summed = await createReducer(counted, 3).finish(arrays(communicator.rank));
      return { calls, values: summed.map(({ data }) => [...data]) };
    });
    for (const { calls, values } of sums) {
      expect(calls).toEqual([3, 3, 2]);
      expect(values).toEqual([[11, 22, 33, 44, 55], [66], [], [77, 88]]);
    }
  });
});
