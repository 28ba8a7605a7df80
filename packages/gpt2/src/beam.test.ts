import { createRng } from '@pengi/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BeamOptions, createBeamSearch, type Generation, mostLikely, sampleToken } from './beam.js';

const logs = (probabilities: readonly number[]) => probabilities.map(Math.log);

/** All tokens, the most likely first. */
const choices = (probabilities: readonly number[]) => mostLikely(logs(probabilities), probabilities.length);

/** A whole search with a model that is a function from the tokens so far to log-probabilities. */
function search(options: BeamOptions, logProbs: (ids: readonly number[]) => readonly number[]): Generation[] {
  const choicesAfter = (ids: readonly number[]) => mostLikely(logProbs(ids), options.beams);
  const beams = createBeamSearch(options, choicesAfter([]));
  let rows: number[][] = [[]];
  const follow = () => {
    rows = beams.continuations.map(({ parent, token }) => [...rows[parent]!, token]);
  };
  for (follow(); !beams.done; follow()) beams.advance(rows.map(choicesAfter));
  return beams.results();
}

/** Tokens of the hand-made models. */
const [A, B, STOP] = [0, 1, 2];

describe('beam search', () => {
  it('lets a beam that has stopped keep its tokens and its mean while others go on', () => {
    const found = search({ beams: 2, maxTokens: 4, stopToken: STOP }, (ids) =>
      logs(ids.length === 0 ? [0.3, 0.1, 0.6] : [0.5, 0.3, 0.2]),
    );
    expect(found[0]).toEqual({ ids: [STOP], score: Math.fround(Math.log(0.6)), stopped: true });
    expect(found[1]!.ids).toEqual([A, A, A, A]);
    expect(found[1]!.stopped).toBe(false);
  });

  it('ranks by the mean per token, so that a longer text can win with a smaller sum', () => {
    const found = search({ beams: 2, maxTokens: 3, stopToken: STOP }, (ids) =>
      logs(
        [
          [0.45, 0.05, 0.5],
          [0.05, 0.6, 0.35],
          [0.1, 0.1, 0.8],
        ][ids.length]!,
      ),
    );
    expect(found.map(({ ids }) => ids)).toEqual([[A, B, STOP], [STOP]]);
    expect(found[0]!.score).toBeCloseTo(Math.log(0.45 * 0.6 * 0.8) / 3, 6);
  });

  it('drops a stopped beam that better ones push out', () => {
    const found = search({ beams: 2, maxTokens: 2, stopToken: STOP }, (ids) =>
      logs(ids.length === 0 ? [0.7, 0.1, 0.2] : [0.5, 0.49, 0.01]),
    );
    expect(found.map(({ ids }) => ids)).toEqual([
      [A, A],
      [A, B],
    ]);
  });

  it('is done as soon as all beams have stopped', () => {
    const beams = createBeamSearch({ beams: 2, maxTokens: 9, stopToken: STOP }, choices([0.5, 0.4, 0.1]));
    expect(beams.done).toBe(false);
    beams.advance([choices([0.01, 0.01, 0.98]), choices([0.01, 0.01, 0.98])]);
    expect(beams.done).toBe(true);
    expect(beams.results().map(({ ids, stopped }) => [ids, stopped])).toEqual([
      [[A, STOP], true],
      [[B, STOP], true],
    ]);
  });

  it('is done at once when the only beam starts with the stop token', () => {
    const beams = createBeamSearch({ beams: 1, maxTokens: 9, stopToken: STOP }, choices([0.1, 0.1, 0.8]));
    expect(beams.done).toBe(true);
    expect(beams.results()).toEqual([{ ids: [STOP], score: Math.fround(Math.log(0.8)), stopped: true }]);
  });

  it('gives the first tokens alone when one token is asked for', () => {
    const beams = createBeamSearch({ beams: 3, maxTokens: 1, stopToken: STOP }, choices([0.2, 0.7, 0.1]));
    expect(beams.done).toBe(true);
    expect(beams.results().map(({ ids, stopped }) => [ids, stopped])).toEqual([
      [[B], false],
      [[A], false],
      [[STOP], true],
    ]);
  });

  it('feeds token 0 to beams that have stopped', () => {
    const beams = createBeamSearch({ beams: 2, maxTokens: 9, stopToken: STOP }, choices([0.02, 0.18, 0.8]));
    beams.advance([choices([]), choices([0.05, 0.9, 0.05])]);
    expect(beams.continuations).toEqual([
      { parent: 0, token: 0 },
      { parent: 1, token: B },
    ]);
  });

  it('takes the lower token and the lower row first among equals', () => {
    const same = () => logs([0.25, 0.25, 0.25, 0.25]);
    const found = search({ beams: 3, maxTokens: 2, stopToken: 9 }, same);
    expect(found.map(({ ids }) => ids)).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
    ]);
  });

  it('computes in float32, in which means can be equal that are not', () => {
    const ulp = 2 ** -23;
    const found = search({ beams: 2, maxTokens: 2, stopToken: 9 }, (ids) => {
      if (ids.length === 0) return [-1, -1 - ulp, -50];
      return ids[0] === A ? [-1 - ulp, -50, -50] : [-1 + ulp / 2, -50, -50];
    });
    // Exactly, the second is better by 3e-8; both sums round to -2.
    expect(found).toEqual([
      { ids: [A, A], score: -1, stopped: false },
      { ids: [B, A], score: -1, stopped: false },
    ]);
  });

  it('takes as many beams as tokens in the vocabulary and no more', () => {
    const uniform = () => logs([1 / 3, 1 / 3, 1 / 3]);
    expect(search({ beams: 3, maxTokens: 3, stopToken: 9 }, uniform)).toHaveLength(3);
    expect(() => search({ beams: 4, maxTokens: 3, stopToken: 9 }, uniform)).toThrow(
      expect.objectContaining({ code: 'E_USAGE', message: '4 beams, but the vocabulary has 3 tokens' }),
    );
  });

  it('with one beam takes the most likely token each time', () => {
    const model = (seed: number) => (ids: readonly number[]) => {
      const rng = createRng(seed).fork(ids.join());
      const weights = Array.from({ length: 5 }, () => rng.uniform() + 1e-3);
      const total = weights.reduce((a, b) => a + b);
      return weights.map((weight) => Math.fround(Math.log(weight / total)));
    };
    fc.assert(
      fc.property(fc.nat(1e6), fc.integer({ min: 1, max: 8 }), (seed, maxTokens) => {
        const logProbs = model(seed);
        const expected: number[] = [];
        while (expected.length < maxTokens && expected.at(-1) !== 4)
          expected.push(logProbs(expected).indexOf(Math.max(...logProbs(expected))));
        const [found] = search({ beams: 1, maxTokens, stopToken: 4 }, logProbs);
        expect(found!.ids).toEqual(expected);
      }),
      { seed: 1 },
    );
  });
});

