import { readdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createEngine, type Engine } from '@pengi/jit';
import { constantRate } from '@pengi/nn';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Evaluation,
  type RunObserver,
  readLog,
  readStatus,
  stateOf,
  type TrainOptions,
  tensorboardEvents,
  train,
} from './index.js';
import { onAll } from './testing/ranks.js';
import { interruptedAfter, smallTask } from './testing/small-task.js';
import { temporaryFolder } from './testing/temporary.js';

let engine: Engine;
let dir: string;
let options: TrainOptions & { dir: string };
beforeAll(async () => {
  engine = await createEngine('jit', { threads: 1 });
});
beforeEach(async () => {
  dir = join(await temporaryFolder(), 'run');
  options = {
    engine,
    steps: 6,
    schedule: constantRate(0.01),
    optimizer: {},
    seed: 1,
    dir,
    logEvery: 2,
    checkpointEvery: 3,
    evaluateEvery: 3,
    warn: () => undefined,
  };
});

const samples = [{ id: 'a.wav', prompt: 'what?', target: 'a dog', answer: 'a cat' }];
const evaluated = (evaluation: Evaluation) => ({ ...smallTask(), evaluate: async () => evaluation });

/** An observer that remembers what it was told, in a few words. */
function witness() {
  const told: string[] = [];
  const observer: RunObserver = {
    begin: ({ task, steps, from, lines }) => void told.push(`begin ${task} ${from}/${steps} ${lines.length}`),
    phase: (phase) => void told.push(phase),
    step: ({ step }) => void told.push(`step ${step}`),
    logged: ({ event, step }) => void told.push(`${event} line ${step}`),
    end: ({ state, step, error }) => void told.push(`${state} at ${step}${error ? `: ${error}` : ''}`),
  };
  return { told, observer };
}

describe('an observer', () => {
  it('is told everything in the order in which it happens', async () => {
    const { told, observer } = witness();
    await train(evaluated({ accuracy: 1 }), { ...options, steps: 3, observers: [observer] });
    expect(told).toEqual([
      'begin small 0/3 0',
      ...['step 1', 'step line 1', 'step 2', 'step line 2', 'step 3', 'step line 3'],
      ...['saving', 'training', 'evaluating', 'evaluation line 3', 'training', 'saving', 'training'],
      'finished at 3',
    ]);
  });

  it('hears of skipped steps, of a resume, and of how it ended', async () => {
    const [first, second] = [witness(), witness()];
    const task = smallTask({ bad: [1] });
    await train(task, { ...options, ...interruptedAfter(3), observers: [first.observer] });
    expect(first.told).toContain('skipped line 2');
    expect(first.told).not.toContain('step 2');
    expect(first.told.at(-1)).toBe('interrupted at 3');
    await train(task, { ...options, resume: true, observers: [second.observer] });
    // the lines of steps 1 and 2
    expect([second.told[0], second.told.at(-1)]).toEqual(['begin small 3/6 2', 'finished at 6']);
  });

  it('that throws ends the run, which says so to the others', async () => {
    const { told, observer } = witness();
    const broken: RunObserver = {
      step: ({ step }) => {
        if (step === 2) throw new Error('broken');
      },
    };
    await expect(train(smallTask(), { ...options, observers: [observer, broken] })).rejects.toThrow('broken');
    expect(told.at(-1)).toBe('failed at 2: Error: broken');
    expect(await readStatus(dir)).toMatchObject({ state: 'failed', step: 2, error: 'Error: broken' });
  });

  it('is told in the first of several processes only', async () => {
    const witnesses = [witness(), witness()];
    await onAll(2, (communicator) => {
      const { dir: _, checkpointEvery: __, ...rest } = options;
      const { observer } = witnesses[communicator.rank]!;
      return train(smallTask(), { ...rest, communicator, observers: [observer] });
    });
    expect(witnesses.map(({ told }) => told.at(-1))).toEqual(['finished at 6', undefined]);
  });
});

describe('sample texts', () => {
  it('are in the log beside the scores', async () => {
    const { evaluations } = await train(evaluated({ values: { accuracy: 0.5 }, samples }), options);
    expect(evaluations).toEqual([
      { step: 3, values: { accuracy: 0.5 } },
      { step: 6, values: { accuracy: 0.5 } },
    ]);
    const lines = (await readLog(join(dir, 'log.jsonl'))).filter(({ event }) => event === 'evaluation');
    expect(lines[0]).toMatchObject({ step: 3, values: { accuracy: 0.5 }, samples });
  });

  it('are not needed, even where a score is called "values"', async () => {
    const { evaluations } = await train(evaluated({ values: 0.5, samples: 3 }), options);
    expect(evaluations[0]!.values).toEqual({ values: 0.5, samples: 3 });
  });
});

describe('the status of a run folder', () => {
  it('says who runs there, and then how it ended', async () => {
    let during: Awaited<ReturnType<typeof readStatus>>;
    const observer: RunObserver = {
      step: async () => {
        during = await readStatus(dir);
      },
    };
    await train(smallTask(), { ...options, ...interruptedAfter(4), observers: [observer] });
    const start = { step: 0, host: hostname(), pid: process.pid, engine: engine.description };
    expect(during).toMatchObject({ state: 'running', step: 0, starts: [start] });
    expect(stateOf(during!)).toBe('running');
    expect(await readStatus(dir)).toMatchObject({ state: 'interrupted', step: 4 });
    await train(smallTask(), { ...options, resume: true });
    const finished = await readStatus(dir);
    expect(finished).toMatchObject({ state: 'finished', step: 6, starts: [start, { ...start, step: 4 }] });
    expect(finished!.error).toBeUndefined();
  });

  it('tells a process that is gone without a word', () => {
    const start = { at: '', step: 0, engine: '', host: hostname(), pid: 2 ** 22 + 1 }; // above any pid of Linux
    const status = { state: 'running', step: 0, starts: [start] } as const;
    expect(stateOf(status)).toBe('crashed');
    expect(stateOf({ ...status, state: 'finished' })).toBe('finished');
    expect(stateOf({ ...status, starts: [{ ...start, host: 'elsewhere' }] })).toBe('running');
  });
});

describe('the event files of a run', () => {
  it('are one for each start, with the scalars and the sample texts', async () => {
    const events = join(dir, 'tensorboard');
    const task = evaluated({ values: { accuracy: 0.5 }, samples });
    await train(task, { ...options, ...interruptedAfter(4), observers: [tensorboardEvents(events)] });
    await train(task, { ...options, resume: true, observers: [tensorboardEvents(events)] });
    const files = (await readdir(events)).sort();
    expect(files).toHaveLength(2);
    const [first, second] = await Promise.all(files.map((file) => readFile(join(events, file), 'latin1')));
    const tags = [
      'training/loss',
      'training/absoluteError',
      'training/gradientNorm',
      'speed/loaderShare',
      'evaluation/accuracy',
      'samples/a.wav',
      '`a cat`',
    ];
    for (const text of [first!, second!]) expect(tags.filter((tag) => !text.includes(tag))).toEqual([]);
    // the session of the second file starts at step 5: the fields of the event with the step and the session
    expect(second).toContain('\x10\x05:\x02\x08\x01');
  });
});
