/**
 * One process of the benchmark: `bench-rank.ts <JSON of BenchJob>` trains the small preset, one thread each, and rank 0
 * prints a BenchResult.
 */
import { clapSpec } from '@pengi/clap';
import { createRng, leaves, type NdArray, sizeOf, type Tree } from '@pengi/core';
import { createEngine } from '@pengi/jit';
import { openMpi } from '@pengi/mpi';
import { constantRate, initParams } from '@pengi/nn';
import { partOf, type TrainTask, train } from '@pengi/train';
import { clapTask, pengiSpec, pengiTask, smallConfigs } from 'pengi';

export interface BenchJob {
  stage: 'clap' | 'pengi';
  /** Samples of a step, of all processes together. */
  batch: number;
  steps: number;
  warmup: number;
}

export interface BenchResult {
  /** Median of a whole step. */
  stepSeconds: number;
  /** Median of the time that a step spends in collectives. */
  waitSeconds: number;
  /** Median of an all-reduce of as many floats as are trained, nothing else going on. */
  reduceSeconds: number;
  /** Values that are trained. */
  trained: number;
}

const job = JSON.parse(process.argv[2]!) as BenchJob;
const communicator = await openMpi();
const PROMPT = 'generate audio caption';
const captions = ['a dog barks in the rain', 'a violin plays', 'rain falls on a roof', 'a bell'];
const configs = smallConfigs({ prompts: [PROMPT], answers: captions });
const rng = createRng(1);
// Seven seconds, a frame every 10 ms.
const samples = Array.from({ length: job.batch }, (_, i) => ({
  id: String(i),
  logMel: Float32Array.from({ length: 701 * 64 }, rng.normal),
  caption: captions[i % captions.length]!,
  target: captions[i % captions.length]!,
  prompt: PROMPT,
}));
const draw = (_step: number, part?: Parameters<typeof partOf>[1]) => partOf(samples, part);
const tasks = {
  clap: () => clapTask(configs.clap, initParams(clapSpec(configs.clap), 1), draw),
  pengi: () => pengiTask(configs.pengi, initParams(pengiSpec(configs.pengi), 1), draw),
};
const task = tasks[job.stage]() as unknown as TrainTask<unknown, unknown>;

/** Where each step ended, and the time spent in collectives until then: sending, and waiting for the other. */
const ends: number[] = [];
const waits: number[] = [];
let waited = 0;
const { params } = await train(task, {
  engine: await createEngine('jit', { threads: 1 }),
  communicator: {
    ...communicator,
    allReduce: (data) => timed(communicator.allReduce(data)),
    allGather: (data) => timed(communicator.allGather(data)),
  },
  steps: job.warmup + job.steps,
  schedule: constantRate(1e-4),
  optimizer: {},
  clipNorm: 1,
  seed: 1,
  progress: () => ({
    update: () => {
      ends.push(performance.now());
      waits.push(waited);
    },
    end() {},
  }),
});

const trained = changed(task.params as Tree<NdArray>, params as Tree<NdArray>);
const buffer = new Float32Array(trained);
const reductions: number[] = [];
for (let i = 0; i < 7; i++) {
  await communicator.barrier();
  const begun = performance.now();
  await communicator.allReduce(buffer);
  reductions.push(performance.now() - begun);
}
await communicator.finalize();
if (communicator.rank === 0) {
  const perStep = (ends: readonly number[]) =>
    median(
      ends
        .slice(1)
        .map((end, i) => end - ends[i]!)
        .slice(job.warmup - 1),
    ) / 1000;
  const result: BenchResult = {
    stepSeconds: perStep(ends),
    waitSeconds: perStep(waits),
    reduceSeconds: median(reductions) / 1000,
    trained,
  };
  console.log(JSON.stringify(result));
}

async function timed<T>(work: Promise<T>): Promise<T> {
  const begun = performance.now();
  const result = await work;
  waited += performance.now() - begun;
  return result;
}

/** How many values are in arrays that training has changed. */
function changed(before: Tree<NdArray>, after: Tree<NdArray>): number {
  const old = new Map(leaves(before));
  return leaves(after).reduce(
    (sum, [path, { data, shape }]) =>
      sum + (data.every((x, i) => x === old.get(path)!.data[i]) ? 0 : sizeOf(shape)),
    0,
  );
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
