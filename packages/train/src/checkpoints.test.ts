/** Which checkpoints stay, how they are found, what they hold, and who may write them. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { PengiError } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import { constantRate } from '@pengi/nn';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkpointParams, openCheckpoint, type TrainOptions, train } from './index.js';
import { watchDisk } from './testing/disk.js';
import { interruptedAfter, type SmallTask, smallTask } from './testing/small-task.js';
import { temporaryFolder } from './testing/temporary.js';

let engine: Engine;
let dir: string;
let options: TrainOptions & { dir: string };
let warnings: string[];
beforeAll(async () => {
  engine = await createEngine('jit', { threads: 1 });
});
beforeEach(async () => {
  dir = join(await temporaryFolder(), 'run');
  warnings = [];
  options = {
    engine,
    steps: 10,
    schedule: constantRate(0.01),
    optimizer: {},
    seed: 1,
    dir,
    checkpointEvery: 2,
    keep: 1,
    warn: (message) => warnings.push(message),
  };
});

const checkpoints = () => readdir(join(dir, 'checkpoints'));
const pointer = async (name: string) => JSON.parse(await readFile(join(dir, name), 'utf8')) as unknown;

/** Evaluations after every second step; `seen` gets the parameters. */
function scored(scores: readonly number[], seen: unknown[] = []): SmallTask {
  const evaluate: SmallTask['evaluate'] = async (params, step) => {
    seen[step] = params;
    return { score: scores[step / 2 - 1]! };
  };
  return { ...smallTask(), evaluate };
}

describe('the best checkpoint', () => {
  const best = { metric: 'score', mode: 'max' } as const;

  it('stays beside the newest, and has the parameters of its evaluation', async () => {
    const seen: unknown[] = [];
    const task = scored([1, 3, Number.NaN, 3, 2], seen);
    const result = await train(task, { ...options, evaluateEvery: 2, best });
    expect(result.best).toEqual({ ...best, step: 4, value: 3 });
    expect(await checkpoints()).toEqual(['step-000004', 'step-000010']);
    expect(await pointer('best.json')).toEqual({
      checkpoint: 'checkpoints/step-000004',
      ...{ step: 4, metric: 'score', mode: 'max', value: 3 },
    });
    expect(await pointer('latest.json')).toEqual({ checkpoint: 'checkpoints/step-000010', step: 10 });
    expect(await checkpointParams(dir, 'best', task.params)).toEqual(seen[4]);
    expect(await checkpointParams(dir, 'latest', task.params)).toEqual(result.params);
  });

  it('is written when its step has none, and gives way to a better one', async () => {
    const task = scored([5, 4, 3, 2, 7]);
    const run = {
      ...options,
      evaluateEvery: 2,
      checkpointEvery: 3,
      best: { metric: 'score', mode: 'min' },
    } as const;
    await train(task, { ...run, ...interruptedAfter(7) });
    expect(await checkpoints()).toEqual(['step-000006', 'step-000007']);
    const result = await train(task, { ...run, resume: true });
    expect(result.best).toMatchObject({ step: 8, value: 2 });
    expect(await checkpoints()).toEqual(['step-000008', 'step-000010']);
  });

  it('stays where a run goes on without asking for it', async () => {
    const task = scored([9, 1, 1, 1, 1]);
    await train(task, { ...options, evaluateEvery: 2, best, ...interruptedAfter(6) });
    await train(task, { ...options, evaluateEvery: 2, resume: true });
    expect(await checkpoints()).toEqual(['step-000002', 'step-000010']);
  });

  it('is found again in the log when its pointer is lost', async () => {
    const task = scored([9, 1, 1, 1, 1]);
    await train(task, { ...options, evaluateEvery: 2, best, ...interruptedAfter(6) });
    await rm(join(dir, 'best.json'));
    await train(task, { ...options, evaluateEvery: 2, best, resume: true });
    expect(await pointer('best.json')).toMatchObject({ step: 2, value: 9 });
  });

  it('needs evaluations that have the metric', async () => {
    await expect(train(smallTask(), { ...options, best })).rejects.toMatchObject({ code: 'E_USAGE' });
    const wrong = { ...best, metric: 'accuracy' };
    await expect(train(scored([1]), { ...options, evaluateEvery: 2, best: wrong })).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: 'no evaluation has the metric "accuracy" of "best"',
      hint: 'there is score',
    });
  });
});

