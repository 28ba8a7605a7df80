import { setImmediate as nextTurn } from 'node:timers/promises';
import { type NdArray, silentProgress, type Tree } from '@pengi/core';
import type { Arrays } from '@pengi/jit';
import { assertSameParams } from './agreement.js';
import { prefetched } from './batches.js';
import { beginRun } from './begin.js';
import { ALONE, type Communicator, gatherJson, type Part } from './communicator.js';
import { type EarlyStop, earlyStopOf } from './early-stop.js';
import { pointsOf } from './log.js';
import { allOf } from './observe.js';
import { checkOptimizer, checkOptions, splitTask } from './options.js';
import { MAX_GRAPHS } from './part-gradients.js';
import { createRun } from './run.js';
import { copies, mergeParams } from './split.js';
import { statusFile } from './status.js';
import type { StepOutput, StepState } from './step.js';
import { createStepper } from './stepper.js';
import type { TrainOptions, TrainResult, TrainTask } from './task.js';

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
  const [first, several] = [communicator.rank === 0, communicator.size > 1];
  const warn = first ? (options.warn ?? warnOnStderr) : () => undefined;
  const evaluate = first ? task.evaluate : undefined;
  const parts = splitTask(task.params as Tree<NdArray>, { ...task, buffers: task.statistics?.buffers });
  checkOptimizer(options.optimizer, Object.keys(parts.trainable));
  const folder = await beginRun(task, parts, { ...options, communicator }, warn);
  const { dir, observers = [] } = options;
  const observer = allOf(first ? [...(dir === undefined ? [] : [statusFile(dir, warn)]), ...observers] : []);
  const run = createRun(folder, options, warn, observer);

  const onUnused = once((paths) => warn(unusedText(paths)));
  const stepper = createStepper(task, { frozen: parts.frozen, state: folder.start.state, onUnused }, options);
  const state = () => stepper.state();
  const allParams = async () => {
    const { params, buffers, ema = params } = (await state()) as Arrays<StepState>;
    // Copies, as the state goes on changing.
    const all = mergeParams<Arrays<P>>(task.params, parts.frozen, copies(buffers), copies(ema));
    return task.plain?.(all) ?? all;
  };
  let early: EarlyStop | undefined;
  const evaluateIfDue = async () => {
    if (evaluate && !signal?.aborted && run.evaluationIsDue()) {
      await observer.phase('evaluating');
      try {
        await run.evaluated(await evaluate(await allParams(), run.step, signal), state);
      } catch (error) {
        if (!signal?.aborted || error !== signal.reason) throw error;
      }
      await observer.phase('training');
    }
    const { earlyStop } = options;
    if (!earlyStop || !run.evaluates()) return;
    const own = first ? earlyStopOf(pointsOf(folder.log.lines).evaluations, earlyStop) : undefined;
    [early] = (await gatherJson(communicator, own ?? null)) as EarlyStop[];
  };
  const save = async () => {
    if (several)
      await assertSameParams(communicator, (await state()).params as Record<string, NdArray>, run.step);
    await observer.phase('saving');
    await run.save(state);
    await observer.phase('training');
  };

  const wanted = partsFor(communicator, options.accumulate ?? 1);
  const batches = prefetched((step) => Promise.all(wanted.map((part) => task.batch(step, part))), steps);
  const warnOfGraphs = graphWarning(options.maxGraphs ?? MAX_GRAPHS, warn);
  const from = folder.start.step;
  const progress = ((first && options.progress) || silentProgress)(
    `training ${task.name}${from > 0 ? ` from step ${from}` : ''}`,
  );
  // One process alone stops before its next step; several have to agree on one, and do so in the step's exchange.
  let stop = several ? false : (signal?.aborted ?? false);
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
    while (run.step < steps && !stop && !early?.stopped) {
      const begun = performance.now();
      const taken = await batches.take(run.step, several ? undefined : signal);
      if (!taken) break;
      const waited = performance.now() - begun;
      const learningRate = schedule(run.step);
      const wish = signal?.aborted ?? false;
      const done = await stepper.run({ step: run.step, batches: taken, learningRate, stop: wish });
      const ownIds = taken.flatMap(({ ids }) => ids);
      const ids = await idsOfAll(communicator, ownIds, done.output);
      const samples = ownIds.length * communicator.size;
      const took = performance.now() - begun;
      await run.finish({ ids, samples, output: done.output, learningRate, waited, took });
      // Counted from where this process began, or the time left would be wrong.
      progress.update(run.step - from, steps - from, run.note);
      warnOfGraphs(stepper.graphs());
      if (run.step % checkpointEvery === 0) await save();
      await evaluateIfDue();
      await nextTurn(); // engines may block: this is when signals and loaders get their turn
      stop = several ? done.stop : (signal?.aborted ?? false);
    }
    await save();
    await folder.draw();
    progress.end(run.note);
    const interrupted =
      !early?.stopped && (run.step < steps || (evaluate !== undefined && run.evaluationIsDue()));
    await observer.end({ state: interrupted ? 'interrupted' : 'finished', step: run.step });
    return {
      params: await allParams(),
      step: run.step,
      ...pointsOf(folder.log.lines),
      best: folder.best,
      skipped: run.skipped,
      seconds: run.seconds,
      earlyStop: early,
      graphs: stepper.graphs(),
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

/** The parts of a step's samples that this process computes: consecutive ones. */
function partsFor({ rank, size }: Communicator, accumulate: number): (Part | undefined)[] {
  const count = size * accumulate;
  if (count === 1) return [undefined];
  return Array.from({ length: accumulate }, (_, i) => ({ index: rank * accumulate + i, count }));
}

/** Says it once when more graphs are compiled than stay in memory. */
function graphWarning(most: number, warn: (message: string) => void): (graphs: number) => void {
  let told = false;
  return (graphs) => {
    if (told || graphs <= most) return;
    told = true;
    warn(
      `${graphs} graphs have been compiled, one for each combination of shapes of a batch, and ${most} stay in memory: batches of fewer shapes would be faster`,
    );
  };
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
