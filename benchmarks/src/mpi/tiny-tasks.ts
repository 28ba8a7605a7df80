/** The two stages of training on models of a hundredth of a second a step, for the tests with several processes. */
import { clapSpec } from '@pengi/clap';
import { createRng } from '@pengi/core';
import { initParams } from '@pengi/nn';
import { partOf } from '@pengi/train';
import { clapTask, pengiSpec, pengiTask, smallConfigs, TINY_SIZES } from 'pengi';

/** Of the global batch. */
export const BATCH = 8;

const CAPTIONS = ['a dog', 'a cat', 'it is a dog', 'rain falls on a roof', 'a violin', 'a bell'];
const PROMPT = 'generate audio caption';

const CONFIGS = smallConfigs(
  { prompts: [PROMPT], answers: CAPTIONS },
  { ...TINY_SIZES, audio: { ...TINY_SIZES.audio, dropPath: 0.1 } },
);

/** Of lengths that differ, so that the parts of a batch count differently; captions come more than once in a batch. */
const SAMPLES = Array.from({ length: 20 }, (_, i) => {
  const rng = createRng(11).fork(i);
  const target = CAPTIONS[i % CAPTIONS.length]!;
  return {
    id: `clip-${i}`,
    logMel: Float32Array.from({ length: 31 * 64 }, () => 3 * rng.normal()),
    caption: target,
    target,
    prompt: PROMPT,
  };
});

function draw(step: number, part?: Parameters<typeof partOf>[1]) {
  return partOf(createRng(2).fork(step).shuffle(SAMPLES).slice(0, BATCH), part);
}

/** Dropout, drop path and SpecAugment are on. */
export const TASKS = {
  clap: () => clapTask(CONFIGS.clap, initParams(clapSpec(CONFIGS.clap), 1), draw),
  pengi: () => pengiTask(CONFIGS.pengi, initParams(pengiSpec(CONFIGS.pengi), 1), draw),
};
