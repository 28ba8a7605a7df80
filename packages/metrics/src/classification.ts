import { PengiError } from '@pengi/core';

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
  const { counts } = confusionMatrix(predicted, expected, labels);
  const scores = labels.map((_, k) => {
    const expectedCount = sum(counts[k] ?? []);
    const predictedCount = sum(counts.map((row) => row[k] ?? 0));
    const both = counts[k]?.[k] ?? 0;
    return expectedCount + predictedCount === 0 ? 0 : (2 * both) / (expectedCount + predictedCount);
  });
  return sum(scores) / scores.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function refuseLists(predicted: readonly unknown[], expected: readonly unknown[]): void {
  if (predicted.length !== expected.length)
    throw new PengiError('E_SHAPE', `${predicted.length} predictions for ${expected.length} expected labels`);
  if (expected.length === 0) throw new PengiError('E_DATA', 'no items to score');
}
