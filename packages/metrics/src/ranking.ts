import { PengiError } from '@pengi/core';
import { mean } from './numbers.js';

/**
 * How equal scores are ranked. `stable`: lower index first, as a stable sort does; `optimistic`: before its equals; `pessimistic`:
 * behind them; `mid`: the mean of these two.
 */
export const TIE_RULES = ['stable', 'optimistic', 'pessimistic', 'mid'] as const;
export type TieRule = (typeof TIE_RULES)[number];

/** The index of the largest value; the first of equals, and 0 when all are NaN. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++)
    if (values[i]! > values[best]! || (Number.isNaN(values[best]!) && !Number.isNaN(values[i]!))) best = i;
  return best;
}

/** The indices of the `k` largest values, best first; of equals the lower index first. */
export function topK(values: ArrayLike<number>, k: number): number[] {
  return Array.from(values, (_, i) => i)
    .sort((a, b) => values[b]! - values[a]! || a - b)
    .slice(0, k);
}

/** The rank of the value at `index` among all, 1 for the largest. */
export function rankOf(values: ArrayLike<number>, index: number, ties: TieRule = 'stable'): number {
  const value = values[index];
  if (value === undefined || Number.isNaN(value))
    throw new PengiError('E_SHAPE', `no score at ${index} of ${values.length}`);
  let [greater, equal, before] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    if (values[i]! > value) greater++;
    else if (values[i] === value && i !== index) {
      equal++;
      if (i < index) before++;
    }
  }
  return {
    stable: 1 + greater + before,
    optimistic: 1 + greater,
    pessimistic: 1 + greater + equal,
    mid: 1 + greater + equal / 2,
  }[ties];
}

export interface RankSummary {
  /** The share of queries whose answer is among the first 1, 5 and 10. */
  readonly recallAt1: number;
  readonly recallAt5: number;
  readonly recallAt10: number;
  /** Mean of 1 / rank, a rank above 10 counting as 0: mean average precision with one right answer. */
  readonly mapAt10: number;
  readonly medianRank: number;
  readonly meanRank: number;
  /** Mean of 1 / rank. */
  readonly meanReciprocalRank: number;
}

/**
 * What retrieval reports of the ranks of the right answers, one for each query.
 * @throws PengiError E_DATA without ranks
 */
export function summarizeRanks(ranks: readonly number[]): RankSummary {
  const shareWithin = (k: number) => mean(ranks.map((rank) => (rank <= k ? 1 : 0)));
  return {
    recallAt1: shareWithin(1),
    recallAt5: shareWithin(5),
    recallAt10: shareWithin(10),
    mapAt10: mean(ranks.map((rank) => (rank <= 10 ? 1 / rank : 0))),
    medianRank: median(ranks),
    meanRank: mean(ranks),
    meanReciprocalRank: mean(ranks.map((rank) => 1 / rank)),
  };
}

function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
