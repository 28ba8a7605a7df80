import { createRng, floats, type NdArray } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Generation } from './beam.js';
import type { GenerateOptions, TextSoFar } from './generate.js';
import { createGpt2, type Gpt2 } from './load.js';
import { naiveBeams } from './testing/naive.js';
import { type NextToken, randomArray, TINY, tinyParams, uncached } from './testing/tiny.js';

const MODELS = 3;

let engine: Engine;
let models: { gpt2: Gpt2; next: NextToken }[];
beforeAll(async () => {
  engine = await createEngine('jit', { threads: 1 });
  models = Array.from({ length: MODELS }, (_, seed) => {
    const params = tinyParams(seed);
    return { gpt2: createGpt2(params, TINY, engine), next: uncached(engine, params) };
  });
});

const prefixOf = (n: number, seed = 1) => randomArray(createRng(seed).fork(n), [n, TINY.width]);

/** Same tokens, and scores up to rounding. */
function expectSame(found: readonly Generation[], expected: readonly Generation[], what: string): void {
  expect(
    found.map(({ ids, stopped }) => ({ ids, stopped })),
    what,
  ).toEqual(expected.map(({ ids, stopped }) => ({ ids, stopped })));
  for (const [i, { score }] of expected.entries()) expect(found[i]!.score, what).toBeCloseTo(score, 4);
}

describe('cached decoding of several prefixes together', () => {
  it('gives the texts of searches without cache and batch, in 240 random cases', async () => {
    let [compared, decidedByRounding, stopped, unstopped] = [0, 0, 0, 0];
    for (let number = 0; number < 240; number++) {
      const rng = createRng(2024).fork(number);
      const { gpt2, next } = models[rng.int(MODELS)]!;
      const settings = {
        beams: 1 + rng.int(5),
        maxTokens: 1 + rng.int(7),
        temperature: [1, 1, 0.5, 2, 0, -3][rng.int(6)]!,
        stopToken: rng.int(TINY.vocabularySize),
      };
      const prefixes = Array.from({ length: 1 + rng.int(3) }, () =>
        randomArray(rng, [1 + rng.int(12), TINY.width]),
      );
      const found = await gpt2.generate(prefixes, settings);
      expect(found).toHaveLength(prefixes.length);
      for (const [g, prefix] of prefixes.entries()) {
        const { texts, margin } = await naiveBeams(next, prefix, settings);
        if (margin < 1e-5) {
          decidedByRounding++;
          continue;
        }
        expectSame(found[g]!, texts, `case ${number}, prefix ${g}: ${JSON.stringify(settings)}`);
        compared++;
        for (const text of texts) text.stopped ? stopped++ : unstopped++;
      }
    }
    expect(compared).toBeGreaterThan(400);
    expect(decidedByRounding).toBeLessThan(10);
    expect(Math.min(stopped, unstopped)).toBeGreaterThan(150);
  }, 240_000); // half a minute of one core

  it.each(['beam', 'greedy', 'sample'] as const)(
    'gives each prefix what it gets alone (%s)',
    async (strategy) => {
      const { gpt2 } = models[0]!;
      const prefixes = [3, 9, 1, 8].map((n) => prefixOf(n));
      const options: GenerateOptions = { strategy, beams: 3, maxTokens: 8, stopToken: 4, seed: 5 };
      const together = await gpt2.generate(prefixes, options);
      for (const [g, prefix] of prefixes.entries()) {
        const [alone] = await gpt2.generate([prefix], options);
        expectSame(together[g]!, alone!, `prefix ${g}`);
      }
    },
  );

  it('goes on with some prefixes while others have stopped at once', async () => {
    const { gpt2, next } = models[1]!;
    const prefixes = [prefixOf(4), prefixOf(7)];
    const [stopToken, other] = await Promise.all(prefixes.map((prefix) => mostLikely(next, prefix)));
    expect(other).not.toBe(stopToken);
    const found = await gpt2.generate(prefixes, { strategy: 'greedy', maxTokens: 5, stopToken: stopToken! });
    expect(found[0]![0]!.ids).toEqual([stopToken]);
    expect(found[1]![0]!.ids.length).toBeGreaterThan(1);
  });

  it('searches with as many beams as there are tokens', async () => {
    const { gpt2, next } = models[2]!;
    const settings = { beams: TINY.vocabularySize, maxTokens: 3, temperature: 1, stopToken: 2 };
    const [found] = await gpt2.generate([prefixOf(6)], settings);
    const { texts, margin } = await naiveBeams(next, prefixOf(6), settings);
    expect(margin).toBeGreaterThan(1e-5);
    expectSame(found!, texts, 'all tokens');
  });

  it('takes a temperature of 0 or below for 1', async () => {
    const { gpt2 } = models[0]!;
    const texts = (temperature: number) =>
      gpt2.generate([prefixOf(5)], { temperature, maxTokens: 6, stopToken: 1 });
    expect(await texts(0)).toEqual(await texts(1));
    expect(await texts(-2)).toEqual(await texts(1));
    expect(await texts(2)).not.toEqual(await texts(1));
  });
});

