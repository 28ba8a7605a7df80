import { createRng, PengiError } from '@pengi/core';
import { betaQuantile, probit } from './special.js';

/** Where the true value lies with the confidence `level`. */
export interface Interval {
  readonly low: number;
  readonly high: number;
  /** 0 … 1, usually 0.95 */
  readonly level: number;
}

/**
 * Interval of a proportion, Wilson's (1927): not as wide as the exact one, and covers `level` on average.
 * @throws PengiError E_USAGE unless 0 <= successes <= trials, trials >= 1 and 0 < level < 1
 */
export function wilsonInterval(successes: number, trials: number, level = 0.95): Interval {
  refuseCounts(successes, trials);
  refuseLevel(level);
  const z = probit((1 + level) / 2);
  const share = successes / trials;
  const centre = share + (z * z) / (2 * trials);
  const reach = z * Math.sqrt((share * (1 - share)) / trials + (z / (2 * trials)) ** 2);
  const scale = 1 + (z * z) / trials;
  return {
    // Both are 0 or 1 exactly here, where rounding may miss them.
    low: successes === 0 ? 0 : (centre - reach) / scale,
    high: successes === trials ? 1 : (centre + reach) / scale,
    level,
  };
}

/**
 * Interval of a proportion, Clopper and Pearson's (1934): covers at least `level`, whatever the true value is. The one
 * to report for few items.
 * @throws PengiError E_USAGE as `wilsonInterval`
 */
export function exactInterval(successes: number, trials: number, level = 0.95): Interval {
  refuseCounts(successes, trials);
  refuseLevel(level);
  const tail = (1 - level) / 2;
  const failures = trials - successes;
  return {
    low: successes === 0 ? 0 : betaQuantile(tail, successes, failures + 1),
    // The upper end is the lower end of the failures, counted from 1: no digits are lost near 1.
    high: failures === 0 ? 1 : 1 - betaQuantile(tail, failures, successes + 1),
    level,
  };
}

export interface BootstrapOptions {
  readonly seed: number;
  /** Resamples drawn. Default 2000. */
  readonly samples?: number;
  readonly level?: number;
}

/**
 * Interval of any statistic: the percentiles of its values on resamples of the items, drawn with replacement (Efron's
 * percentile bootstrap). The same seed gives the same interval on every machine.
 * @param values one entry per item; what was measured on one item together has to be one entry
 * @throws PengiError E_DATA without values, E_USAGE for a wrong level or number of samples
 */
export function bootstrapInterval<T>(
  values: readonly T[],
  statistic: (sample: readonly T[]) => number,
  { seed, samples = 2000, level = 0.95 }: BootstrapOptions,
): Interval {
  if (values.length === 0) throw new PengiError('E_DATA', 'no values to draw from');
  if (!Number.isInteger(samples) || samples < 1)
    throw new PengiError('E_USAGE', `${samples} bootstrap samples; a positive integer is wanted`);
  const rng = createRng(seed).fork('bootstrap');
  const estimates = Array.from({ length: samples }, () =>
    statistic(values.map(() => values[rng.int(values.length)] as T)),
  );
  return percentileInterval(estimates, level);
}

/**
 * The middle `level` of `estimates`, between order statistics linearly (numpy's default quantiles).
 * @throws PengiError E_DATA without estimates, E_USAGE for a wrong level
 */
export function percentileInterval(estimates: readonly number[], level = 0.95): Interval {
  if (estimates.length === 0) throw new PengiError('E_DATA', 'no values to take percentiles of');
  refuseLevel(level);
  const sorted = Float64Array.from(estimates).sort();
  return { low: quantile(sorted, (1 - level) / 2), high: quantile(sorted, (1 + level) / 2), level };
}

/**
 * The "basic" bootstrap interval: the percentiles of `estimates`, reflected at the value of the sample itself.
 * @throws PengiError as `percentileInterval`
 */
export function basicInterval(value: number, estimates: readonly number[], level = 0.95): Interval {
  const { low, high } = percentileInterval(estimates, level);
  return { low: 2 * value - high, high: 2 * value - low, level };
}

function quantile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const [low, high] = [sorted[below] ?? Number.NaN, sorted[Math.ceil(position)] ?? Number.NaN];
  return low + (high - low) * (position - below);
}

function refuseCounts(successes: number, trials: number): void {
  const fits =
    Number.isInteger(successes) &&
    Number.isInteger(trials) &&
    trials >= 1 &&
    successes >= 0 &&
    successes <= trials;
  if (!fits) throw new PengiError('E_USAGE', `${successes} successes in ${trials} trials`);
}

/** @throws PengiError E_USAGE unless 0 < level < 1 */
export function refuseLevel(level: number): void {
  if (!(level > 0 && level < 1))
    throw new PengiError('E_USAGE', `a confidence level of ${level}; it lies between 0 and 1`);
}
