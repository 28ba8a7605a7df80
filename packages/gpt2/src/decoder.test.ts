import { createRng, type NdArray } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Choices } from './beam.js';
import { createDecoder, type Decoder } from './decoder.js';
import { type NextToken, randomArray, TINY, tinyParams, uncached } from './testing/tiny.js';

let engine: Engine;
let decoder: Decoder;
let next: NextToken;
const params = tinyParams(11);
beforeAll(async () => {
  engine = await createEngine('jit', { threads: 1 });
  decoder = createDecoder(params, TINY, engine);
  next = uncached(engine, params);
});

const prefixOf = (n: number) => randomArray(createRng(n), [n, TINY.width]);

function expectNear(found: ArrayLike<number>, expected: readonly number[], what = ''): void {
  expect(found.length, what).toBe(expected.length);
  for (const [i, value] of expected.entries()) expect(found[i], `${what} [${i}]`).toBeCloseTo(value, 4);
}

describe('a run', () => {
  it('gives whole distributions however rows branch', async () => {
    const prefixes = [prefixOf(5), prefixOf(9)];
    const run = await decoder.start(prefixes, { rows: 3, maxTokens: 6 });
    for (const [g, prefix] of prefixes.entries())
      expectNear(run.first.logProbs[g]![0]!, await next(prefix, []), `prefix ${g}`);

    const rng = createRng(3);
    let texts: number[][][] = prefixes.map(() => [[], [], []]);
    for (let step = 1; step < 6; step++) {
      const continuations = texts.map((group) =>
        group.map(() => ({ parent: step === 1 ? 0 : rng.int(3), token: rng.int(TINY.vocabularySize) })),
      );
      texts = continuations.map((group, g) =>
        group.map(({ parent, token }) => [...texts[g]![parent]!, token]),
      );
      const { logProbs } = await run.advance(continuations);
      for (const [g, group] of texts.entries())
        for (const [r, ids] of group.entries())
          expectNear(logProbs[g]![r]!, await next(prefixes[g]!, ids), `prefix ${g}, row ${r}, step ${step}`);
    }
  });

  it('divides logits by the temperature', async () => {
    const run = await decoder.start([prefixOf(4)], { rows: 1, maxTokens: 2, temperature: 2.5 });
    expectNear(run.first.logProbs[0]![0]!, await next(prefixOf(4), [], { temperature: 2.5 }));
    const { logProbs } = await run.advance([[{ parent: 0, token: 3 }]]);
    expectNear(logProbs[0]![0]!, await next(prefixOf(4), [3], { temperature: 2.5 }));
  });

  it('of a search tells the most likely tokens of the same distributions', async () => {
    const prefixes = [prefixOf(5), prefixOf(9)];
    const options = { rows: 3, maxTokens: 3 };
    const [all, best] = [await decoder.start(prefixes, options), await decoder.search(prefixes, options)];
    const expectMostLikely = ({ ids, logProbs }: Choices, distribution: Float32Array) => {
      const ranked = Array.from(distribution.keys()).sort((a, b) => distribution[b]! - distribution[a]!);
      expect(Array.from(ids)).toEqual(ranked.slice(0, 3));
      expect(Array.from(logProbs)).toEqual(ranked.slice(0, 3).map((id) => distribution[id]!));
    };
    for (const g of [0, 1]) expectMostLikely(best.first[g]!, all.first.logProbs[g]![0]!);
    const continuations = [0, 1].map((g) => [4, 5, 6].map((token) => ({ parent: 0, token: token + g })));
    const [{ logProbs }, choices] = [await all.advance(continuations), await best.advance(continuations)];
    for (const g of [0, 1]) for (const r of [0, 1, 2]) expectMostLikely(choices[g]![r]!, logProbs[g]![r]!);
  });

  it('does not disturb another one of the same decoder', async () => {
    const [a, b] = await Promise.all(
      [prefixOf(2), prefixOf(3)].map((prefix) => decoder.start([prefix], { rows: 1, maxTokens: 3 })),
    );
    const feed = (run: typeof a, token: number) => run!.advance([[{ parent: 0, token }]]);
    await Promise.all([feed(a, 1), feed(b, 2)]);
    const [ofA, ofB] = await Promise.all([feed(a, 4), feed(b, 5)]);
    expectNear(ofA.logProbs[0]![0]!, await next(prefixOf(2), [1, 4]));
    expectNear(ofB.logProbs[0]![0]!, await next(prefixOf(3), [2, 5]));
  });

  it('refuses more tokens than it was started for', async () => {
    const run = await decoder.start([prefixOf(2)], { rows: 1, maxTokens: 2 });
    await run.advance([[{ parent: 0, token: 1 }]]);
    await expect(run.advance([[{ parent: 0, token: 1 }]])).rejects.toMatchObject({
      code: 'E_USAGE',
      message: 'this run was started for 2 tokens',
    });
  });

  it('needs a prefix', async () => {
    await expect(decoder.start([], { rows: 1, maxTokens: 2 })).rejects.toMatchObject({ code: 'E_USAGE' });
  });
});