describe('texts as they grow', () => {
  it.each(['beam', 'greedy', 'sample'] as const)('are told until each is done (%s)', async (strategy) => {
    const { gpt2, next } = models[1]!;
    const prefixes = [4, 7, 2].map((n) => prefixOf(n));
    const stopToken = await mostLikely(next, prefixes[0]!);
    const told: TextSoFar[] = [];
    const options = { strategy, beams: strategy === 'beam' ? 2 : 1, maxTokens: 6, stopToken, seed: 2 };
    const found = await gpt2.generate(prefixes, { ...options, onText: (text) => told.push(text) });
    for (const prefix of prefixes.keys()) {
      const own = told.filter((text) => text.prefix === prefix);
      expect(own.map(({ done }) => done)).toEqual(own.map((_, i) => i === own.length - 1));
      expect(own.at(-1)!.ids).toEqual(found[prefix]![0]!.ids);
      // Without beams to choose from, each text goes on from the one before.
      if (strategy !== 'beam')
        for (const [i, { ids }] of own.entries()) expect(ids).toEqual(own.at(-1)!.ids.slice(0, i + 1));
      if (strategy !== 'beam') expect(own).toHaveLength(found[prefix]![0]!.ids.length);
    }
    expect(await gpt2.generate(prefixes, options)).toEqual(found);
  });

  it('are done where they end, while others go on', async () => {
    const { gpt2, next } = models[1]!;
    const prefixes = [prefixOf(4), prefixOf(7)];
    const stopToken = await mostLikely(next, prefixes[0]!);
    const told: string[] = [];
    const onText = ({ prefix, done }: TextSoFar) => void told.push(`${prefix}${done ? ' done' : ''}`);
    await gpt2.generate(prefixes, { strategy: 'greedy', maxTokens: 3, stopToken, onText });
    expect(told).toEqual(['0 done', '1', '1', '1 done']);
  });

  it('end the decoding where their listener throws', async () => {
    let told = 0;
    const onText = () => {
      if (++told === 3) throw new Error('enough');
    };
    const { gpt2 } = models[1]!;
    await expect(gpt2.generate([prefixOf(4)], { maxTokens: 9, stopToken: 99, onText })).rejects.toThrow(
      'enough',
    );
    expect(told).toBe(3);
  });
});

describe('greedy decoding', () => {
  it('is beam search with one beam, whatever number of beams is given', async () => {
    const { gpt2 } = models[1]!;
    const options = { maxTokens: 9, stopToken: 3 };
    const greedy = await gpt2.generate([prefixOf(2)], { ...options, strategy: 'greedy', beams: 4 });
    expect(greedy).toEqual(await gpt2.generate([prefixOf(2)], { ...options, beams: 1 }));
  });

  it('is sampling from the single most likely token', async () => {
    const { gpt2 } = models[1]!;
    const options = { maxTokens: 9, stopToken: 3 };
    const [greedy] = await gpt2.generate([prefixOf(2)], { ...options, strategy: 'greedy' });
    const [drawn] = await gpt2.generate([prefixOf(2)], { ...options, strategy: 'sample', topK: 1 });
    expectSame(drawn!, greedy!, 'topK 1');
  });

  it('reports the mean log-probability that scoring finds for its text', async () => {
    for (const [m, { gpt2 }] of models.entries()) {
      const prefix = prefixOf(7, m);
      const [found] = await gpt2.generate([prefix], { strategy: 'greedy', maxTokens: 10, stopToken: 0 });
      const [logProbs] = await gpt2.score(prefix, [found![0]!.ids]);
      expect(found![0]!.score).toBeCloseTo(mean(logProbs!), 5);
    }
  });
});

