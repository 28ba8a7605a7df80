/** The best parameters by a metric of the evaluations. */
import type { BestPoint } from './pointers.js';
import type { EvaluationPoint } from './task.js';

export interface BestCriterion {
  /** A name among the values that the task's `evaluate` gives. */
  metric: string;
  /** Whether small or large values are good. */
  mode: 'min' | 'max';
}

/** Whether `value` is better than that of `best`; what is no finite number never is, and of equal ones the first stays. */
export function isBetter(value: number, best: BestPoint | undefined, { mode }: BestCriterion): boolean {
  if (!Number.isFinite(value)) return false;
  if (best === undefined) return true;
  return mode === 'min' ? value < best.value : value > best.value;
}

/** The best of the evaluations whose step is among `steps`. */
export function bestAmong(
  evaluations: readonly EvaluationPoint[],
  criterion: BestCriterion,
  steps: readonly number[],
): BestPoint | undefined {
  let best: BestPoint | undefined;
  for (const { step, values } of evaluations) {
    const value = values[criterion.metric] ?? Number.NaN;
    if (steps.includes(step) && isBetter(value, best, criterion)) best = { ...criterion, step, value };
  }
  return best;
}
