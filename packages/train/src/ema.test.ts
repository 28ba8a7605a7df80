import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { NdArray } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import { constantRate } from '@pengi/nn';
import { beforeAll, describe, expect, it } from 'vitest';
import { type TrainOptions, train } from './index.js';
import { smallTask } from './testing/small-task.js';
import { temporaryFolder } from './testing/temporary.js';

const DECAY = 0.3;
const STEPS = 5;

describe.each(['jit', 'cpu'])('averages of parameters on %s', (name) => {
  let engine: Engine;
  let options: TrainOptions;
  beforeAll(async () => {
    engine = await createEngine(name, { threads: 1 });
    options = {
      engine,
      steps: STEPS,
      schedule: constantRate(0.05),
      optimizer: {},
      seed: 1,
      warn: () => undefined,
    };
  });

  const task = smallTask({ bad: [2] });
  const biasOf = ({ output }: { output: { bias: NdArray } }) => Number(output.bias.data[0]);

  /** After each step, the parameter itself: what runs of fewer steps end with. */
  async function trajectory(): Promise<number[]> {
    const values: number[] = [];
    for (let steps = 1; steps <= STEPS; steps++)
      values.push(biasOf((await train(task, { ...options, steps })).params as never));
    return values;
  }

  it('move from the initial values, faster at first, and not in a step that is left out', async () => {
    const found: number[] = [];
    const evaluate = async (params: unknown) => {
      found.push(biasOf(params as never));
      return {};
    };
    const { params } = await train({ ...task, evaluate }, { ...options, emaDecay: DECAY, evaluateEvery: 1 });
    let average = biasOf(task.params as never);
    let updates = 0;
    const expected = (await trajectory()).map((value, step) => {
      if (step === 2) return average; // it has a NaN
      updates++;
      const decay = Math.min(DECAY, (1 + updates) / (10 + updates));
      average = decay * average + (1 - decay) * value;
      return average;
    });
    expect(found).toHaveLength(STEPS);
    for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 6);
    expect(biasOf(params as never)).toBe(found.at(-1));
  });

  it('do not change the parameters that are trained, and lie beside them in checkpoints', async () => {
    const [plain, averaged] = [await temporaryFolder(), await temporaryFolder()];
    await train(task, { ...options, dir: plain });
    const { losses } = await train(task, { ...options, dir: averaged, emaDecay: DECAY, logEvery: 1 });
    expect(losses.map(({ loss }) => loss)).toEqual(
      (await train(task, { ...options, logEvery: 1 })).losses.map(({ loss }) => loss),
    );
    const files = (dir: string) => readdir(join(dir, 'checkpoints', 'step-000005'));
    expect(await files(averaged)).toContain('ema.safetensors');
    expect(await files(plain)).not.toContain('ema.safetensors');
  });

  it('belong to the run: it does not go on with another decay, or without', async () => {
    const dir = await temporaryFolder();
    await train(task, { ...options, dir, emaDecay: DECAY });
    await expect(train(task, { ...options, dir, emaDecay: 0.5, resume: true })).rejects.toThrow(
      /emaDecay was 0\.3, now 0\.5/,
    );
    await expect(train(task, { ...options, dir, resume: true })).rejects.toThrow(
      /emaDecay was 0\.3, now absent/,
    );
  });
});
