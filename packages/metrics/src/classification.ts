import { PengiError } from '@pengi/core';
import { mean, share, sum } from './numbers.js';
import { rankOf } from './ranking.js';

/**
 * A predicted class. `null` stands for an answer that could not be read: it is never right, and never left out.
 */
export type Prediction<Label> = Label | null;

/**
 * The share of items whose prediction is the expected label, 0 … 1.
 * @throws PengiError E_SHAPE when the lists differ in length, E_DATA when they are empty
 */
export function accuracy<Label>(predicted: readonly Prediction<Label>[], expected: readonly Label[]): number {
  refuseLists(predicted, expected);
  return expected.filter((label, i) => predicted[i] === label).length / expected.length;
}

export interface ConfusionMatrix<Label = string> {
  /** The rows, and all columns but the last. */
  readonly labels: readonly Label[];
  /**
   * [labels, labels + 1]: row = expected, column = predicted. The last column counts all predictions that are none of the
   * labels, so that every row adds up to its class's number of items.
   */
  readonly counts: readonly (readonly number[])[];
}

/**
 * @throws PengiError E_SHAPE and E_DATA as `accuracy`; E_DATA also for repeated labels and for an expected label that is
 * none of `labels`
 */
export function confusionMatrix<Label>(
  predicted: readonly Prediction<Label>[],
  expected: readonly Label[],
  labels: readonly Label[],
): ConfusionMatrix<Label> {
  refuseLists(predicted, expected);
  const positions = new Map(labels.map((label, position) => [label, position]));
  if (positions.size !== labels.length) throw new PengiError('E_DATA', 'a label is listed twice');
  const counts = labels.map(() => new Array<number>(labels.length + 1).fill(0));

  expected.forEach((label, i) => {
    const row = counts[positions.get(label) ?? -1];
    if (row === undefined)
      throw new PengiError('E_DATA', `item ${i} is expected to be "${label}", which is not among the labels`);
    const prediction = predicted[i] ?? null;
    const column = prediction === null ? undefined : positions.get(prediction);
    row[column ?? labels.length]! += 1;
  });
  return { labels: [...labels], counts };
}

export interface ClassScores {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Items of this class. */
  readonly support: number;
}

export interface ClassificationReport {
  /** In the order of the labels. A share of nothing is 0 (scikit-learn's `zero_division=0`). */
  readonly perClass: readonly ClassScores[];
  /** Means over all labels, those without items included. */
  readonly macro: Omit<ClassScores, 'support'>;
  /** F1 of all decisions together. With one label per item and all labels known, this is the accuracy. */
  readonly microF1: number;
  /** Mean F1 weighted by the number of items of each class. */
  readonly weightedF1: number;
  /** Mean recall of the classes that have items. */
  readonly balancedAccuracy: number;
}

/**
 * Precision, recall and F1 of each class and their means, as scikit-learn has them.
 * @throws PengiError as `confusionMatrix`
 */
export function classificationReport<Label>(
  predicted: readonly Prediction<Label>[],
  expected: readonly Label[],
  labels: readonly Label[],
): ClassificationReport {
  const { counts } = confusionMatrix(predicted, expected, labels);
  const right = labels.map((_, k) => counts[k]![k]!);
  const predictedCounts = labels.map((_, k) => sum(counts.map((row) => row[k]!)));
  const perClass = labels.map((_, k): ClassScores => {
    const support = sum(counts[k]!);
    return {
      precision: share(right[k]!, predictedCounts[k]!),
      recall: share(right[k]!, support),
      f1: share(2 * right[k]!, support + predictedCounts[k]!),
      support,
    };
  });
  const meanOf = (score: keyof ClassScores) => mean(perClass.map((scores) => scores[score]));
  return {
    perClass,
    macro: { precision: meanOf('precision'), recall: meanOf('recall'), f1: meanOf('f1') },
    microF1: share(2 * sum(right), expected.length + sum(predictedCounts)),
    weightedF1: sum(perClass.map(({ f1, support }) => f1 * support)) / expected.length,
    balancedAccuracy: mean(perClass.filter(({ support }) => support > 0).map(({ recall }) => recall)),
  };
}

/**
 * The mean over `labels` of each class's F1 = 2 TP / (2 TP + FP + FN), 0 … 1. A class that is neither expected nor
 * predicted counts as 0, as in scikit-learn (`f1_score(labels=…, average='macro', zero_division=0)`).
 * @throws PengiError as `confusionMatrix`
 */
export function macroF1<Label>(
  predicted: readonly Prediction<Label>[],
  expected: readonly Label[],
  labels: readonly Label[],
): number {
  return classificationReport(predicted, expected, labels).macro.f1;
}

/**
 * F1 of all decisions together: 2 TP / (2 TP + FP + FN). A prediction that is none of `labels` is a miss, and no false alarm.
 * @throws PengiError as `confusionMatrix`
 */
export function microF1<Label>(
  predicted: readonly Prediction<Label>[],
  expected: readonly Label[],
  labels: readonly Label[],
): number {
  return classificationReport(predicted, expected, labels).microF1;
}

/**
 * The share of items whose class is among the `k` largest scores; of equal scores the lower class comes first.
 * @param scores [items, classes]
 * @param expected the class of each item, an index
 * @throws PengiError E_SHAPE, E_DATA
 */
export function topKAccuracy(
  scores: readonly ArrayLike<number>[],
  expected: readonly number[],
  k: number,
): number {
  refuseLists(scores, expected);
  return mean(expected.map((label, i) => (rankOf(scores[i]!, label) <= k ? 1 : 0)));
}

function refuseLists(predicted: readonly unknown[], expected: readonly unknown[]): void {
  if (predicted.length !== expected.length)
    throw new PengiError('E_SHAPE', `${predicted.length} predictions for ${expected.length} expected labels`);
  if (expected.length === 0) throw new PengiError('E_DATA', 'no items to score');
}
