import { setImmediate as nextTurn } from 'node:timers/promises';
import { type NdArray, silentProgress, type Tree } from '@pengi/core';
import type { Arrays } from '@pengi/jit';
import { adamInit } from '@pengi/nn';
import { assertAgreement, assertSameParams, fromFirst, sharedSnapshot } from './agreement.js';
import { prefetched } from './batches.js';
import { ALONE, type Communicator, gatherJson, type Part } from './communicator.js';
import { pointsOf } from './log.js';
import type { Position } from './manifest.js';
import { allOf } from './observe.js';
import { checkOptions, splitTask } from './options.js';
import { createRun } from './run.js';
import { firstSnapshot, noRunFolder, openRunFolder, type RunFolder } from './run-folder.js';
import { hashOf, settingsOf } from './settings.js';
import { mergeParams } from './split.js';
import { statusFile } from './status.js';
import { type StepOutput, type StepState, stepKey } from './step.js';
import { createStepper } from './stepper.js';
import type { TrainOptions, TrainResult, TrainTask } from './task.js';
import { codeVersions } from './versions.js';

/**
 * Trains: one compiled step per batch (forward, backward, clipping, Adam), with evaluations, checkpoints and a log on the
 * way. On one machine and engine, a run that is interrupted and resumed gives bit for bit what an unbroken one gives.
 *
 * A step whose loss or gradient norm is not finite changes nothing and is counted; three in a row end the run.
 *
 * With a communicator, each of its processes calls this with the same task and options and computes its part of every
 * batch; the numbers are those of one process with the whole batch, up to the order of summation. The first process alone
 * writes the run folder, evaluates and tells. A process that fails rejects alone, while the others wait for it: whoever
 * started them ends them (`abort` of @pengi/mpi).
 * @throws PengiError E_NONFINITE naming steps and samples, E_CONFIG or E_USAGE for a task or options that cannot be, what
 *   `openRunFolder` says about the run folder, and what the task's functions and the engine throw
 */
export async function train<P, B>(task: TrainTask<P, B>, options: TrainOptions): Promise<TrainResult<P>> {
  checkOptions(options, task.evaluate !== undefined);
  const { steps, schedule, signal, checkpointEvery = steps, communicator = ALONE } = options;
  const [first, part] = [communicator.rank === 0, partFor(communicator)];
  const warn = first ? (options.warn ?? warnOnStderr) : () => undefined;
  const evaluate = first ? task.evaluate : undefined;
  const parts = splitTask(task.params as Tree<NdArray>, task.frozen);
  const folder = await openFolder(task, parts, { ...options, communicator }, warn);
  const { dir, observers = [] } = options;
  const observer = allOf(first ? [...(dir === undefined ? [] : [statusFile(dir, warn)]), ...observers] : []);
  const run = createRun(folder, options, warn, observer);

  const onUnused = once((paths) => warn(unusedText(paths)));
  const stepper = createStepper(task, { frozen: parts.frozen, state: folder.start.state, onUnused }, options);
  const state = () => stepper.state();
  const allParams = async () => mergeParams<Arrays<P>>(task.params, parts.frozen, (await state()).params);
  const evaluateIfDue = async () => {
    if (!evaluate || signal?.aborted || !run.evaluationIsDue()) return;
    await observer.phase('evaluating');
    try {
      await run.evaluated(await evaluate(await allParams(), run.step, signal), state);
    } catch (error) {
      if (!signal?.aborted || error !== signal.reason) throw error;
    }
    await observer.phase('training');
  };
  const save = async () => {
    if (part)
      await assertSameParams(communicator, (await state()).params as Record<string, NdArray>, run.step);
    await observer.phase('saving');
    await run.save(state);
    await observer.phase('training');
  };

  const batches = prefetched((step) => task.batch(step, part), steps);
  const from = folder.start.step;
  const progress = ((first && options.progress) || silentProgress)(
    `training ${task.name}${from > 0 ? ` from step ${from}` : ''}`,
  );
  // One process alone stops before its next step; several have to agree on one, and do so in the step's exchange.
  let stop = part ? false : (signal?.aborted ?? false);
  try {
    await observer.begin({
      task: task.name,
      dir,
      engine: options.engine.description,
      steps,
      from,
      seconds: folder.start.seconds,
      lines: folder.log.lines,
    });
    await evaluateIfDue(); // the run may have ended between a checkpoint and its evaluation
    while (run.step < steps && !stop) {
      const begun = performance.now();
      const batch = await batches.take(run.step, part ? undefined : signal);
      if (!batch) break;
      const waited = performance.now() - begun;
      const learningRate = schedule(run.step);
      const wanted = signal?.aborted ?? false;
      const done = await stepper.run({ step: run.step, batch, learningRate, stop: wanted });
      const ids = await idsOfAll(communicator, batch.ids, done.output);
      const samples = batch.ids.length * communicator.size;
      const took = performance.now() - begun;
      await run.finish({ ids, samples, output: done.output, learningRate, waited, took });
      // Counted from where this process began, or the time left would be wrong.
      progress.update(run.step - from, steps - from, run.note);
      if (run.step % checkpointEvery === 0) await save();
      await evaluateIfDue();
      await nextTurn(); // engines may block: this is when signals and loaders get their turn
      stop = part ? done.stop : (signal?.aborted ?? false);
    }
    await save();
    await folder.draw();
    progress.end(run.note);
    const interrupted = run.step < steps || (evaluate !== undefined && run.evaluationIsDue());
    await observer.end({ state: interrupted ? 'interrupted' : 'finished', step: run.step });
    return {
      params: await allParams(),
      step: run.step,
      ...pointsOf(folder.log.lines),
      best: folder.best,
      skipped: run.skipped,
      seconds: run.seconds,
      interrupted,
    };
  } catch (error) {
    // The first error is the one to report.
    await observer.end({ state: 'failed', step: run.step, error }).catch(() => undefined);
    throw error;
  } finally {
    await stepper.dispose();
    await folder.close();
  }
}