describe('openCheckpoint', () => {
  it('says what is not there, and what is damaged', async () => {
    await expect(openCheckpoint(dir)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    await train(smallTask(), options);
    await expect(openCheckpoint(dir, 'best')).rejects.toThrow('has no best checkpoint');
    await expect(openCheckpoint(dir, 4)).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: 'is missing',
    });
    const { dir: found } = await openCheckpoint(dir);
    await writeFile(join(found, 'params.safetensors'), 'x');
    await expect(openCheckpoint(dir)).rejects.toMatchObject({ code: 'E_CHECKPOINT' });
    await writeFile(join(dir, 'latest.json'), '{}');
    await expect(openCheckpoint(dir)).rejects.toThrow('does not name a checkpoint');
  });

  it('goes on to the newer one when the run has gone on in between', async () => {
    await train(smallTask(), options);
    const newest = await readFile(join(dir, 'latest.json'));
    await writeFile(join(dir, 'latest.json'), '{"checkpoint": "checkpoints/step-000008", "step": 8}');
    const disk = watchDisk(dir, ({ path }) => {
      if (path.includes('step-000008')) writeFileSync(join(dir, 'latest.json'), newest);
      return undefined;
    });
    try {
      expect((await openCheckpoint(dir)).manifest.step).toBe(10);
    } finally {
      disk.stop();
    }
  });
});

describe('a manifest', () => {
  it('has the place in schedule, randomness and data, the versions of the code, settings and record', async () => {
    const task = { ...smallTask(), cursor: (step: number) => ({ epoch: step / 20 }) };
    await train(task, { ...options, record: { model: 'small' }, code: { mine: '1.2.3' } });
    const { manifest } = await openCheckpoint(dir);
    const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../package.json'), 'utf8')) as {
      version: string;
    };
    expect(manifest).toMatchObject({
      step: 10,
      position: { learningRate: null, randomKey: expect.any(Number), data: { epoch: 0.5 } },
      code: {
        node: process.versions.node,
        '@pengi/train': version,
        '@tensorflow/tfjs-core': '4.22.0',
        mine: '1.2.3',
      },
      settings: { seed: 1 },
      record: { model: 'small' },
    });
  });

  it('is not resumed where data or schedule are at another place', async () => {
    const at = (epoch: number): SmallTask => ({ ...smallTask(), cursor: () => ({ epoch }) });
    await train(at(1), { ...options, ...interruptedAfter(4) });
    await expect(train(at(2), { ...options, resume: true })).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringContaining('position.data.epoch was 1, now 2'),
    });
    // The same at the five steps that the settings have.
    const schedule = (step: number) => (step === 4 ? 0.02 : 0.01);
    await expect(train(at(1), { ...options, schedule, resume: true })).rejects.toThrow(
      'position.learningRate was 0.01, now 0.02',
    );
  });

  it('of other code is resumed, and said', async () => {
    await train(smallTask(), { ...options, code: { mine: '1' }, ...interruptedAfter(4) });
    await train(smallTask(), { ...options, code: { mine: '2' }, resume: true });
    expect(warnings).toEqual(['this run began with mine 1 and goes on with mine 2: results may differ']);
  });
});

describe('a run folder', () => {
  /** A run that waits for its fifth batch. */
  async function stalled() {
    const task = smallTask();
    const events = new EventTarget();
    const go = once(events, 'go');
    const reached = once(events, 'reached');
    const running = train(
      {
        ...task,
        async batch(step) {
          if (step === 5) {
            events.dispatchEvent(new Event('reached'));
            await go;
          }
          return task.batch(step);
        },
      },
      options,
    );
    await reached;
    return { running, go: () => events.dispatchEvent(new Event('go')) };
  }

  it('is for one process at a time', async () => {
    const { running, go } = await stalled();
    for (const resume of ['auto', true, false] as const)
      await expect(train(smallTask(), { ...options, resume })).rejects.toMatchObject({
        code: 'E_BUSY',
        exitCode: 75,
        message: `process ${process.pid} on ${hostname()} trains in this folder`,
      });
    go();
    expect((await running).step).toBe(10);
    expect((await train(smallTask(), { ...options, resume: true })).step).toBe(10);
  });

  it('that another process has taken is written no more', async () => {
    const { running, go } = await stalled();
    await writeFile(join(dir, '.lock'), JSON.stringify({ pid: 7, host: 'elsewhere' }));
    go();
    await expect(running).rejects.toMatchObject({
      code: 'E_BUSY',
      message:
        'process 7 on elsewhere trains in this folder; training stopped at step 6, step-000004 is kept',
    });
    expect(await checkpoints()).toEqual(['step-000004']);
  });
});

it('an evaluation that is stopped is left out, and made up for', async () => {
  const controller = new AbortController();
  const asked: number[] = [];
  const evaluate: SmallTask['evaluate'] = async (_params, step, signal) => {
    asked.push(step);
    if (asked.length === 1) controller.abort(new PengiError('E_INTERRUPTED', 'stopped by SIGINT'));
    signal?.throwIfAborted();
    return { score: step };
  };
  const task = { ...smallTask(), evaluate };
  const first = await train(task, { ...options, evaluateEvery: 4, signal: controller.signal });
  expect([first.step, first.interrupted, first.evaluations]).toEqual([4, true, []]);
  const second = await train(task, { ...options, evaluateEvery: 4, resume: true });
  expect(second.evaluations.map(({ step }) => step)).toEqual([4, 8, 10]);
  expect(asked).toEqual([4, 4, 8, 10]);
});