describe('sampling', () => {
  const counts = (probabilities: readonly number[], draws: number, options = {}) => {
    const rng = createRng(7);
    const found = probabilities.map(() => 0);
    for (let i = 0; i < draws; i++) found[sampleToken(logs(probabilities), rng, options)]!++;
    return found;
  };
  /** Pearson's statistic of the counts. */
  const chiSquare = (found: readonly number[], probabilities: readonly number[]) => {
    const draws = found.reduce((a, b) => a + b);
    return found.reduce(
      (sum, n, i) => sum + (n - draws * probabilities[i]!) ** 2 / (draws * probabilities[i]!),
      0,
    );
  };

  it('draws tokens as often as they are probable', () => {
    const probabilities = [0.05, 0.5, 0.125, 0.25, 0.075];
    // 18.5 is exceeded once in a thousand by 4 degrees of freedom.
    expect(chiSquare(counts(probabilities, 20_000), probabilities)).toBeLessThan(18.5);
  });

  it('never draws what is impossible', () => {
    expect(counts([0, 1, 0], 1000)).toEqual([0, 1000, 0]);
  });

  it('keeps the relative frequencies within the top k', () => {
    const found = counts([0.1, 0.4, 0.2, 0.3], 10_000, { topK: 2 });
    expect([found[0], found[2]]).toEqual([0, 0]);
    expect(chiSquare([found[1]!, found[3]!], [4 / 7, 3 / 7])).toBeLessThan(10.8);
  });

  it.each([
    [0.01, [1]],
    [0.39, [1]],
    [0.41, [1, 3]],
    [0.69, [1, 3]],
    [0.71, [1, 2, 3]],
    [0.91, [0, 1, 2, 3]],
    [1, [0, 1, 2, 3]],
  ])('with topP %d draws the fewest most likely tokens that reach it', (topP, nucleus) => {
    const found = counts([0.1, 0.4, 0.2, 0.3], 2000, { topP });
    expect(found.flatMap((n, token) => (n > 0 ? [token] : []))).toEqual(nucleus);
  });

  it('takes the nucleus of what the top k leaves', () => {
    // 0.4 is 57 % of the two that are left.
    expect(counts([0.1, 0.4, 0.2, 0.3], 1000, { topK: 2, topP: 0.5 })).toEqual([0, 1000, 0, 0]);
  });

  it('with topK 1 takes the most likely token, the lower one among equals', () => {
    expect(counts([0.1, 0.4, 0.4, 0.1], 100, { topK: 1 })).toEqual([0, 100, 0, 0]);
  });
});
