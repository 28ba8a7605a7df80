import { createRng, PengiError } from '@pengi/core';
import { type BootstrapOptions, bootstrapInterval, type Interval, refuseLevel } from './intervals.js';
import { mean, sum } from './numbers.js';
import { betaShare, studentQuantile } from './special.js';

export interface SignFlipOptions {
  readonly seed: number;
  /** Random flips; when all 2^n of them are no more, these are gone through instead. Default 10,000. */
  readonly samples?: number;
}

export interface SignFlipResult {
  /** The chance of a mean at least as far from 0, if neither system were better. */
  readonly p: number;
  /** Flips whose mean is at least as far from 0. */
  readonly extreme: number;
  readonly flips: number;
  /** Whether all flips were gone through; otherwise p = (extreme + 1) / (flips + 1), which never is 0. */
  readonly exact: boolean;
}

/**
 * Paired permutation test, two-sided: would the mean of the differences be as far from 0 with random signs?
 * @param differences of two systems on the same items
 * @throws PengiError E_DATA without differences, E_USAGE for a wrong number of samples
 */
export function signFlipTest(
  differences: readonly number[],
  { seed, samples = 10_000 }: SignFlipOptions,
): SignFlipResult {
  if (!Number.isInteger(samples) || samples < 1)
    throw new PengiError('E_USAGE', `${samples} permutations; a positive integer is wanted`);
  const n = differences.length;
  if (n <= 30 && 2 ** n <= samples) {
    const extreme = countExtreme(differences, 2 ** n, (flip, item) => ((flip >>> item) & 1) === 1);
    return { p: extreme / 2 ** n, extreme, flips: 2 ** n, exact: true };
  }
  const rng = createRng(seed).fork('sign-flip');
  const extreme = countExtreme(differences, samples, () => rng.uniform() < 0.5);
  return { p: (extreme + 1) / (samples + 1), extreme, flips: samples, exact: false };
}

/** How many of `flips` sign patterns give a mean at least as far from 0 as the one without flips. */
export function countExtreme(
  differences: readonly number[],
  flips: number,
  flipped: (flip: number, item: number) => boolean,
): number {
  if (differences.length === 0) throw new PengiError('E_DATA', 'no differences to test');
  // A flip that gives the same sum in another order of rounding counts as equal.
  const slack = 1e-12 * sum(differences.map(Math.abs));
  const observed = Math.abs(sum(differences)) - slack;
  let extreme = 0;
  for (let flip = 0; flip < flips; flip++) {
    let total = 0;
    for (let item = 0; item < differences.length; item++)
      total += flipped(flip, item) ? -differences[item]! : differences[item]!;
    if (Math.abs(total) >= observed) extreme++;
  }
  return extreme;
}

/**
 * McNemar's exact test, two-sided, for answers that are right or wrong: p of the items on which only one of two systems is right.
 * @throws PengiError E_USAGE unless both are counts
 */
export function mcnemarTest(onlyFirst: number, onlySecond: number): { p: number } {
  for (const count of [onlyFirst, onlySecond])
    if (!Number.isInteger(count) || count < 0)
      throw new PengiError('E_USAGE', `${count} items; a whole number from 0 on is wanted`);
  const [fewer, trials] = [Math.min(onlyFirst, onlySecond), onlyFirst + onlySecond];
  // P(X <= k) of a fair binomial is I_½(n - k, k + 1).
  return { p: trials === fewer * 2 ? 1 : Math.min(1, 2 * betaShare(0.5, trials - fewer, fewer + 1)) };
}

/**
 * The mean of first - second over the same items, with its bootstrap interval: items are drawn, and with them both scores.
 * @throws PengiError E_SHAPE, E_DATA, E_USAGE
 */
export function pairedDifference(
  first: readonly number[],
  second: readonly number[],
  options: BootstrapOptions,
): { difference: number; interval: Interval } {
  if (first.length !== second.length)
    throw new PengiError('E_SHAPE', `${first.length} scores of one system, ${second.length} of the other`);
  const differences = first.map((score, i) => score - second[i]!);
  return { difference: mean(differences), interval: bootstrapInterval(differences, mean, options) };
}

export interface Spread {
  readonly mean: number;
  /** With n - 1 in the denominator, as pandas has it; NaN for one value. */
  readonly deviation: number;
}

/** Mean and standard deviation, of the folds of a cross-validation for instance. */
export function spread(values: readonly number[]): Spread {
  const centre = mean(values);
  const squares = sum(values.map((value) => (value - centre) ** 2));
  return {
    mean: centre,
    deviation: values.length < 2 ? Number.NaN : Math.sqrt(squares / (values.length - 1)),
  };
}

/**
 * Student's interval of a mean.
 * @throws PengiError E_DATA with fewer than two values, E_USAGE for a wrong level
 */
export function meanInterval(values: readonly number[], level = 0.95): Interval {
  refuseLevel(level);
  if (values.length < 2) throw new PengiError('E_DATA', 'an interval of a mean needs two values');
  const { mean: centre, deviation } = spread(values);
  const reach = (studentQuantile((1 + level) / 2, values.length - 1) * deviation) / Math.sqrt(values.length);
  return { low: centre - reach, high: centre + reach, level };
}
