import { setImmediate as nextTurn } from 'node:timers/promises';
import { type NdArray, scalar, silentProgress, type Tree } from '@pengi/core';
import type { Arrays, StepProgram } from '@pengi/jit';
import { adamInit } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import { prefetched } from './batches.js';
import { pointsOf } from './log.js';
import { checkOptions, splitTask } from './options.js';
import { createRun } from './run.js';
import { noRunFolder, openRunFolder, type RunFolder } from './run-folder.js';
import { settingsOf } from './settings.js';
import { mergeParams } from './split.js';
import { type StepOutput, type StepState, sampleSeeds, type Tensors, trainingStep } from './step.js';
import type { TrainOptions, TrainResult, TrainTask } from './task.js';

/**
 * Trains: one compiled step per batch (forward, backward, clipping, Adam), with evaluations, checkpoints and a log on the
 * way. On one machine and engine, a run that is interrupted and resumed gives bit for bit what an unbroken one gives.
 *
 * A step whose loss or gradient norm is not finite changes nothing and is counted; three in a row end the run.
 * @throws PengiError E_NONFINITE naming steps and samples, E_CONFIG or E_USAGE for a task or options that cannot be, what
 *   `openRunFolder` says about the run folder, and what the task's functions and the engine throw
 */
export async function train<P, B>(task: TrainTask<P, B>, options: TrainOptions): Promise<TrainResult<P>> {
  checkOptions(options);
  const { engine, steps, seed, schedule, signal, checkpointEvery = steps, warn = warnOnStderr } = options;
  const parts = splitTask(task.params as Tree<NdArray>, task.frozen);
  const folder = await openFolder(task.name, parts, options, warn);
  const run = createRun(folder, options, warn);

  const program: StepProgram<StepState, [B, Tensor, Tensor], StepOutput> = engine.compileStep(
    trainingStep(task, { ...options, onUnused: once((paths) => warn(unusedText(paths))) }),
    parts.frozen as Arrays<Tensors>,
    folder.start.state,
    { name: `the training step of ${task.name}` },
  );
  const state = () => program.state();
  const allParams = async () => mergeParams<Arrays<P>>(task.params, parts.frozen, (await state()).params);
  const evaluateIfDue = async () => {
    if (!task.evaluate || signal?.aborted || !run.evaluationIsDue()) return;
    await run.logEvaluation(await task.evaluate(await allParams(), run.step));
  };

  const batches = prefetched(task.batch, steps);
  const from = folder.start.step;
  const progress = (options.progress ?? silentProgress)(
    `training ${task.name}${from > 0 ? ` from step ${from}` : ''}`,
  );
  try {
    await evaluateIfDue(); // the run may have ended between a checkpoint and its evaluation
    while (run.step < steps && !signal?.aborted) {
      const begun = performance.now();
      const batch = await batches.take(run.step, signal);
      if (!batch) break;
      const waited = performance.now() - begun;
      const { arrays, ids } = batch;
      const learningRate = schedule(run.step);
      const output = await program.run(arrays, sampleSeeds(seed, run.step, ids), scalar(learningRate));
      await run.finish({ ids, output, learningRate, waited, took: performance.now() - begun });
      // Counted from where this session began, or the time left would be wrong.
      progress.update(run.step - from, steps - from, run.note);
      if (run.step % checkpointEvery === 0) await run.save(state);
      await evaluateIfDue();
      await nextTurn(); // engines may block: this is when signals and loaders get their turn
    }
    await run.save(state);
    await folder.draw();
    progress.end(run.note);
    return {
      params: await allParams(),
      step: run.step,
      ...pointsOf(folder.log.lines),
      skipped: run.skipped,
      seconds: run.seconds,
      interrupted: run.step < steps || (task.evaluate !== undefined && run.evaluationIsDue()),
    };
  } finally {
    await program.dispose();
    await folder.close();
  }
}

async function openFolder(
  name: string,
  parts: { frozen: Record<string, NdArray>; trainable: Record<string, NdArray> },
  options: TrainOptions,
  warn: (message: string) => void,
): Promise<RunFolder> {
  const initial = { params: parts.trainable, adam: adamInit(parts.trainable) } as Arrays<StepState>;
  const { dir, record, engine, resume = false, keep = 2 } = options;
  if (dir === undefined) return noRunFolder(initial);
  const header = { task: name, engine: engine.description, settings: settingsOf(options, parts), record };
  return openRunFolder(dir, header, initial, { resume, keep, warn });
}

function unusedText(paths: readonly string[]): string {
  const more = paths.length > 5 ? `, … (${paths.length} in all)` : '';
  return `the loss does not depend on ${paths.slice(0, 5).join(', ')}${more}: they stay as they are`;
}

/** The first call with anything to say gets through. */
function once(tell: (paths: string[]) => void): (paths: string[]) => void {
  let told = false;
  return (paths) => {
    if (!told && paths.length > 0) tell(paths);
    told = true;
  };
}

function warnOnStderr(message: string): void {
  process.stderr.write(`pengi: ${message}\n`);
}
