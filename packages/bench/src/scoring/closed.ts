/** Tasks with labels to choose from: one is right, or some are. */
import {
  accuracy,
  bootstrapInterval,
  confusionMatrix,
  decide,
  decideOne,
  exactInterval,
  type Interval,
  macroF1,
  meanAveragePrecision,
  taggingReport,
} from '@pengi/metrics';
import { bestIndex } from '../ranking.js';
import type { EvaluationItem, Label } from '../runner/evaluation.js';
import type { ItemResult, Scored } from './result.js';

export interface ClosedTask {
  readonly kind: 'single-label' | 'multi-label';
  readonly metric: string;
  readonly labels: readonly Label[];
}

/**
 * @param items those that could be used
 * @param scores [items, labels]; null where there is nothing to choose by, such as an empty text
 * @param answers what was said, where it was said in words; the best label by default. The scores are cosines then
 */
export function scoreClosed(
  { kind, metric, labels }: ClosedTask,
  items: readonly EvaluationItem[],
  scores: readonly (readonly number[] | null)[],
  answers?: readonly string[],
): Scored {
  const names = labels.map(({ name }) => name);
  const targets = items.map((item) => names.map((name) => item.labels?.includes(name) ?? false));
  // Nothing was said: every class is as unlikely, below whatever else was said.
  const lowest = scores.reduce((least, row) => Math.min(least, ...(row ?? [])), 0) - 1;
  const table = scores.map((row) => row ?? names.map(() => lowest));
  const predicted = scores.map((row) => (row === null ? null : (names[bestIndex(row)] as string)));
  const { perClass: precisions, mean: mAP, absentAsZero } = meanAveragePrecision(table, targets);

  const results = items.map(({ id, audio, labels: expected = [] }, i): ItemResult => {
    const prediction = predicted[i] ?? null;
    return {
      id,
      audio,
      expected,
      answer: answers?.[i] ?? prediction ?? '',
      prediction,
      score: prediction !== null && expected.includes(prediction) ? 1 : 0,
    };
  });
  const unread = predicted.filter((name) => name === null).length;
  const counts = names.map((_, k) => targets.filter((row) => row[k]).length);

  if (kind === 'single-label') {
    const expected = items.map((item) => item.labels?.[0] ?? '');
    const metrics = {
      accuracy: accuracy(predicted, expected),
      macroF1: macroF1(predicted, expected, names),
      ...numbers({ mAP }),
    };
    const confusion = confusionMatrix(predicted, expected, names);
    const right = results.reduce((sum, { score }) => sum + score, 0);
    return {
      ...reported(metric, metrics, () =>
        metric === 'mAP' ? mapInterval(table, targets) : exactInterval(right, items.length),
      ),
      items: results,
      unread,
      confusion,
      perClass: names.map((label, k) => ({
        label,
        n: counts[k] as number,
        value: counts[k] === 0 ? null : (confusion.counts[k]?.[k] as number) / (counts[k] as number),
      })),
    };
  }
  const decisions = scores.map((row) => (row === null ? names.map(() => false) : decideOne(row)));
  const tagging = taggingReport(decisions, targets);
  const hits = results.reduce((sum, { score }) => sum + score, 0);
  const metrics = {
    ...numbers({ mAP, 'mAP, absent classes as 0': absentAsZero }),
    f1: tagging.micro.f1,
    f1ClassBased: tagging.classBased.f1,
    macroF1: tagging.macroF1,
    ...(answers && thresholdF1(scores, targets)),
    // The best label is one of the right ones.
    accuracy: hits / items.length,
  };
  return {
    ...reported(metric, metrics, () => {
      if (metric === 'mAP') return mapInterval(table, targets);
      if (metric === 'accuracy') return exactInterval(hits, items.length);
      return bootstrapInterval(
        items.map((_, i) => i),
        (sample) =>
          taggingReport(
            sample.map((i) => decisions[i] as boolean[]),
            sample.map((i) => targets[i] as boolean[]),
          ).micro.f1,
        { seed: 0, samples: samplesFor(items.length * names.length) },
      );
    }),
    items: results,
    unread,
    perClass: names.map((label, k) => ({
      label,
      n: counts[k] as number,
      value: Number.isNaN(precisions[k]) ? null : (precisions[k] as number),
    })),
  };
}

/** The other way to decide: every label whose cosine reaches a half. The paper names neither. */
function thresholdF1(
  cosines: readonly (readonly number[] | null)[],
  targets: readonly (readonly boolean[])[],
): Record<string, number> {
  const decisions = cosines.map((row, i) => decide(row ?? targets[i]!.map(() => 0)));
  const { micro, classBased } = taggingReport(decisions, targets);
  return { 'f1, cosine ≥ 0.5': micro.f1, 'f1ClassBased, cosine ≥ 0.5': classBased.f1 };
}

function numbers(values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => Number.isFinite(value)));
}

function reported(
  metric: string,
  metrics: Readonly<Record<string, number>>,
  interval: () => Interval,
): Pick<Scored, 'value' | 'metrics' | 'interval' | 'notComputed'> {
  const value = metrics[metric];
  return value === undefined
    ? { value: null, metrics, notComputed: { [metric]: 'is not defined for these items' } }
    : { value, metrics, interval: interval() };
}

/** Enough draws for two digits, as far as the data are small enough to draw so often in seconds. */
function samplesFor(cells: number): number {
  return Math.max(100, Math.min(1000, Math.round(2e8 / cells)));
}

/**
 * The bootstrap of mAP over items, shifted by its bias: an item that is drawn twice is found twice at one rank, so that the mean of
 * the draws lies above the mAP of the items, with few of them above all. Each class is sorted once: a draw only changes how often
 * an item counts, so that thousands of items and hundreds of classes take seconds.
 */
export function mapInterval(
  scores: readonly (readonly number[])[],
  targets: readonly (readonly boolean[])[],
): Interval {
  const classes = (scores[0] ?? []).map((_, k) => {
    const order = scores.map((_, i) => i).sort((a, b) => scores[b]![k]! - scores[a]![k]!);
    return {
      order: Int32Array.from(order),
      positive: Uint8Array.from(order, (i) => (targets[i]![k] ? 1 : 0)),
      // A threshold lies where the next score is another.
      ends: Uint8Array.from(order, (i, at) => (scores[i]![k] === scores[order[at + 1] ?? -1]?.[k] ? 0 : 1)),
    };
  });
  const statistic = (sample: readonly number[]) => {
    const weights = new Int32Array(scores.length);
    for (const i of sample) weights[i]!++;
    let [sum, defined] = [0, 0];
    for (const { order, positive, ends } of classes) {
      let [seen, hits, before, area] = [0, 0, 0, 0];
      for (let at = 0; at < order.length; at++) {
        const weight = weights[order[at]!]!;
        seen += weight;
        if (positive[at]) hits += weight;
        if (ends[at] && hits > before) {
          area += (hits - before) * (hits / seen);
          before = hits;
        }
      }
      if (hits > 0) {
        sum += area / hits;
        defined++;
      }
    }
    return defined === 0 ? 0 : sum / defined;
  };
  const items = scores.map((_, i) => i);
  const drawn: number[] = [];
  const { low, high, level } = bootstrapInterval(
    items,
    (sample) => {
      const value = statistic(sample);
      drawn.push(value);
      return value;
    },
    { seed: 0, samples: samplesFor(scores.length * classes.length) },
  );
  const bias = drawn.reduce((sum, value) => sum + value, 0) / drawn.length - statistic(items);
  return { low: Math.max(0, low - bias), high: Math.min(1, high - bias), level };
}
