/** Steps whose samples are odd, though legal: each has to leave numbers behind, never NaN. */
import { clapSpec } from '@pengi/clap';
import { createRng, leaves, type NdArray, type Tree } from '@pengi/core';
import { constantRate, initParams } from '@pengi/nn';
import { type TrainTask, train } from '@pengi/train';
import { describe, expect, it } from 'vitest';
import { pengiSpec } from './params.js';
import { SMALL, testEngine } from './testing/models.js';
import { clapTask, pengiTask } from './training.js';

const rng = createRng(3);
const noise = () => Float32Array.from({ length: 31 * 64 }, () => 3 * rng.normal());
/** What digital silence is: the smallest power that is taken the logarithm of, 1e-10, everywhere. */
const silence = () => new Float32Array(31 * 64).fill(-100);
const sample = (id: string, text: string, logMel = noise()) => ({
  ...{ id, logMel, caption: text, target: text },
  prompt: 'generate audio caption',
});

const BATCHES = {
  'clips of silence': ['a dog barks in the rain', 'a cat', 'a violin'].map((text, i) =>
    sample(`${i}`, text, silence()),
  ),
  'one clip of silence': [
    sample('0', 'a cat', silence()),
    sample('1', 'a violin'),
    sample('2', 'it is a dog'),
  ],
  'one class only': ['0', '1', '2'].map((id) => sample(id, 'a cat')),
  'the same clip three times': Array(3).fill(sample('0', 'a cat')),
  'captions without a word': ['0', '1'].map((id) => sample(id, '')),
  'a caption without a word': [sample('0', ''), sample('1', 'a cat')],
};

describe.each(Object.entries(BATCHES))('a batch of %s', (_name, samples) => {
  it.each(['clap', 'pengi'] as const)('trains %s for five steps', async (stage) => {
    await assertFinite(stage, samples);
  });
});

async function assertFinite(stage: 'clap' | 'pengi', samples: ReturnType<typeof sample>[]): Promise<void> {
  const task =
    stage === 'clap'
      ? clapTask(SMALL.clap, initParams(clapSpec(SMALL.clap), 1), () => samples)
      : pengiTask(SMALL.pengi, initParams(pengiSpec(SMALL.pengi), 1), () => samples);
  const { params, losses, skipped } = await train(task as unknown as TrainTask<unknown, unknown>, {
    engine: await testEngine(),
    steps: 5,
    schedule: constantRate(1e-3),
    optimizer: {},
    seed: 1,
    logEvery: 1,
    warn: (message) => expect.fail(message),
  });
  expect(skipped).toBe(0);
  expect(losses.map(({ loss }) => Number.isFinite(loss))).toEqual(Array(5).fill(true));
  for (const [path, { data }] of leaves(params as Tree<NdArray>))
    expect(data.every(Number.isFinite), path).toBe(true);
}