function partFor({ rank, size }: Communicator): Part | undefined {
  return size > 1 ? { index: rank, count: size } : undefined;
}

/** The samples of the step that errors name: all of it, when it was left out. */
async function idsOfAll(
  communicator: Communicator,
  ids: readonly string[],
  { applied }: Arrays<StepOutput>,
): Promise<readonly string[]> {
  if (communicator.size === 1 || applied.data[0]) return ids;
  return (await gatherJson(communicator, ids)).flat();
}

/** The run folder, which rank 0 alone reads and writes; the others begin where it does. */
async function openFolder(
  { name, cursor }: Pick<TrainTask<unknown, unknown>, 'name' | 'cursor'>,
  parts: { frozen: Record<string, NdArray>; trainable: Record<string, NdArray> },
  options: TrainOptions & { communicator: Communicator },
  warn: (message: string) => void,
): Promise<RunFolder> {
  const initial = { params: parts.trainable, adam: adamInit(parts.trainable) } as Arrays<StepState>;
  const {
    dir,
    record,
    engine,
    communicator,
    resume = false,
    keep = 2,
    best,
    seed,
    steps,
    schedule,
  } = options;
  const { size } = communicator;
  const settings = settingsOf(options, parts);
  const header = {
    task: name,
    engine: `${engine.description}${size > 1 ? `, ${size} processes` : ''}`,
    code: { ...codeVersions(), ...options.code },
    settings,
    record,
  };
  const position = (step: number): Position => ({
    learningRate: step < steps ? schedule(step) : null,
    randomKey: stepKey(seed, step),
    data: cursor?.(step) ?? null,
  });
  if (size > 1) {
    const { checkpointEvery = null } = options;
    const initialSha256 = hashOf(parts.trainable);
    await assertAgreement(communicator, {
      task: name,
      ...settings,
      record,
      checkpointEvery,
      size,
      initialSha256,
    });
  }
  const folder = await fromFirst(communicator, async () =>
    dir === undefined
      ? noRunFolder(firstSnapshot(initial))
      : openRunFolder(dir, header, initial, { resume, keep, best, position, warn }),
  );
  const start = await sharedSnapshot(communicator, folder?.start, initial);
  return folder ?? noRunFolder(start);
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