describe('sampling', () => {
  it('draws from the distribution of the model at the given temperature', async () => {
    const { gpt2, next } = models[0]!;
    const prefix = prefixOf(3);
    const draws = 4000;
    const [texts] = await gpt2.generate([prefix], {
      strategy: 'sample',
      beams: draws,
      maxTokens: 1,
      temperature: 3,
      stopToken: 0,
    });
    const expected = (await next(prefix, [], { temperature: 3 })).map((logProb) => draws * Math.exp(logProb));
    expect(Math.min(...expected)).toBeGreaterThan(5);
    const chiSquare = expected.reduce((sum, n, token) => {
      const found = texts!.filter(({ ids }) => ids[0] === token).length;
      return sum + (found - n) ** 2 / n;
    }, 0);
    expect(chiSquare).toBeLessThan(29.6); // once in a thousand, 10 degrees of freedom
  });

  it('gives the same texts for the same seed and others for another', async () => {
    const { gpt2 } = models[2]!;
    const draw = (seed?: number) =>
      gpt2.generate([prefixOf(4)], {
        strategy: 'sample',
        beams: 3,
        maxTokens: 10,
        stopToken: 99,
        ...(seed === undefined ? {} : { seed }),
      });
    expect(await draw(1)).toEqual(await draw(1));
    expect(await draw(1)).not.toEqual(await draw(2));
    expect(await draw()).toEqual(await draw(0));
    const [texts] = await draw(1);
    expect(new Set(texts!.map(({ ids }) => ids.join())).size).toBe(3);
  });

  it('ends each text at the stop token and sorts texts by the mean log-probability that scoring finds', async () => {
    const { gpt2, next } = models[0]!;
    const prefix = prefixOf(5);
    const stopToken = await mostLikely(next, prefix);
    const [texts] = await gpt2.generate([prefix], {
      strategy: 'sample',
      beams: 12,
      maxTokens: 7,
      stopToken,
      temperature: 1,
      topK: 8,
      topP: 0.95,
      seed: 3,
    });
    const scored = await gpt2.score(
      prefix,
      texts!.map(({ ids }) => ids),
    );
    for (const [i, { ids, score, stopped }] of texts!.entries()) {
      expect(score).toBeCloseTo(mean(scored[i]!), 5);
      expect(ids.indexOf(stopToken)).toBe(stopped ? ids.length - 1 : -1);
      expect(ids.length === 7 || stopped).toBe(true);
    }
    expect(new Set(texts!.map(({ ids }) => ids.length)).size).toBeGreaterThan(1);
    const scores = texts!.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
  });

  it('draws one text where no number is given', async () => {
    const options: GenerateOptions = { strategy: 'sample', maxTokens: 2, stopToken: 0 };
    expect((await models[0]!.gpt2.generate([prefixOf(1)], options))[0]).toHaveLength(1);
  });
});

describe('options and prefixes', () => {
  it('gives nothing for no prefixes', async () => {
    expect(await models[0]!.gpt2.generate([], { stopToken: 0 })).toEqual([]);
  });

  it.each([
    [{ maxTokens: 0 }, 'maxTokens must be a whole number of at least 1, found 0'],
    [{ maxTokens: 2.5 }, 'maxTokens must be a whole number of at least 1, found 2.5'],
    [{ beams: 0 }, 'beams must be a whole number of at least 1, found 0'],
    [{ topK: 0 }, 'topK must be a whole number of at least 1, found 0'],
    [{ topP: 0 }, 'topP must be above 0 and at most 1, found 0'],
    [{ topP: 1.1 }, 'topP must be above 0 and at most 1, found 1.1'],
    [{ temperature: Number.NaN }, 'temperature is no number'],
    [{ beams: 12 }, '12 beams, but the vocabulary has 11 tokens'],
  ])('refuses %o', async (options, message) => {
    await expect(
      models[0]!.gpt2.generate([prefixOf(2)], { stopToken: 0, maxTokens: 3, ...options }),
    ).rejects.toMatchObject({ code: 'E_USAGE', message });
  });

  it.each<[string, NdArray, string]>([
    ['of another width', floats(new Float32Array(6), [2, 3]), '[2, 3]'],
    ['that is empty', floats([], [0, 8]), '[0, 8]'],
    ['of rank 3', floats(new Float32Array(16), [1, 2, 8]), '[1, 2, 8]'],
  ])('refuses a prefix %s', async (_what, prefix, found) => {
    await expect(
      models[0]!.gpt2.generate([prefixOf(2), prefix], { maxTokens: 3, stopToken: 0 }),
    ).rejects.toMatchObject({
      code: 'E_SHAPE',
      message: `a prefix is [n, 8] with n >= 1, found ${found}`,
    });
  });

  it('uses every position of the model and refuses one more', async () => {
    const { gpt2, next } = models[0]!;
    const settings = { beams: 2, maxTokens: 4, temperature: 1, stopToken: 99 };
    const full = prefixOf(TINY.positions - 3);
    const [found] = await gpt2.generate([full], settings);
    expectSame(found!, (await naiveBeams(next, full, settings)).texts, 'to the last position');
    await expect(gpt2.generate([full], { ...settings, maxTokens: 5 })).rejects.toMatchObject({
      code: 'E_SHAPE',
      message: 'a prefix of 37 and 5 tokens exceed 40 positions',
      hint: 'shorten the prefix or the text',
    });
    expect(await gpt2.generate([prefixOf(TINY.positions)], { maxTokens: 1, stopToken: 0 })).toHaveLength(1);
  });
});

async function mostLikely(next: NextToken, prefix: NdArray): Promise<number> {
  const logProbs = await next(prefix, []);
  return logProbs.indexOf(Math.max(...logProbs));
}

function mean(values: Float32Array): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
