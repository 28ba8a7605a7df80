/**
 * Search for good texts, one token at a time. The functions here know no model: they are told what may follow each row, and
 * say which row to continue with which token.
 */
import { PengiError, type Rng } from '@pengi/core';

/** A text that was found. */
export interface Generation {
  /** The tokens, with the stop token if that ended it. */
  ids: number[];
  /** Mean log-probability of the tokens, in nats, after division of the logits by the temperature. */
  score: number;
  /** Whether the stop token was reached within the limit. */
  stopped: boolean;
}

/** Continue row `parent` with `token`. */
export interface Continuation {
  parent: number;
  token: number;
}

/** The most likely tokens after a row, best first, the lower token first among equals. */
export interface Choices {
  readonly ids: ArrayLike<number>;
  /** Log-probabilities, in nats. */
  readonly logProbs: ArrayLike<number>;
}

export interface BeamOptions {
  beams: number;
  maxTokens: number;
  stopToken: number;
}

export interface BeamSearch {
  /** Whether the limit is reached or all beams have stopped. */
  readonly done: boolean;
  /** How the rows of the last choice came about: what the model has to run next. */
  readonly continuations: readonly Continuation[];
  /** Chooses the next tokens. @param next as many choices after each row as there are beams; of rows that have stopped, any */
  advance(next: readonly Choices[]): void;
  /** The texts, best first. */
  results(): Generation[];
}

/**
 * The beam search of the reference's `_generate_beam`, rule by rule and rounding by rounding: lengths start at 1 and
 * grow before the division; beams are ranked by mean log-probability; a beam that has stopped stays in the race at no
 * cost and without growing; nothing is penalised.
 * @param first as many choices of the first token as there are beams
 * @throws PengiError E_USAGE for fewer, which is where there are more beams than tokens in the vocabulary
 */
export function createBeamSearch({ beams, maxTokens, stopToken }: BeamOptions, first: Choices): BeamSearch {
  if (first.ids.length < beams)
    throw new PengiError('E_USAGE', `${beams} beams, but the vocabulary has ${first.ids.length} tokens`);
  let rows = Array.from({ length: beams }, (_, i): Beam => {
    const token = first.ids[i]!;
    return { ids: [token], score: f32(first.logProbs[i]!), length: 1, stopped: token === stopToken };
  });
  let tokens = 1;
  let last: Continuation[] = rows.map(({ ids }) => ({ parent: 0, token: ids[0]! }));

  return {
    get done() {
      return tokens >= maxTokens || rows.every((row) => row.stopped);
    },
    get continuations() {
      return last;
    },
    advance(next) {
      const candidates = rows.flatMap((row, parent): Candidate[] => {
        if (row.stopped) return [{ parent, token: 0, mean: f32(row.score / row.length), length: row.length }];
        const { ids, logProbs } = next[parent]!;
        const length = row.length + 1;
        return Array.from({ length: beams }, (_, i) => ({
          parent,
          token: ids[i]!,
          mean: f32(f32(row.score + f32(logProbs[i]!)) / length),
          length,
        }));
      });
      // The sort is stable, so among equals the lower row and the more likely token come first.
      const best = candidates.sort((a, b) => b.mean - a.mean).slice(0, beams);
      rows = best.map(({ parent, token, mean, length }) => {
        const row = rows[parent]!;
        const ids = row.stopped ? row.ids : [...row.ids, token];
        return { ids, score: f32(mean * length), length, stopped: row.stopped || token === stopToken };
      });
      tokens++;
      last = best.map(({ parent, token }) => ({ parent, token }));
    },
    results() {
      return rows
        .map(({ ids, score, length, stopped }): Generation => ({ ids, score: f32(score / length), stopped }))
        .sort((a, b) => b.score - a.score);
    },
  };
}

interface Beam {
  ids: number[];
  /** Sum of log-probabilities. */
  score: number;
  length: number;
  stopped: boolean;
}

interface Candidate extends Continuation {
  mean: number;
  length: number;
}

/** The reference computes in float32, and rankings can depend on it. */
const f32 = Math.fround;

/** The `count` most likely tokens, or all if there are fewer. @param logProbs [V] */
export function mostLikely(logProbs: ArrayLike<number>, count: number): Choices {
  const best: number[] = [];
  for (let id = 0; id < logProbs.length; id++) {
    const value = logProbs[id]!;
    if (best.length === count && value <= logProbs[best[count - 1]!]!) continue;
    let at = best.length;
    while (at > 0 && logProbs[best[at - 1]!]! < value) at--;
    best.splice(at, 0, id);
    if (best.length > count) best.pop();
  }
  return { ids: best, logProbs: best.map((id) => logProbs[id]!) };
}

export interface SampleOptions {
  /** Only this many of the most likely tokens, at least 1; default all. */
  topK?: number | undefined;
  /** The fewest tokens whose probabilities sum to at least this; default 1, all. */
  topP?: number | undefined;
}

/**
 * One token drawn from a distribution, restricted to the top k, then to the nucleus (Holtzman et al., 2020).
 * @param logProbs [V] normalised log-probabilities
 */
export function sampleToken(
  logProbs: ArrayLike<number>,
  rng: Rng,
  { topK, topP = 1 }: SampleOptions = {},
): number {
  let kept = Array.from({ length: logProbs.length }, (_, id) => id);
  // Sorting a large vocabulary costs as much as a step of a small model, so only where the order counts.
  if (topK !== undefined || topP < 1)
    kept = kept
      .sort((a, b) => logProbs[b]! - logProbs[a]!)
      .slice(0, topK === undefined ? undefined : Math.max(1, topK));
  const weights = kept.map((id) => Math.exp(logProbs[id]!));

  const enough = topP < 1 ? topP * sumOf(weights) : Number.POSITIVE_INFINITY;
  let count = 0;
  for (let sum = 0; count < weights.length && (count === 0 || sum < enough); count++) sum += weights[count]!;

  let rest = rng.uniform() * sumOf(weights.slice(0, count));
  for (let i = 0; i < count; i++) {
    rest -= weights[i]!;
    if (rest < 0) return kept[i]!;
  }
  return kept[count - 1]!;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
