import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NdArray } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import { constantRate } from '@pengi/nn';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TrainOptions, type TrainTask, train } from './index.js';
import { onAll } from './testing/ranks.js';
import { interruptedAfter, smallTask } from './testing/small-task.js';
import { maskedTask, normalisedTask, pairTask } from './testing/tasks.js';
import { temporaryFolder } from './testing/temporary.js';

const STEPS = 20;

let jit: Engine;
let dir: string;
let options: TrainOptions;
beforeAll(async () => {
  jit = await createEngine('jit', { threads: 1 });
});
beforeEach(async () => {
  dir = await temporaryFolder();
  options = {
    engine: jit,
    steps: STEPS,
    schedule: constantRate(0.01),
    optimizer: { weightDecay: 0.1 },
    clipNorm: 1,
    emaDecay: 0.8,
    seed: 3,
    logEvery: 1,
    warn: (message) => expect.fail(message),
  };
});

/** Losses and final parameters of `size` processes that compute `accumulate` parts each. */
async function outcome<P, B>(
  task: TrainTask<P, B>,
  size: number,
  accumulate: number,
  changed: Partial<TrainOptions> = {},
) {
  const results = await onAll(size, (communicator) =>
    train(task, { ...options, ...changed, accumulate, communicator }),
  );
  for (const { losses, params } of results) {
    expect(losses).toEqual(results[0]!.losses);
    expect(params).toEqual(results[0]!.params);
  }
  const { losses, params } = results[0]!;
  return { losses: losses.map(({ loss }) => loss), params: Object.values(flat(params)) };
}

function flat(tree: unknown, path = ''): Record<string, number[]> {
  if (typeof tree !== 'object' || tree === null) return {};
  if ('shape' in tree) return { [path]: Array.from((tree as NdArray).data, Number) };
  return Object.assign({}, ...Object.entries(tree).map(([key, child]) => flat(child, `${path}.${key}`)));
}

function expectNear(found: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(found).toHaveLength(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  for (const [i, value] of expected.entries())
    expect(Math.abs(found[i]! - value), `${i}`).toBeLessThanOrEqual(tolerance * largest);
}

const TASKS: [string, () => TrainTask<unknown, unknown>][] = [
  ['a mean over samples, with dropout', () => smallTask({ size: 8 }) as never],
  ['a mean over tokens', () => maskedTask() as never],
  ['a contrastive loss', () => pairTask() as never],
  ['statistics of the batch', () => normalisedTask() as never],
];

describe.each(TASKS)('a step in parts, for %s', (_what, task) => {
  it.each([
    [1, 2],
    [1, 8],
    [2, 1],
    [4, 1],
    [2, 2],
    [4, 2],
  ])('gives in %d processes of %d parts what the whole batch gives', async (size, accumulate) => {
    const whole = await outcome(task(), 1, 1);
    const parts = await outcome(task(), size, accumulate);
    expectNear(parts.losses, whole.losses, 1e-5);
    for (const [i, values] of whole.params.entries()) expectNear(parts.params[i]!, values, 1e-4);
    expect(whole.losses.at(-1)).toBeLessThan(whole.losses[0]!);
  });

  it('gives on an engine that works op by op what it gives compiled', async () => {
    const cpu = await createEngine('cpu');
    const compiled = await outcome(task(), 1, 1, { steps: 6 });
    for (const accumulate of [1, 4]) {
      const eager = await outcome(task(), 1, accumulate, { steps: 6, engine: cpu });
      expectNear(eager.losses, compiled.losses, 1e-5);
      for (const [i, values] of compiled.params.entries()) expectNear(eager.params[i]!, values, 1e-4);
    }
  });

  it('resumed equals the unbroken run bit for bit', async () => {
    const bytes = async (at: string) => {
      const folder = join(at, 'checkpoints', 'step-000020');
      const files = (await readdir(folder)).filter((name) => name.endsWith('.safetensors'));
      return Promise.all(files.map(async (name) => [name, await readFile(join(folder, name), 'base64')]));
    };
    const [unbroken, broken] = [join(dir, 'unbroken'), join(dir, 'broken')];
    const run = (more: Partial<TrainOptions>) => train(task(), { ...options, accumulate: 2, ...more });
    const whole = await run({ dir: unbroken });
    const first = await run({ dir: broken, ...interruptedAfter(7) });
    expect([first.step, first.interrupted]).toEqual([7, true]);
    const second = await run({ dir: broken, resume: true });
    expect(await bytes(broken)).toEqual(await bytes(unbroken));
    expect(second.params).toEqual(whole.params);
  });
});

describe('parts of a step', () => {
  it('are asked for in the order of the samples', async () => {
    const asked: unknown[] = [];
    const task = smallTask({ size: 8 });
    await onAll(2, (communicator) =>
      train(
        {
          ...task,
          batch(step, part) {
            if (communicator.rank === 1) asked.push([step, part]);
            return task.batch(step, part);
          },
        },
        { ...options, steps: 1, accumulate: 2, communicator },
      ),
    );
    expect(asked).toEqual([2, 3].map((index) => [0, { index, count: 4 }]));
  });

  it('leave a step out together when one has a NaN, naming the samples of all', async () => {
    const warnings: string[] = [];
    const at = {
      ...options,
      steps: 3,
      accumulate: 2,
      dir,
      warn: (message: string) => warnings.push(message),
    };
    const { skipped, losses } = await train(smallTask({ bad: [1] }), at);
    expect([skipped, losses.map(({ step }) => step)]).toEqual([1, [1, 3]]);
    expect(await readFile(join(dir, 'log.jsonl'), 'utf8')).toContain(
      '"ids":["clip-1-0.wav","clip-1-1.wav","clip-1-2.wav","clip-1-3.wav"]',
    );
    expect(warnings).toHaveLength(1);
  });

  it('may be others when the run is resumed, and that is said', async () => {
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    const { losses } = await train(smallTask(), options);
    await train(smallTask(), { ...options, dir, accumulate: 4, ...interruptedAfter(8) });
    const second = await train(smallTask(), { ...options, dir, accumulate: 2, resume: true, warn });
    const found = second.losses.map(({ loss }) => loss);
    expectNear(found, losses.map(({ loss }) => loss), 1e-5); // biome-ignore format: one line
    expect(warnings).toEqual([expect.stringMatching(/4 parts each" and goes on .* 2 parts each"/)]);
  });

  it('must be of one size', async () => {
    await expect(train(smallTask(), { ...options, accumulate: 3 })).rejects.toMatchObject({
      code: 'E_USAGE',
      message: '4 samples of a step cannot be divided into 3 equal parts',
      hint: expect.stringContaining('multiple of 3'),
    });
  });
});
