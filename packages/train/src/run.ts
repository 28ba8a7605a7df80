/** The host's side of a run: it counts, logs, saves and says how far the run is. */
import { type NdArray, PengiError, printable } from '@pengi/core';
import type { Arrays } from '@pengi/jit';
import { createAverage } from './average.js';
import { isBetter } from './best.js';
import { type Audience, observedLog } from './observe.js';
import type { RunFolder } from './run-folder.js';
import type { StepOutput, StepState } from './step.js';
import type { Evaluation, SkippedStep, TrainOptions } from './task.js';

export interface StepReport {
  /** How many samples the step had, in all processes together. */
  samples: number;
  ids: readonly string[];
  output: Arrays<StepOutput>;
  learningRate: number;
  /** Milliseconds that the whole step took, and of these the ones spent waiting for the batch. */
  took: number;
  waited: number;
}

export interface Run {
  /** Steps done. */
  readonly step: number;
  readonly skipped: number;
  readonly seconds: number;
  /** Loss, learning rate and throughput, on one short line. */
  readonly note: string;
  /** Counts and logs a step. @throws PengiError E_NONFINITE at the third skipped one in a row */
  finish(report: StepReport): Promise<void>;
  /** Writes a checkpoint, unless there is one of this very step. */
  save(state: () => Promise<Arrays<StepState>>): Promise<void>;
  /** Whether an evaluation belongs to this step. */
  evaluates(): boolean;
  /** Whether it is still to be made. */
  evaluationIsDue(): boolean;
  /**
   * Logs an evaluation, and where it is the best one sees to it that its checkpoint stays.
   * @throws PengiError E_CONFIG when it lacks the metric that says what is best
   */
  evaluated(evaluation: Evaluation, state: () => Promise<Arrays<StepState>>): Promise<void>;
}

/** So many steps without a finite loss and gradient, one after the other, end a run. */
const MAX_SKIPPED_IN_A_ROW = 3;

export function createRun(
  folder: RunFolder,
  options: TrainOptions,
  warn: (message: string) => void,
  observer: Audience,
): Run {
  const { start } = folder;
  const log = observedLog(folder.log, observer);
  const { steps, logEvery = 10, evaluateEvery = steps, best } = options;
  const begun = performance.now();
  const smoothed = createAverage(0.9);
  let { step, skipped } = start;
  let skippedInARow = start.skippedInARow;
  let savedAt = folder.lastCheckpoint === undefined ? undefined : start.step;
  let window = { samples: 0, took: 0, waited: 0 }; // since the last line of the log
  let note = '';

  const run: Run = {
    get step() {
      return step;
    },
    get skipped() {
      return skipped;
    },
    get seconds() {
      return rounded(start.seconds + (performance.now() - begun) / 1000);
    },
    get note() {
      return note;
    },
    async finish({ ids, samples, output, learningRate, took, waited }) {
      step++;
      const [loss, gradientNorm] = [numberOf(output.loss), numberOf(output.gradientNorm)];
      window = {
        samples: window.samples + samples,
        took: window.took + took,
        waited: window.waited + waited,
      };
      if (numberOf(output.applied) === 0) {
        const reason = `loss ${loss}, gradient norm ${gradientNorm}`;
        skipped++;
        skippedInARow = [...skippedInARow, { step, ids }];
        await log.append({ event: 'skipped', step, reason, ids });
        if (skippedInARow.length >= MAX_SKIPPED_IN_A_ROW) throw notFinite(reason, skippedInARow, folder);
        warn(`step ${step} is left out: ${reason}`);
        return;
      }
      skippedInARow = [];
      const samplesPerSecond = (1000 * window.samples) / window.took;
      note = `loss ${smoothed.add(loss).toPrecision(4)}, rate ${learningRate.toPrecision(2)}, ${samplesPerSecond.toPrecision(3)} samples/s`;
      const loaderShare = rounded(window.waited / window.took);
      await observer.step({
        step,
        loss,
        learningRate,
        gradientNorm,
        seconds: run.seconds,
        samplesPerSecond: rounded(samplesPerSecond),
        loaderShare,
      });
      // A function of the step alone, so that a resumed run has the lines of an unbroken one.
      if (step % logEvery !== 0 && step !== 1 && step !== steps) return;
      const metrics = Object.fromEntries(
        Object.entries(output.metrics).map(([name, value]) => [name, numberOf(value)]),
      );
      await log.append({
        event: 'step',
        step,
        loss,
        metrics,
        learningRate,
        gradientNorm,
        seconds: run.seconds,
        samplesPerSecond: rounded(samplesPerSecond),
        loaderShare,
      });
      window = { samples: 0, took: 0, waited: 0 };
    },
    async save(state) {
      if (savedAt === step) return;
      await folder.save(async () => ({
        step,
        seconds: run.seconds,
        skipped,
        skippedInARow,
        state: await state(),
      }));
      await folder.draw();
      savedAt = step;
    },
    evaluates: () => step > 0 && (step % evaluateEvery === 0 || step === steps),
    evaluationIsDue() {
      return run.evaluates() && !log.lines.some((line) => line.event === 'evaluation' && line.step === step);
    },
    async evaluated(evaluation, state) {
      const { values, samples } = partsOf(evaluation);
      await log.append({
        event: 'evaluation',
        step,
        values,
        ...(samples && { samples }),
        seconds: run.seconds,
      });
      if (!best) return;
      const value = values[best.metric];
      if (value === undefined) throw noSuchMetric(best.metric, values);
      if (!isBetter(value, folder.best, best)) return;
      await run.save(state);
      await folder.markBest({ ...best, step, value });
    },
  };
  return run;
}

function partsOf(evaluation: Evaluation) {
  const { values, samples } = evaluation as Extract<Evaluation, { samples: unknown }>;
  // A score may have the name "values" as well.
  return typeof values === 'object' ? { values, samples } : { values: evaluation as Record<string, number> };
}

function numberOf({ data }: NdArray): number {
  return Number(data[0]);
}

function noSuchMetric(metric: string, values: Readonly<Record<string, number>>): PengiError {
  const found = Object.keys(values).map((name) => printable(name, 40));
  return new PengiError('E_CONFIG', `no evaluation has the metric "${printable(metric, 40)}" of "best"`, {
    hint: `there ${found.length > 0 ? `is ${found.join(', ')}` : 'are none'}`,
  });
}

/** To three decimals: times are not more precise, and logs are for people too. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** How many sample ids of a step are named; the log has all. */
const NAMED = 8;

function notFinite(reason: string, steps: readonly SkippedStep[], folder: RunFolder): PengiError {
  const named = steps.map(({ step, ids }) => {
    const shown = ids.slice(0, NAMED).map((id) => printable(id, 60));
    const more = ids.length > NAMED ? `, … of ${ids.length}` : '';
    return `step ${step} (${shown.join(', ')}${more})`;
  });
  const good = folder.lastCheckpoint;
  return new PengiError(
    'E_NONFINITE',
    `${steps.length} steps in a row give values that are no numbers (${reason}): ${named.join(', ')}`,
    {
      hint: `${good === undefined ? '' : `${good} is the last good checkpoint; `}lower the learning rate, or look at these samples`,
    },
  );
}