describe('scoring', () => {
  const logLikelihood = async (prefix: NdArray, ids: readonly number[]) =>
    Promise.all(ids.map(async (id, t) => (await next(prefix, ids.slice(0, t)))[id]!));

  it.each([
    ['texts of mixed lengths', [[3, 1, 4, 1, 5, 9, 2, 6, 5, 3], [5], [8, 9], [7, 9, 3]]],
    ['a text of one token', [[10]]],
    ['texts among which one is empty', [[], [2, 7], []]],
    [
      'the same text twice',
      [
        [6, 6, 6],
        [6, 6, 6],
      ],
    ],
  ])('gives each token of %s its log-probability without a cache', async (_what, texts) => {
    for (const prefix of [prefixOf(1), prefixOf(8), prefixOf(13)]) {
      const scores = await decoder.score(prefix, texts);
      expect(scores).toHaveLength(texts.length);
      for (const [i, ids] of texts.entries()) expectNear(scores[i]!, await logLikelihood(prefix, ids));
    }
  });

  it('gives the same for many texts, which are scored in several calls', async () => {
    const rng = createRng(8);
    const texts = Array.from({ length: 150 }, () =>
      Array.from({ length: 1 + rng.int(4) }, () => rng.int(TINY.vocabularySize)),
    );
    const scores = await decoder.score(prefixOf(3), texts);
    for (const i of [0, 63, 64, 127, 128, 149])
      expectNear(scores[i]!, await logLikelihood(prefixOf(3), texts[i]!), `text ${i}`);
  });

  it('gives nothing for no texts', async () => {
    expect(await decoder.score(prefixOf(3), [])).toEqual([]);
    expect(await decoder.score(prefixOf(3), [[]])).toEqual([new Float32Array()]);
  });

  it('adds up to 1 over all next tokens', async () => {
    const scores = await decoder.score(
      prefixOf(3),
      Array.from({ length: TINY.vocabularySize }, (_, id) => [5, id]),
    );
    expect(scores.reduce((sum, [, logProb]) => sum + Math.exp(logProb!), 0)).toBeCloseTo(1, 5);
  });

  it('uses every position of the model and refuses one more', async () => {
    const prefix = prefixOf(TINY.positions - 2);
    const [scores] = await decoder.score(prefix, [[1, 2, 3]]);
    expectNear(scores!, await logLikelihood(prefix, [1, 2, 3]));
    await expect(decoder.score(prefix, [[1], [1, 2, 3, 4]])).rejects.toMatchObject({
      code: 'E_SHAPE',
      message: 'a prefix of 38 and 4 tokens exceed 40 positions',
    });
  });

  it.each([11, -1, 1.5, Number.NaN])('refuses the token %d, which no vocabulary of 11 has', async (id) => {
    const error = { code: 'E_TEXT', message: `token ${id} is outside of the vocabulary of 11` };
    await expect(decoder.score(prefixOf(3), [[1], [2, id]])).rejects.toMatchObject(error);
    await expect(decoder.embed([id])).rejects.toMatchObject(error);
  });
});

describe('embedding', () => {
  it('gives the rows of the table', async () => {
    const { shape, data } = await decoder.embed([4, 0, 4]);
    const row = (id: number) => Array.from(params.wte.weight.data.subarray(id * 8, id * 8 + 8));
    expect(shape).toEqual([3, 8]);
    expect(Array.from(data)).toEqual([...row(4), ...row(0), ...row(4)]);
  });

  it('gives no rows for no tokens', async () => {
    expect((await decoder.embed([])).shape).toEqual([0, 8]);
  });
});
