import { accuracy, exactInterval, macroF1 } from '@pengi/metrics';
import type { Json, Metric } from './task.js';

/** The share of correct items with Clopper and Pearson's 95 % interval. */
export function accuracyMetric<Expected extends Json, Predicted extends Json>(): Metric<Expected, Predicted> {
  return (outcomes) => {
    const right = outcomes.filter(({ correct }) => correct).length;
    const value = accuracy(
      outcomes.map(({ correct }) => correct),
      outcomes.map(() => true),
    );
    return { value, interval: exactInterval(right, outcomes.length) };
  };
}

/** The mean F1 of the labels. A label that no item has counts as 0. */
export function macroF1Metric<Label extends Json>(labels: readonly Label[]): Metric<Label, Label> {
  return (outcomes) => ({
    value: macroF1(
      outcomes.map(({ prediction }) => prediction),
      outcomes.map(({ expected }) => expected),
      labels,
    ),
  });
}
