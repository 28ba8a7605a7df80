import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { floats, ints, type NdArray, scalar } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import { constantRate, linearWarmupDecay } from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readLog, type TrainOptions, train } from './index.js';
import { interruptedAfter, smallTask } from './testing/small-task.js';
import { temporaryFolder } from './testing/temporary.js';

let engine: Engine;
let dir: string;
let options: TrainOptions;
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
    logEvery: 1,
    warn: (message) => warnings.push(message),
  };
});

const lines = () => readLog(join(dir, 'log.jsonl'));

describe('training', () => {
  it('fits four samples', async () => {
    const task = smallTask({ rate: 0 });
    const { losses, step, interrupted } = await train(
      { ...task, batch: () => task.batch(0) },
      { ...options, steps: 400 },
    );
    expect(losses[0]!.loss).toBeGreaterThan(1);
    expect(losses.at(-1)!.loss).toBeLessThan(1e-4);
    expect({ step, interrupted }).toEqual({ step: 400, interrupted: false });
  });

  it('learns from other samples than it is tested with', async () => {
    const { losses } = await train(smallTask({ rate: 0 }), { ...options, steps: 500, logEvery: 1 });
    const last = losses.slice(-50).reduce((sum, { loss }) => sum + loss / 50, 0);
    expect(last).toBeLessThan(losses[0]!.loss / 20);
  });

  it('returns all parameters and leaves the frozen and the given ones alone', async () => {
    const task = smallTask();
    const given = task.params.output.weight.data.slice();
    const { params } = await train({ ...task, frozen: ['scale', 'norm'] }, options);
    expect(params.norm).toEqual(task.params.norm);
    expect(params.scale).toBe(task.params.scale);
    expect(params.output.weight.data).not.toEqual(given);
    expect(task.params.output.weight.data).toEqual(given);
  });

  it('trains what is named in spite of a frozen pattern, and nothing else there', async () => {
    const task = smallTask();
    const { params } = await train({ ...task, frozen: ['**'], trained: ['output.*'] }, options);
    expect(params.input).toEqual(task.params.input);
    expect(params.norm).toEqual(task.params.norm);
    expect(params.output.weight.data).not.toEqual(task.params.output.weight.data);
    expect(params.output.bias.data).not.toEqual(task.params.output.bias.data);
  });

  it('gives a group of parameters its own rate', async () => {
    const task = smallTask({ rate: 0 });
    const moved = async (groups: { match: string[]; rate: number }[]) => {
      const { params } = await train(task, { ...options, steps: 1, optimizer: { groups } });
      const by = (after: NdArray, before: NdArray) =>
        Math.abs(Number(after.data[0]) - Number(before.data[0]));
      return {
        input: by(params.input.bias, task.params.input.bias),
        output: by(params.output.bias, task.params.output.bias),
      };
    };
    // The first step of Adam is as long as the rate, whatever the gradient.
    const all = await moved([]);
    expect(all.output).toBeCloseTo(0.01, 5);
    const some = await moved([{ match: ['output'], rate: 0.25 }]);
    expect(some.output).toBeCloseTo(0.0025, 6);
    expect(some.input).toBe(all.input);
  });

  it('gives evaluations and the caller the parameters as the task wants them', async () => {
    const seen: unknown[] = [];
    const task = {
      ...smallTask(),
      plain: (params: { scale: NdArray }) => ({ ...params, scale: scalar(7) }) as never,
      evaluate: async (params: unknown) => {
        seen.push(Number((params as { scale: NdArray }).scale.data[0]));
        return {};
      },
    };
    const { params } = await train(task, options);
    expect([...seen, Number(params.scale.data[0])]).toEqual([7, 7]);
  });

  it('does not write to what evaluations were given', async () => {
    const given: NdArray[] = [];
    const evaluate = async (params: { output: { bias: NdArray } }) => {
      given.push(params.output.bias);
      return {};
    };
    await train({ ...smallTask(), evaluate }, { ...options, evaluateEvery: 5 });
    expect(given[0]!.data[0]).not.toBe(given[1]!.data[0]);
  });

  it('counts the graphs that it compiles, one for each shape, and says when there are many', async () => {
    const task = smallTask({ size: 6 });
    const cut = async (step: number) => {
      const { arrays, ids } = await task.batch(step);
      const count = 1 + (step % 3);
      const first = ({ data, shape }: NdArray) =>
        floats((data as Float32Array).slice(0, count * shape[1]!), [count, shape[1]!]);
      return { arrays: { x: first(arrays.x), y: first(arrays.y) }, ids: ids.slice(0, count) };
    };
    expect((await train({ ...task, batch: cut }, options)).graphs).toBe(3);
    expect(warnings).toEqual([]);
    const { graphs } = await train({ ...task, batch: cut }, { ...options, maxGraphs: 2 });
    expect(graphs).toBe(options.steps); // each shape comes when it has just been forgotten
    expect(warnings).toEqual([
      expect.stringMatching(/^3 graphs have been compiled, .* and 2 stay in memory/),
    ]);
  });

  it('gives the same numbers for the same seed and others for another', async () => {
    const run = async (seed: number) => (await train(smallTask(), { ...options, seed })).losses;
    const first = await run(1);
    expect(await run(1)).toEqual(first);
    expect(await run(2)).not.toEqual(first);
  });

  it('asks for every batch once, in order, and not for one after the last', async () => {
    const task = smallTask();
    const asked: number[] = [];
    const batch = (step: number) => {
      asked.push(step);
      return task.batch(step);
    };
    await train({ ...task, batch }, { ...options, steps: 4 });
    expect(asked).toEqual([0, 1, 2, 3]);
  });

  it('hands on what a batch throws, and writes no checkpoint of it', async () => {
    const task = smallTask();
    const batch = async (step: number) => {
      if (step === 2) throw new Error('no such clip');
      return task.batch(step);
    };
    await expect(train({ ...task, batch }, { ...options, dir })).rejects.toThrow('no such clip');
    expect(await readdir(join(dir, 'checkpoints'))).toEqual([]);
  });

  it('lets timers and signals through, also on an engine that never waits', async () => {
    const controller = new AbortController();
    setImmediate(() => controller.abort());
    const cpu = await createEngine('cpu');
    const { step } = await train(smallTask(), { ...options, engine: cpu, signal: controller.signal });
    expect(step).toBeLessThan(options.steps);
  });

  it('writes nothing without a run folder', async () => {
    const before = await readdir('.');
    await train(smallTask(), options);
    expect(await readdir('.')).toEqual(before);
  });

  it('tells the progress since it started, with smoothed loss, rate and throughput', async () => {
    const updates: [number, number | undefined, string | undefined][] = [];
    const labels: string[] = [];
    await train(smallTask(), {
      ...options,
      steps: 3,
      progress: (label) => {
        labels.push(label);
        return { update: (...update) => void updates.push(update as never), end() {} };
      },
    });
    expect(labels).toEqual(['training small']);
    expect(updates.map(([done, total]) => [done, total])).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
    ]);
    expect(updates[2]![2]).toMatch(/^loss [\d.e-]+, rate 0\.010, [\d.e+]+ samples\/s$/);
  });
});

