/**
 * One training process, to be killed, stopped or left without a disk: `train-child.ts <JSON of TrainChild>`. It ends as
 * `pengi train` does, and says {step, sha256} when it has come to its end.
 */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { isPengiError, leaves, type NdArray, type Tree } from '@pengi/core';
import { createEngine } from '@pengi/jit';
import { constantRate } from '@pengi/nn';
import { type TrainTask, train, withInterrupt } from '@pengi/train';
import { TASKS } from '../mpi/tiny-tasks.js';

export interface TrainChild {
  stage: keyof typeof TASKS;
  dir: string;
  steps: number;
  /** Milliseconds that each batch takes: something to be interrupted in. */
  slow?: number;
  /** After the first signal no batch comes any more and nothing is saved. */
  stuck?: boolean;
}

const { stage, dir, steps, slow = 0, stuck = false } = JSON.parse(process.argv[2] as string) as TrainChild;

try {
  process.exitCode = await withInterrupt(async (signal) => {
    const task = TASKS[stage]() as unknown as TrainTask<unknown, unknown>;
    const result = await train(
      {
        ...task,
        async batch(step) {
          writeSync(1, `batch ${step}\n`);
          await new Promise((resolve) => setTimeout(resolve, slow));
          return task.batch(step);
        },
      },
      {
        engine: await createEngine('jit', { threads: 1 }),
        steps,
        schedule: constantRate(1e-3),
        optimizer: { weightDecay: 0.05 },
        clipNorm: 1,
        seed: 3,
        dir,
        resume: 'auto',
        checkpointEvery: 4,
        logEvery: 1,
        ...(stuck ? {} : { signal }),
      },
    );
    if (result.interrupted) return isPengiError(signal.reason) ? signal.reason.exitCode : 130;
    const hash = createHash('sha256');
    for (const [path, { data }] of leaves(result.params as Tree<NdArray>))
      hash.update(path).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    writeSync(1, `${JSON.stringify({ step: result.step, sha256: hash.digest('hex') })}\n`);
    return 0;
  });
} catch (error) {
  writeSync(2, `${isPengiError(error) ? error.line : (error as Error).stack}\n`);
  process.exitCode = isPengiError(error) ? error.exitCode : 70;
}
