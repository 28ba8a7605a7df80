/**
 * One process of a small training: `train-rank.ts <JSON of Job>`. Rank 0 prints {losses, sha256} after all have finished.
 */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { isPengiError, leaves, type NdArray, type Tree } from '@pengi/core';
import { createEngine } from '@pengi/jit';
import { openMpi } from '@pengi/mpi';
import { constantRate } from '@pengi/nn';
import { type TrainTask, train } from '@pengi/train';
import { TASKS } from './tiny-tasks.js';

export type Phase = 'init' | 'step' | 'checkpoint' | 'evaluation' | 'finalize';

export interface TrainJob {
  stage: keyof typeof TASKS;
  steps: number;
  dir?: string;
  resume?: boolean;
  /** The process that stops itself, with what, and when. */
  fault?: { rank: number; signal: 'SIGKILL' | 'SIGSTOP'; phase: Phase };
  /** The process that has another seed. */
  odd?: number;
  silentSeconds?: number;
}

const job = JSON.parse(process.argv[2]!) as TrainJob;
const { silentSeconds = 30 } = job;
const communicator = await openMpi({ silentSeconds });
const { rank, allGather } = communicator;
writeSync(2, `rank ${rank} is pid ${process.pid}\n`);
const { fault } = job;
const CHECKPOINT_EVERY = 5;
let asked = 0;

function at(phase: Phase): void {
  if (fault?.rank !== rank || fault.phase !== phase) return;
  writeSync(2, `fault at ${Date.now()}\n`);
  process.kill(process.pid, fault.signal);
}

try {
  at('init');
  const task = TASKS[job.stage]() as unknown as TrainTask<unknown, unknown>;
  const result = await train(
    {
      ...task,
      batch(step, part) {
        asked = step;
        if (step === 7) at('step');
        // The others wait in the evaluation of step 10 while rank 0 evaluates.
        if (step === 11 && rank > 0) at('evaluation');
        return task.batch(step, part);
      },
      async evaluate(_params, step) {
        if (step === 10) at('evaluation');
        return { step };
      },
    },
    {
      engine: await createEngine('jit', { threads: 1 }),
      communicator: {
        ...communicator,
        // The Pengi stage gathers nothing between its first step and a checkpoint, where parameters are compared.
        allGather(data) {
          if (rank > 0 && asked >= 2 * CHECKPOINT_EVERY) at('checkpoint');
          return allGather(data);
        },
      },
      steps: job.steps,
      schedule: constantRate(1e-3),
      optimizer: { weightDecay: 0.05 },
      clipNorm: 1,
      seed: rank === job.odd ? 4 : 3,
      logEvery: 1,
      evaluateEvery: 5,
      ...(job.dir === undefined
        ? {}
        : { dir: job.dir, checkpointEvery: CHECKPOINT_EVERY, resume: job.resume ? 'auto' : false }),
      progress: () => ({
        update(done) {
          // Later in this turn the checkpoint is being written, or waited for.
          if (done === 2 * CHECKPOINT_EVERY) setImmediate(() => setImmediate(() => at('checkpoint')));
        },
        end() {},
      }),
      warn: (line) => void writeSync(2, `${line}\n`),
    },
  );
  at('finalize');
  await communicator.finalize();
  const hash = createHash('sha256');
  for (const [path, { data }] of leaves(result.params as Tree<NdArray>))
    hash.update(path).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const losses = result.losses.map(({ loss }) => loss);
  if (rank === 0) console.log(JSON.stringify({ losses, sha256: hash.digest('hex') }));
} catch (error) {
  writeSync(2, `${isPengiError(error) ? error.line : (error as Error).stack}\n`);
  communicator.abort(isPengiError(error) ? error.exitCode : 70);
}