describe('the log', () => {
  it('has the learning rate of the schedule, which counts steps from 0', async () => {
    const schedule = linearWarmupDecay({ learningRate: 0.1, warmupSteps: 4, totalSteps: 10 });
    await train(smallTask(), { ...options, schedule, dir });
    const logged = (await lines()).map((line) => [line.step, line.event === 'step' && line.learningRate]);
    // Up from 0 by 0.1/4, then down by 0.1/6.
    const expected = [0, 0.025, 0.05, 0.075, 0.1, 0.5 / 6, 0.4 / 6, 0.3 / 6, 0.2 / 6, 0.1 / 6];
    expect(logged.map(([step]) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for (const [i, rate] of expected.entries()) expect(logged[i]![1]).toBeCloseTo(rate, 12);
  });

  it('is applied: a rate of 0 changes nothing', async () => {
    const task = smallTask();
    const { params } = await train(task, { ...options, schedule: constantRate(0) });
    expect(params).toEqual(task.params);
  });

  it('has every n-th step, the first and the last, with all figures', async () => {
    await train(smallTask(), { ...options, logEvery: 4, dir });
    const logged = await lines();
    expect(logged.map(({ step }) => step)).toEqual([1, 4, 8, 10]);
    expect(Object.keys(logged[1]!).sort()).toEqual(
      [
        'event',
        'gradientNorm',
        'learningRate',
        'loaderShare',
        'loss',
        'metrics',
        'samplesPerSecond',
        'seconds',
        'step',
      ].sort(),
    );
    expect(logged[1]).toMatchObject({ metrics: { absoluteError: expect.any(Number) } });
  });

  it('has the evaluations, each with the parameters of its step', async () => {
    const seen: number[] = [];
    const evaluate = async (params: { output: { bias: NdArray } }, step: number) => {
      seen.push(params.output.bias.data[0]!);
      return { accuracy: step / 10, broken: Number.NaN };
    };
    const { evaluations } = await train({ ...smallTask(), evaluate }, { ...options, evaluateEvery: 4, dir });
    expect(evaluations.map(({ step, values }) => [step, values.accuracy])).toEqual([
      [4, 0.4],
      [8, 0.8],
      [10, 1],
    ]);
    expect(evaluations[0]!.values.broken).toBeNaN();
    expect(new Set(seen).size).toBe(3);
    expect((await lines()).filter(({ event }) => event === 'evaluation')).toHaveLength(3);
  });
});

describe('steps that are not finite', () => {
  it('are left out, counted and named', async () => {
    const { skipped, losses } = await train(smallTask({ bad: [3, 4, 7] }), { ...options, dir });
    expect(skipped).toBe(3);
    expect(losses.map(({ step }) => step)).toEqual([1, 2, 3, 6, 7, 9, 10]);
    const entries = (await lines()).filter((line) => line.event === 'skipped');
    expect(entries.map(({ step }) => step)).toEqual([4, 5, 8]);
    expect(entries[0]).toMatchObject({
      reason: 'loss NaN, gradient norm NaN',
      ids: [0, 1, 2, 3].map((i) => `clip-3-${i}.wav`),
    });
    expect(warnings[0]).toBe('step 4 is left out: loss NaN, gradient norm NaN');
  });

  it('end the run when they are three in a row, with the last good checkpoint in place', async () => {
    const failing = train(smallTask({ bad: [1, 5, 6, 7] }), { ...options, dir, checkpointEvery: 3 });
    await expect(failing).rejects.toMatchObject({
      code: 'E_NONFINITE',
      exitCode: 70,
      message: expect.stringMatching(
        /^3 steps in a row .*: step 6 \(clip-5-0\.wav, .*\), step 7 .*, step 8 \(clip-7-0\.wav, clip-7-1\.wav, clip-7-2\.wav, clip-7-3\.wav\)$/,
      ),
      hint: expect.stringContaining('step-000006 is the last good checkpoint'),
    });
    expect(await readdir(join(dir, 'checkpoints'))).toEqual(['step-000003', 'step-000006']);
  });

  it('are those with a gradient beyond all numbers, too, though their loss is finite', async () => {
    const task = smallTask();
    const params = { ...task.params, slope: floats([1e-3], [1]) };
    type Sloped = { slope: Tensor } & Parameters<typeof task.loss>[0];
    const { plain: _, ...rest } = task;
    const sloped = {
      ...rest,
      params,
      loss: (p: Sloped, { factor, ...batch }: { x: Tensor; y: Tensor; factor: Tensor }) => {
        const { loss } = task.loss(p, batch, undefined) as { loss: Scalar };
        return tf.add(loss, tf.mean(tf.mul(p.slope, factor))) as Scalar;
      },
      async batch(step: number) {
        const { arrays, ids } = await task.batch(step);
        return { arrays: { ...arrays, factor: scalar(step === 2 ? 1e30 : 0) }, ids }; // whose square is no float32
      },
    };
    const result = await train(sloped, { ...options, dir });
    expect(result.skipped).toBe(1);
    const entries = (await lines()).filter((line) => line.event === 'skipped');
    expect(entries).toMatchObject([
      { step: 3, reason: expect.stringMatching(/^loss [\d.e+]+, gradient norm Infinity$/) },
    ]);
    expect(result.losses.every(({ loss }) => Number.isFinite(loss))).toBe(true);
  });

  it('count in a row across a resume', async () => {
    const task = smallTask({ bad: [4, 5, 6] });
    await train(task, { ...options, dir, ...interruptedAfter(6) });
    await expect(train(task, { ...options, dir, resume: true })).rejects.toThrow(
      /step 5 .* step 6 .* step 7 /,
    );
  });

  it('never reach a checkpoint', async () => {
    // Loss and gradients are finite, but the update is not: the rate is infinite as float32.
    const schedule = (step: number) => (step < 4 ? 0.01 : 1e39);
    const failing = train(smallTask(), { ...options, dir, schedule, checkpointEvery: 1 });
    await expect(failing).rejects.toMatchObject({
      code: 'E_NONFINITE',
      message: expect.stringMatching(/^parameters after step 5: input\.weight holds /),
    });
    expect(await readdir(join(dir, 'checkpoints'))).toEqual(['step-000003', 'step-000004']);
  });
});

describe('a task or options that cannot be', () => {
  it.each([
    [{ steps: 0 }, 'E_USAGE', /steps is 0/],
    [{ logEvery: 1.5 }, 'E_USAGE', /logEvery is 1\.5/],
    [{ clipNorm: -1 }, 'E_USAGE', /clipNorm is -1/],
    [{ accumulate: 0 }, 'E_USAGE', /accumulate is 0/],
    [{ maxGraphs: 0.5 }, 'E_USAGE', /maxGraphs is 0\.5/],
    [{ emaDecay: 1 }, 'E_USAGE', /emaDecay is 1, it must be at least 0 and below 1/],
    [{ optimizer: { groups: [{ match: ['norm'], rate: 0 }] } }, 'E_USAGE', /rate of a group is 0/],
    [
      { optimizer: { groups: [{ match: ['norms'], rate: 2 }] } },
      'E_CONFIG',
      /no trained parameter matches the optimizer's "norms"/,
    ],
    [{ optimizer: { noDecay: ['scale'] } }, 'E_CONFIG', /no trained parameter matches .* "scale"/],
    [{ resume: true }, 'E_USAGE', /resume needs dir/],
    [{ checkpointEvery: 5 }, 'E_USAGE', /checkpointEvery needs dir/],
  ] as const)('%o is refused', async (wrong, code, message) => {
    const failing = train(smallTask(), { ...options, ...wrong });
    await expect(failing).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it.each([
    [['scale', 'encoder'], 'E_CONFIG', /no parameter matches the frozen "encoder"/],
    [['**'], 'E_CONFIG', /all parameters are frozen/],
  ] as const)('frozen %o is refused', async (frozen, code, message) => {
    const failing = train({ ...smallTask(), frozen }, options);
    await expect(failing).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('integers and values that are not finite cannot be trained', async () => {
    const task = {
      name: 'odd',
      frozen: [],
      loss: (p: { w: Tensor }) => tf.sum(p.w) as Scalar,
      batch: async () => ({ arrays: scalar(1), ids: ['a'] }),
    };
    await expect(train({ ...task, params: { w: ints([1]) } }, options)).rejects.toThrow(/w is int32/);
    await expect(train({ ...task, params: { w: floats([1, Number.NaN]) } }, options)).rejects.toThrow(
      /the initial parameters: w holds NaN at 1/,
    );
  });
});
