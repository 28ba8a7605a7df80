/**
 * Search for good texts, one token at a time. The functions here know no model: they are told the most likely next
 * tokens of each row and say which row to continue with which token.
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

/** The most likely next tokens of each row, best first. */
export interface TopTokens {
  ids: readonly (readonly number[])[];
  logProbs: readonly (readonly number[])[];
}

/** Continue row `parent` with `token`. */
export interface Continuation {
  parent: number;
  token: number;
}

export interface BeamOptions {
  beams: number;
  maxTokens: number;
  stopToken: number;
}

/**
 * The beam search of the reference's `_generate_beam`, rule by rule and rounding by rounding: lengths start at 1 and
 * grow before the division; beams are ranked by mean log-probability; a beam that has stopped stays in the race at no
 * cost and without growing; nothing is penalised.
 * @param first the `beams` most likely first tokens, of the one row that there is
 */
export function createBeamSearch({ beams, maxTokens, stopToken }: BeamOptions, first: TopTokens): BeamSearch {
  const [ids, logProbs] = [first.ids[0]!, first.logProbs[0]!];
  if (ids.length < beams)
    throw new PengiError('E_USAGE', `${beams} beams, but the vocabulary has ${ids.length} tokens`);
  let rows: Beam[] = Array.from({ length: beams }, (_, i) => ({
    ids: [ids[i]!],
    score: f32(logProbs[i]!),
    length: 1,
    stopped: ids[i] === stopToken,
  }));
  let tokens = 1;
  let last: Continuation[] = rows.map((row) => ({ parent: 0, token: row.ids[0]! }));

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
        const length = row.length + 1;
        return next.ids[parent]!.map((token, i) => ({
          parent,
          token,
          mean: f32(f32(row.score + f32(next.logProbs[parent]![i]!)) / length),
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

export interface BeamSearch {
  /** Whether the limit is reached or all beams have stopped. */
  readonly done: boolean;
  /** How the rows of the last choice came about: what the model has to run next. */
  readonly continuations: readonly Continuation[];
  /** Chooses the next tokens. @param next the `beams` (or more) most likely next tokens of each row */
  advance(next: TopTokens): void;
  /** The texts, best first. */
  results(): Generation[];
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

export interface SampleOptions {
  /** Only the most likely tokens; default all. */
  topK?: number;
  /** The fewest tokens whose probabilities sum to at least this; default 1, all. */
  topP?: number;
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
  const order = Array.from({ length: logProbs.length }, (_, i) => i).sort(
    (a, b) => logProbs[b]! - logProbs[a]!,
  );
  const kept = topK === undefined ? order : order.slice(0, Math.max(1, topK));
  const weights = kept.map((i) => Math.exp(logProbs[i]!));
  const total = weights.reduce((a, b) => a + b, 0);
  let count = 0;
  for (let sum = 0; count < weights.length && (count === 0 || sum < topP * total); count++)
    sum += weights[count]!;

  let rest = rng.uniform() * weights.slice(0, count).reduce((a, b) => a + b, 0);
  for (let i = 0; i < count; i++) {
    rest -= weights[i]!;
    if (rest < 0) return kept[i]!;
  }
  return kept[count - 1]!;
}
