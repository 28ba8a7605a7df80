import type { NdArray } from '@pengi/core';
import type { BeamOptions, Generation } from '../beam.js';
import type { NextToken } from './tiny.js';

interface Row {
  ids: number[];
  score: number;
  length: number;
  stopped: boolean;
}

/**
 * The reference's `_generate_beam` as it is written: every token of the vocabulary is a candidate of every beam, a stopped
 * beam has token 0 as the only one, one flat top-k over all of them, and the tokens are cut to their lengths at the end.
 * `margin` is the smallest distance between means that decided something: below the rounding of float32 anything goes.
 */
export async function naiveBeams(
  next: NextToken,
  prefix: NdArray,
  { beams, maxTokens, stopToken, temperature }: BeamOptions & { temperature: number },
): Promise<{ texts: Generation[]; margin: number }> {
  const f32 = Math.fround;
  const options = { temperature: temperature > 0 ? temperature : 1 };
  let margin = Number.POSITIVE_INFINITY;
  const best = <T extends { mean: number }>(candidates: T[]): T[] => {
    const sorted = candidates.sort((a, b) => b.mean - a.mean);
    for (let i = 1; i <= beams && i < sorted.length; i++)
      margin = Math.min(margin, sorted[i - 1]!.mean - sorted[i]!.mean);
    return sorted.slice(0, beams);
  };

  const opening = (await next(prefix, [], options)).map((logProb, token) => ({ token, mean: f32(logProb) }));
  let rows = best(opening).map(
    ({ token, mean }): Row => ({ ids: [token], score: mean, length: 1, stopped: token === stopToken }),
  );
  for (let step = 1; step < maxTokens && !rows.every(({ stopped }) => stopped); step++) {
    const candidates: { row: Row; token: number; mean: number; length: number }[] = [];
    for (const row of rows) {
      const logProbs = await next(prefix, row.ids, options);
      const length = row.stopped ? row.length : row.length + 1;
      for (const [token, logProb] of logProbs.entries()) {
        const added = row.stopped ? (token === 0 ? 0 : Number.NEGATIVE_INFINITY) : f32(logProb);
        if (added > Number.NEGATIVE_INFINITY)
          candidates.push({ row, token, mean: f32(f32(row.score + added) / length), length });
      }
    }
    rows = best(candidates).map(({ row, token, mean, length }) => ({
      ids: [...row.ids, token],
      score: f32(mean * length),
      length,
      stopped: row.stopped || token === stopToken,
    }));
  }
  const texts = rows
    .map(({ ids, score, length, stopped }) => ({
      ids: ids.slice(0, length),
      score: f32(score / length),
      stopped,
    }))
    .sort((a, b) => b.score - a.score);
  return { texts, margin };
}
