import { createEngine, type Engine } from '@pengi/jit';
import { constantRate } from '@pengi/nn';
import { beforeAll, describe, expect, it } from 'vitest';
import { earlyStopOf } from './early-stop.js';
import { type TrainOptions, train } from './index.js';
import { onAll } from './testing/ranks.js';
import { interruptedAfter, smallTask } from './testing/small-task.js';
import { temporaryFolder } from './testing/temporary.js';

const points = (values: number[]) => values.map((value, i) => ({ step: 10 * (i + 1), values: { value } }));

describe('what evaluations say', () => {
  const say = (values: number[], options: object = {}) =>
    earlyStopOf(points(values), { metric: 'value', patience: 2, ...options });

  it('is to stop after so many without a better one', () => {
    expect(say([3, 2, 2.5])).toEqual({ best: { step: 20, value: 2 }, stopped: false });
    expect(say([3, 2, 2.5, 2])).toEqual({ best: { step: 20, value: 2 }, stopped: true });
    expect(say([3, 2, 2.5, 1.9, 4])).toEqual({ best: { step: 40, value: 1.9 }, stopped: false });
    expect(say([])).toEqual({ best: undefined, stopped: false });
  });

  it('counts large values as good where they are', () => {
    expect(say([0.3, 0.5, 0.4, 0.5], { mode: 'max' })).toEqual({
      best: { step: 20, value: 0.5 },
      stopped: true,
    });
  });

  it('takes no notice of what is better by less than asked for, step after step', () => {
    expect(say([3, 2.95, 2.9], { minDelta: 0.2 })).toEqual({ best: { step: 10, value: 3 }, stopped: true });
    expect(say([3, 2.9, 2.7], { minDelta: 0.2 })).toEqual({ best: { step: 30, value: 2.7 }, stopped: false });
  });

  it('is no better for a value that is no number', () => {
    expect(say([Number.NaN, Number.NaN])).toEqual({ best: undefined, stopped: true });
    expect(say([3, Number.NaN, 2])).toMatchObject({ best: { step: 30 }, stopped: false });
  });

  it('names a metric that is not there', () => {
    expect(() => say([1], { metric: 'accuracy' })).toThrow(
      expect.objectContaining({
        code: 'E_CONFIG',
        message: 'evaluations have no value "accuracy"',
        hint: 'there is value',
      }),
    );
  });
});

describe('a run that is to stop early', () => {
  let engine: Engine;
  let options: TrainOptions;
  beforeAll(async () => {
    engine = await createEngine('jit', { threads: 1 });
    options = {
      engine,
      steps: 20,
      schedule: constantRate(0.01),
      optimizer: {},
      seed: 1,
      evaluateEvery: 2,
      earlyStop: { metric: 'score', patience: 3, mode: 'max' },
      warn: (message) => expect.fail(message),
    };
  });

  /** The scores get better up to step 6. */
  const task = (evaluated: number[] = []) => ({
    ...smallTask(),
    evaluate: async (_params: unknown, step: number) => {
      evaluated.push(step);
      return { score: Math.min(step, 6) };
    },
  });

  it('ends when patience runs out, which is no interruption', async () => {
    const result = await train(task(), options);
    expect(result).toMatchObject({
      step: 12,
      interrupted: false,
      earlyStop: { best: { step: 6, value: 6 }, stopped: true },
    });
  });

  it('goes to its end when evaluations get better', async () => {
    const better = { ...task(), evaluate: async (_params: unknown, step: number) => ({ score: step }) };
    expect(await train(better, options)).toMatchObject({
      step: 20,
      earlyStop: { best: { step: 20 }, stopped: false },
    });
  });

  it.each([5, 8, 11])('remembers the best across an interruption at step %d', async (stop) => {
    const dir = await temporaryFolder();
    const evaluated: number[] = [];
    await train(task(evaluated), { ...options, dir, ...interruptedAfter(stop) });
    const second = await train(task(evaluated), { ...options, dir, resume: true });
    expect(second).toMatchObject({ step: 12, earlyStop: { best: { step: 6 }, stopped: true } });
    expect(evaluated).toEqual([2, 4, 6, 8, 10, 12]);
    const again = await train(task(evaluated), { ...options, dir, resume: true });
    expect(again).toMatchObject({ step: 12, interrupted: false, params: second.params });
    expect(evaluated).toHaveLength(6);
  });

  it('ends in all processes after the same step', async () => {
    const results = await onAll(2, (communicator) => train(task(), { ...options, communicator }));
    for (const { step, earlyStop } of results)
      expect([step, earlyStop]).toEqual([12, { best: { step: 6, value: 6 }, stopped: true }]);
  });

  it('needs evaluations', async () => {
    await expect(train(smallTask(), options)).rejects.toMatchObject({
      code: 'E_USAGE',
      message: 'earlyStop needs a task that evaluates',
    });
  });
});
