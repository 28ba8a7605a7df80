/**
 * What it costs CLAP's step to wait in its middle for the embeddings of another process: `kept.ts [clips]` trains the paper's CLAP on
 * one thread, alone, with a second process that is only played (it has the same embeddings), and as engines do that cannot
 * stop, which compute the towers twice. Prints the median seconds of a step. The number for CPUs in predict.ts is of this.
 */
import { CLAP_PAPER, clapSpec } from '@pengi/clap';
import { createRng } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import { constantRate, initParams } from '@pengi/nn';
import { type Communicator, partOf, train } from '@pengi/train';
import { clapTask } from 'pengi';

const clips = Number(process.argv[2] ?? 4);
const STEPS = 6;
const WARMUP = 2;
const CAPTIONS = ['a dog barks in the rain', 'a violin plays', 'rain falls on a roof', 'a bell'];

const rng = createRng(1);
const samples = Array.from({ length: 2 * clips }, (_, i) => ({
  id: String(i),
  logMel: Float32Array.from({ length: 701 * 64 }, rng.normal),
  caption: CAPTIONS[i % CAPTIONS.length]!,
}));
const params = initParams(clapSpec(CLAP_PAPER), 1);
const engine = await createEngine('jit', { threads: 1 });
const { compileWithHostCall: _, ...cannotStop } = engine;

const twin: Communicator = {
  rank: 0,
  size: 2,
  allReduce: async () => undefined,
  broadcast: async () => undefined,
  async allGather(data) {
    const all = new (data.constructor as new (length: number) => typeof data)(2 * data.length);
    all.set(data);
    all.set(data, data.length);
    return all;
  },
};

for (const [what, communicator, used] of [
  ['alone', undefined, engine],
  ['stops and goes on', twin, engine],
  ['computes the towers twice', twin, cannotStop],
] as const)
  console.log(`${what}: ${(await secondsOfStep(used, communicator)).toFixed(2)} s for ${clips} clips`);

async function secondsOfStep(engine: Engine, communicator: Communicator | undefined): Promise<number> {
  const batch = samples.slice(0, communicator ? 2 * clips : clips);
  const ends: number[] = [];
  await train(
    clapTask(CLAP_PAPER, params, (_step, part) => partOf(batch, part)),
    {
      engine,
      ...(communicator && { communicator }),
      steps: STEPS,
      schedule: constantRate(1e-4),
      optimizer: {},
      clipNorm: 1,
      seed: 1,
      progress: () => ({ update: () => void ends.push(performance.now()), end() {} }),
    },
  );
  const times = ends.slice(1).map((end, i) => end - ends[i]!);
  return times.slice(WARMUP).sort((a, b) => a - b)[(times.length - WARMUP) >> 1]! / 1000;
}
