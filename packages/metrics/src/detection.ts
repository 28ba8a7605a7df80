import { PengiError } from '@pengi/core';
import { mean } from './numbers.js';
import { probit } from './special.js';

/** Whether a class is present: 0 or 1, or a boolean. */
export type Target = number | boolean;

/**
 * Average precision of one class: the sum of (R_n - R_{n-1}) P_n over the distinct scores, so equal scores share one threshold
 * (scikit-learn's `average_precision_score`). NaN without positives.
 * @throws PengiError E_SHAPE, E_DATA
 */
export function averagePrecision(scores: ArrayLike<number>, targets: ArrayLike<Target>): number {
  let [positives, seen, before, total] = [0, 0, 0, 0];
  for (const { ones, zeros } of descendingGroups(scores, targets)) {
    positives += ones;
    seen += ones + zeros;
    total += (positives - before) * (positives / seen);
    before = positives;
  }
  return total / positives; // 0 / 0 without positives
}

/**
 * Area under the ROC curve of one class: how often a positive's score is above a negative's, equals counting half. NaN when all
 * targets are the same.
 * @throws PengiError E_SHAPE, E_DATA
 */
export function rocAuc(scores: ArrayLike<number>, targets: ArrayLike<Target>): number {
  let [positives, negatives, area] = [0, 0, 0];
  for (const { ones, zeros } of descendingGroups(scores, targets)) {
    area += zeros * (positives + ones / 2);
    positives += ones;
    negatives += zeros;
  }
  return area / (positives * negatives);
}

/** d' = √2 · probit(AUC): ±Infinity at AUC 1 and 0, NaN for NaN. */
export function dPrime(auc: number): number {
  return Number.isNaN(auc) ? Number.NaN : Math.SQRT2 * probit(auc);
}

export interface ClassMeans {
  /** NaN where it is not defined. */
  readonly perClass: readonly number[];
  /** The mean of the classes where it is defined; NaN when there is none. */
  readonly mean: number;
  /** Classes where it is not defined. */
  readonly undefinedClasses: readonly number[];
}

export interface MeanAveragePrecision extends ClassMeans {
  /** scikit-learn's `average='macro'`: a class without positives counts as 0. */
  readonly absentAsZero: number;
}

/**
 * mAP over classes. Two conventions where a class has no positives: `mean` leaves it out, `absentAsZero` counts it as 0.
 * @param scores [items, classes]
 * @param targets [items, classes]
 * @throws PengiError E_SHAPE, E_DATA
 */
export function meanAveragePrecision(
  scores: readonly ArrayLike<number>[],
  targets: readonly ArrayLike<Target>[],
): MeanAveragePrecision {
  const result = overClasses(scores, targets, averagePrecision);
  const absentAsZero = mean(result.perClass.map((value) => (Number.isNaN(value) ? 0 : value)));
  return { ...result, absentAsZero };
}

/** Average precision of all decisions of all classes together (`average='micro'`). */
export function microAveragePrecision(
  scores: readonly ArrayLike<number>[],
  targets: readonly ArrayLike<Target>[],
): number {
  refuseTables(scores, targets);
  return averagePrecision(
    scores.flatMap((row) => Array.from(row)),
    targets.flatMap((row) => Array.from(row)),
  );
}

/** The mean over items of the average precision of their classes; items without positives are left out (`average='samples'`). */
export function samplesAveragePrecision(
  scores: readonly ArrayLike<number>[],
  targets: readonly ArrayLike<Target>[],
): number {
  refuseTables(scores, targets);
  const values = scores
    .map((row, i) => averagePrecision(row, targets[i]!))
    .filter((value) => !Number.isNaN(value));
  return values.length === 0 ? Number.NaN : mean(values);
}

/**
 * AUC over classes; `mean` leaves out those that have one kind of target only. (scikit-learn's macro average is NaN with one such class.)
 * @param scores [items, classes]
 * @throws PengiError E_SHAPE, E_DATA
 */
export function meanRocAuc(
  scores: readonly ArrayLike<number>[],
  targets: readonly ArrayLike<Target>[],
): ClassMeans {
  return overClasses(scores, targets, rocAuc);
}

/**
 * d' over classes: the mean of the classes' d' (HEAR, AudioSet's papers), Infinity when a class is separated perfectly.
 * @param scores [items, classes]
 * @throws PengiError E_SHAPE, E_DATA
 */
export function meanDPrime(
  scores: readonly ArrayLike<number>[],
  targets: readonly ArrayLike<Target>[],
): ClassMeans {
  return overClasses(scores, targets, (column, truth) => dPrime(rocAuc(column, truth)));
}

function overClasses(
  scores: readonly ArrayLike<number>[],
  targets: readonly ArrayLike<Target>[],
  score: (scores: ArrayLike<number>, targets: ArrayLike<Target>) => number,
): ClassMeans {
  const classes = refuseTables(scores, targets);
  const perClass = Array.from({ length: classes }, (_, k) =>
    score(
      scores.map((row) => row[k]!),
      targets.map((row) => row[k]!),
    ),
  );
  const defined = perClass.filter((value) => !Number.isNaN(value));
  return {
    perClass,
    mean: defined.length === 0 ? Number.NaN : mean(defined),
    undefinedClasses: perClass.flatMap((value, k) => (Number.isNaN(value) ? [k] : [])),
  };
}

/** @returns the number of classes */
export function refuseTables(
  scores: readonly ArrayLike<unknown>[],
  targets: readonly ArrayLike<unknown>[],
): number {
  if (scores.length !== targets.length)
    throw new PengiError('E_SHAPE', `scores of ${scores.length} items for targets of ${targets.length}`);
  const classes = scores[0]?.length ?? 0;
  if (classes === 0) throw new PengiError('E_DATA', 'no items or no classes to score');
  const odd = [...scores, ...targets].findIndex((row) => row.length !== classes);
  if (odd >= 0)
    throw new PengiError(
      'E_SHAPE',
      `item ${odd % scores.length} has not ${classes} classes, as the first has`,
    );
  return classes;
}

/** How many of each kind share a score, from the largest score on. */
function descendingGroups(
  scores: ArrayLike<number>,
  targets: ArrayLike<Target>,
): { ones: number; zeros: number }[] {
  if (scores.length !== targets.length)
    throw new PengiError('E_SHAPE', `${scores.length} scores for ${targets.length} targets`);
  if (scores.length === 0) throw new PengiError('E_DATA', 'no scores');
  const order = Array.from(scores, (score, i) => {
    if (Number.isNaN(score)) throw new PengiError('E_NONFINITE', `score ${i} is no number`);
    return i;
  }).sort((a, b) => scores[b]! - scores[a]! || 0); // Infinity - Infinity
  const groups: { ones: number; zeros: number }[] = [];
  let last: number | undefined;
  for (const i of order) {
    if (scores[i] !== last) groups.push({ ones: 0, zeros: 0 });
    last = scores[i];
    if (targets[i]) groups.at(-1)!.ones++;
    else groups.at(-1)!.zeros++;
  }
  return groups;
}
