/** When to stop a run that does not get better: a function of its evaluations alone, so that a resume needs no state for it. */
import { PengiError } from '@pengi/core';
import type { EvaluationPoint } from './task.js';

export interface EarlyStopOptions {
  /** The name of one of the values that `evaluate` gives. */
  readonly metric: string;
  /** Whether small or large values are good; default "min", as for a loss. */
  readonly mode?: 'min' | 'max';
  /** So many evaluations in a row without a better one end the run. */
  readonly patience: number;
  /** By how much a value must be better than the best one to count as better; default 0. */
  readonly minDelta?: number;
}

export interface EarlyStop {
  /** The evaluation that no later one was better than. */
  readonly best: { readonly step: number; readonly value: number } | undefined;
  /** Whether the run is to end, or has ended, before its last step. */
  readonly stopped: boolean;
}

/**
 * What the evaluations so far say. Values that are no numbers are never better.
 * @throws PengiError E_CONFIG when evaluations have no such metric
 */
export function earlyStopOf(
  evaluations: readonly EvaluationPoint[],
  { metric, mode = 'min', patience, minDelta = 0 }: EarlyStopOptions,
): EarlyStop {
  let best: EarlyStop['best'];
  let waiting = 0;
  for (const { step, values } of evaluations) {
    const value = values[metric];
    if (value === undefined)
      throw new PengiError('E_CONFIG', `evaluations have no value "${metric}"`, {
        hint: `there is ${Object.keys(values).join(', ') || 'none'}`,
      });
    const gain = best ? (mode === 'min' ? best.value - value : value - best.value) : Number.POSITIVE_INFINITY;
    const isBetter = !Number.isNaN(value) && gain > minDelta;
    waiting = isBetter ? 0 : waiting + 1;
    if (isBetter) best = { step, value };
    if (waiting >= patience) return { best, stopped: true };
  }
  return { best, stopped: false };
}
