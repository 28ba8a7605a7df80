/** One stage of the soak, in a process of its own: `stage.ts clap|pengi <minutes>`. A sample of the memory per line. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clapSpec } from '@pengi/clap';
import { createRng } from '@pengi/core';
import { createEngine } from '@pengi/jit';
import { constantRate, initParams } from '@pengi/nn';
import { type Part, partOf, type TrainTask, train } from '@pengi/train';
import * as tf from '@tensorflow/tfjs-core';
import { clapTask, pengiSpec, pengiTask, smallConfigs } from 'pengi';

export interface SoakSample {
  seconds: number;
  step: number;
  /** Bytes. */
  rss: number;
  tensors: number;
  /** Bytes of JavaScript's typed arrays. */
  arrays: number;
}

const [stage, minutes] = process.argv.slice(2) as ['clap' | 'pengi', string];
const BATCH = 8;
const SAMPLE_SECONDS = Math.min(5, Number(minutes));
const PROMPT = 'generate audio caption';
const CAPTIONS = [
  'a dog',
  'a dog barks in the rain',
  'a violin plays',
  'rain falls on a roof while a dog barks',
];
const configs = smallConfigs({ prompts: [PROMPT], answers: CAPTIONS });

/** Fresh log-mels of seven seconds at each step, as a loader gives them. */
function draw(step: number, part?: Part) {
  const indices = Array.from({ length: BATCH }, (_, i) => i);
  return partOf(indices, part).map((i) => {
    const rng = createRng(step).fork(i);
    const caption = CAPTIONS[rng.int(CAPTIONS.length)]!;
    const shift = 10 * rng.normal();
    const logMel = Float32Array.from({ length: 701 * 64 }, (_, j) => shift - 20 + ((j * 7919 + i) % 31));
    return { id: `${step}-${i}`, logMel, caption, target: caption, prompt: PROMPT };
  });
}

const options = { batchNorm: 'batch' } as const;
const tasks = {
  clap: () =>
    clapTask(configs.clap, initParams(clapSpec(configs.clap), 1), draw, { ...options, mixUp: true }),
  pengi: () => pengiTask(configs.pengi, initParams(pengiSpec(configs.pengi), 1), draw, options),
};
const task = tasks[stage]() as unknown as TrainTask<unknown, unknown>;

const dir = mkdtempSync(join(tmpdir(), 'pengi-soak-'));
const stop = new AbortController();
const begun = performance.now();
let next = 0;
try {
  await train(
    { ...task, evaluate: async () => ({ score: 1 }) },
    {
      engine: await createEngine('jit'),
      steps: 1e9,
      schedule: constantRate(1e-4),
      optimizer: { weightDecay: 0.05 },
      clipNorm: 1,
      accumulate: 2,
      emaDecay: 0.99,
      seed: 1,
      dir: join(dir, 'run'),
      logEvery: 100,
      checkpointEvery: 100,
      evaluateEvery: 100,
      signal: stop.signal,
      progress: () => ({ update: sample, end: () => undefined }),
    },
  );
} finally {
  rmSync(dir, { recursive: true, force: true });
}

function sample(step: number): void {
  const seconds = (performance.now() - begun) / 1000;
  if (seconds >= 60 * Number(minutes)) stop.abort();
  if (seconds < next) return;
  next += SAMPLE_SECONDS;
  globalThis.gc?.();
  const { rss, arrayBuffers: arrays } = process.memoryUsage();
  const line: SoakSample = { seconds, step, rss, tensors: tf.memory().numTensors, arrays };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
