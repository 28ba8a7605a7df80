import { refuseTables, type Target } from './detection.js';
import { harmonicMean, mean, share, sum } from './numbers.js';
import { argmax } from './ranking.js';

/** Which classes an item is said to have: those whose score reaches the threshold. */
export function decide(
  scores: ArrayLike<number>,
  { threshold = 0.5, inclusive = true }: { threshold?: number; inclusive?: boolean } = {},
): boolean[] {
  return Array.from(scores, (score) => (inclusive ? score >= threshold : score > threshold));
}

/** One class for each item, that of the largest score; the first of equals. */
export function decideOne(scores: ArrayLike<number>): boolean[] {
  const best = argmax(scores);
  return Array.from(scores, (_, k) => k === best);
}

export interface TaggingReport {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  /**
   * Of all decisions on (item, class) together. This F1 is what DCASE 2017 task 4 ranks audio tagging by ("instance-based").
   */
  readonly micro: { readonly precision: number; readonly recall: number; readonly f1: number };
  /**
   * The other convention, of that challenge's script ("class-based"): precision and recall are averaged over classes, and F1 is made
   * of the two means.
   */
  readonly classBased: { readonly precision: number; readonly recall: number; readonly f1: number };
  /** F1 of each class; 0 where nothing is expected and nothing is said. */
  readonly f1PerClass: readonly number[];
  /** Their mean. */
  readonly macroF1: number;
  /** The mean of the items' own F1. */
  readonly samplesF1: number;
  /** The share of items that are right in every class. */
  readonly subsetAccuracy: number;
  /** The share of right decisions. */
  readonly hammingAccuracy: number;
}

/**
 * Scores of decisions on several labels per item, as scikit-learn has them with `zero_division=0`.
 * @param decisions [items, classes]
 * @param targets [items, classes]
 * @throws PengiError E_SHAPE, E_DATA
 */
export function taggingReport(
  decisions: readonly ArrayLike<Target>[],
  targets: readonly ArrayLike<Target>[],
): TaggingReport {
  const classes = refuseTables(decisions, targets);
  const perClass = Array.from({ length: classes }, emptyCounts);
  const perItem = decisions.map((row, i) => {
    const counts = emptyCounts();
    for (let k = 0; k < classes; k++) {
      const cell = row[k] ? (targets[i]![k] ? 'hits' : 'alarms') : targets[i]![k] ? 'misses' : undefined;
      if (cell === undefined) continue;
      counts[cell]++;
      perClass[k]![cell]++;
    }
    return counts;
  });
  const hits = sum(perItem.map((counts) => counts.hits));
  const alarms = sum(perItem.map((counts) => counts.alarms));
  const misses = sum(perItem.map((counts) => counts.misses));
  const precision = mean(perClass.map((counts) => share(counts.hits, counts.hits + counts.alarms)));
  const recall = mean(perClass.map((counts) => share(counts.hits, counts.hits + counts.misses)));
  const f1PerClass = perClass.map(f1Of);
  return {
    truePositives: hits,
    falsePositives: alarms,
    falseNegatives: misses,
    micro: {
      precision: share(hits, hits + alarms),
      recall: share(hits, hits + misses),
      f1: f1Of({ hits, alarms, misses }),
    },
    classBased: { precision, recall, f1: harmonicMean(precision, recall) },
    f1PerClass,
    macroF1: mean(f1PerClass),
    samplesF1: mean(perItem.map(f1Of)),
    subsetAccuracy: mean(perItem.map((counts) => (counts.alarms + counts.misses === 0 ? 1 : 0))),
    hammingAccuracy: 1 - (alarms + misses) / (decisions.length * classes),
  };
}

interface Counts {
  hits: number;
  alarms: number;
  misses: number;
}

function emptyCounts(): Counts {
  return { hits: 0, alarms: 0, misses: 0 };
}

function f1Of({ hits, alarms, misses }: Counts): number {
  return share(2 * hits, 2 * hits + alarms + misses);
}
