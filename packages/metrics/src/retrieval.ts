import { PengiError } from '@pengi/core';
import { mean } from './numbers.js';
import { type RankSummary, rankOf, summarizeRanks, type TieRule } from './ranking.js';

export interface RetrievalScores extends RankSummary {
  /** The rank of the answer of each query; with several right answers that of the best. */
  readonly ranks: readonly number[];
}

/**
 * Text-to-audio retrieval: each text has one right audio.
 * @param similarities [texts, audios]
 * @param answers the audio of each text
 * @param ties the number to publish is `stable`'s, with `pessimistic`'s beside it where it differs
 * @throws PengiError E_SHAPE, E_DATA
 */
export function retrieve(
  similarities: readonly ArrayLike<number>[],
  answers: readonly number[],
  ties: TieRule = 'stable',
): RetrievalScores {
  if (similarities.length !== answers.length)
    throw new PengiError(
      'E_SHAPE',
      `${similarities.length} rows of similarities for ${answers.length} answers`,
    );
  const ranks = answers.map((answer, query) => rankOf(similarities[query]!, answer, ties));
  return { ...summarizeRanks(ranks), ranks };
}

export interface MultiRetrievalScores extends RetrievalScores {
  /** Mean average precision of the first 10, over all right answers (all of them count in the denominator, at most 10). */
  readonly mapAt10: number;
  /** `mapAt10` when only the best right answer counts. */
  readonly mapAt10BestOnly: number;
  /** The mean share of the right answers that are among the first 1, 5 and 10. */
  readonly recallFractionAt1: number;
  readonly recallFractionAt5: number;
  readonly recallFractionAt10: number;
  /** The ranks of all right answers of each query, ascending. */
  readonly relevantRanks: readonly (readonly number[])[];
}

/**
 * Audio-to-text retrieval: each audio has several right texts. R@k counts an audio as found when any of them is among the first k.
 * @param similarities [audios, texts]
 * @param answers the texts of each audio, at least one
 * @throws PengiError E_SHAPE, E_DATA
 */
export function retrieveAny(
  similarities: readonly ArrayLike<number>[],
  answers: readonly (readonly number[])[],
  ties: TieRule = 'stable',
): MultiRetrievalScores {
  if (similarities.length !== answers.length)
    throw new PengiError(
      'E_SHAPE',
      `${similarities.length} rows of similarities for ${answers.length} answers`,
    );
  const without = answers.findIndex((texts) => texts.length === 0);
  if (without >= 0) throw new PengiError('E_DATA', `query ${without} has no right answer`);
  const relevantRanks = answers.map((texts, query) => ranksOfAll(similarities[query]!, texts, ties));
  const ranks = relevantRanks.map((found) => found[0]!);
  const summary = summarizeRanks(ranks);
  const fractionWithin = (k: number) =>
    mean(relevantRanks.map((found) => found.filter((rank) => rank <= k).length / found.length));
  return {
    ...summary,
    ranks,
    relevantRanks,
    mapAt10: mean(relevantRanks.map((found) => averagePrecisionAt(found, 10))),
    mapAt10BestOnly: summary.mapAt10,
    recallFractionAt1: fractionWithin(1),
    recallFractionAt5: fractionWithin(5),
    recallFractionAt10: fractionWithin(10),
  };
}

/** Ascending. The rule for ties is about wrong answers: right ones never stand in each other's way. */
function ranksOfAll(values: ArrayLike<number>, answers: readonly number[], ties: TieRule): number[] {
  const right = new Set(answers);
  const wrong = Array.from(values, (_, i) => i).filter((i) => !right.has(i));
  return [...right]
    .sort((a, b) => values[b]! - values[a]! || a - b)
    .map((answer, before) => {
      const rivals = wrong.map((i) => values[i]!);
      const own = wrong.filter((i) => i < answer).length;
      // Behind the wrong answers of lower index, as in the whole list.
      return before + rankOf([...rivals.slice(0, own), values[answer]!, ...rivals.slice(own)], own, ties);
    });
}

function averagePrecisionAt(ranks: readonly number[], k: number): number {
  let total = 0;
  ranks.forEach((rank, i) => {
    if (rank <= k) total += (i + 1) / rank;
  });
  return total / Math.min(ranks.length, k);
}
