/** Both stages of training, stopped and gone on with, against a run that was never stopped. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clapSpec } from '@pengi/clap';
import { createRng } from '@pengi/core';
import { createEngine } from '@pengi/jit';
import { initParams, linearWarmupDecay } from '@pengi/nn';
import { readLog, type TrainTask, train } from '@pengi/train';
import { expect, it, onTestFinished } from 'vitest';
import { pengiSpec } from './params.js';
import { smallConfigs, TINY_SIZES } from './small.js';
import { clapTask, pengiTask } from './training.js';

const [STEPS, STOP] = [60, 25];
const PROMPT = 'generate audio caption';
const CAPTIONS = ['a dog', 'a cat', 'it is a dog', 'rain falls on a roof'];
// Dropout, drop path and SpecAugment are on.
const CONFIGS = smallConfigs(
  { prompts: [PROMPT], answers: CAPTIONS },
  { ...TINY_SIZES, audio: { ...TINY_SIZES.audio, dropPath: 0.1 } },
);
const SAMPLES = CAPTIONS.map((caption, i) => {
  const rng = createRng(11).fork(i);
  const logMel = Float32Array.from({ length: 31 * 64 }, () => 3 * rng.normal());
  return { id: `clip-${i}`, logMel, caption, target: caption, prompt: PROMPT };
});
const draw = (step: number) => createRng(2).fork(step).shuffle(SAMPLES).slice(0, 2);

const TASKS = {
  clap: () => clapTask(CONFIGS.clap, initParams(clapSpec(CONFIGS.clap), 1), draw),
  pengi: () => pengiTask(CONFIGS.pengi, initParams(pengiSpec(CONFIGS.pengi), 1), draw),
};

it.each(['clap', 'pengi'] as const)(
  `of stage %s, ${STEPS} steps are ${STOP}, a resume and the rest, bit for bit`,
  async (stage) => {
    const root = await mkdtemp(join(tmpdir(), 'pengi-resume-'));
    onTestFinished(() => rm(root, { recursive: true }));
    const run = async (name: string, stopAfter?: number) => {
      const controller = new AbortController();
      return train(TASKS[stage]() as unknown as TrainTask<unknown, unknown>, {
        engine: await createEngine('jit', { threads: 1 }),
        steps: STEPS,
        schedule: linearWarmupDecay({ learningRate: 1e-3, warmupSteps: 10, totalSteps: STEPS }),
        optimizer: { weightDecay: 0.05 },
        clipNorm: 1,
        seed: 3,
        dir: join(root, name),
        resume: 'auto',
        logEvery: 1,
        signal: controller.signal,
        progress: () => ({
          update: (done) => void (done === stopAfter && controller.abort()),
          end: () => undefined,
        }),
      });
    };
    await run('whole');
    expect((await run('parts', STOP)).step).toBe(STOP);
    expect((await run('parts')).step).toBe(STEPS);
    for (const name of ['params', 'optimizer']) {
      const file = join('checkpoints', `step-0000${STEPS}`, `${name}.safetensors`);
      const [a, b] = await Promise.all(['whole', 'parts'].map((dir) => readFile(join(root, dir, file))));
      expect(a?.equals(b as Buffer)).toBe(true);
    }
    const losses = async (dir: string) =>
      (await readLog(join(root, dir, 'log.jsonl'))).map((line) => 'loss' in line && line.loss);
    expect(await losses('parts')).toEqual(await losses('whole'));
  },
  120_000,
);
