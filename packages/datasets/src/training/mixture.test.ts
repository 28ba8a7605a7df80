import { createRng } from '@pengi/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { all } from '../testing/clips.js';
import { failure } from '../testing/files.js';
import { listSource } from './list-source.js';
import { createMixture, type MixtureOptions } from './mixture.js';
import { type ExampleSource, withoutExamples } from './source.js';

function source(name: string, length: number): ExampleSource {
  const rows = Array.from({ length }, (_, i) => ({
    id: String(i),
    audio: `/${name}/${i}.wav`,
    prompt: 'p',
    target: `${i}`,
  }));
  return listSource(rows, { name, root: '/' });
}

const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 });
const mixed = (lengths: readonly number[], options: Partial<MixtureOptions> = {}) =>
  createMixture(
    lengths.map((length, i) => source(`s${i}`, length)),
    { seed: 0, ...options },
  );
/** Weights of the sources of `mixed`, in order. */
const weighted = (weights: readonly number[]) =>
  Object.fromEntries(weights.map((weight, i) => [`s${i}`, weight]));

describe('a mixture', () => {
  it('is a function of seed and step, whatever was drawn before', () => {
    const weights = fc.option(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 5, maxLength: 5 }), {
      nil: undefined,
    });
    fc.assert(
      fc.property(
        sizes,
        weights,
        fc.nat(),
        fc.nat({ max: 500 }),
        fc.nat({ max: 500 }),
        fc.integer({ min: 1, max: 20 }),
        (lengths, drawn, seed, step, before, size) => {
          const options = { seed, ...(drawn && { weights: weighted(drawn.slice(0, lengths.length)) }) };
          const used = mixed(lengths, options);
          used.draw(before, size);
          expect(used.draw(step, size)).toEqual(mixed(lengths, options).draw(step, size));
        },
      ),
      { seed: 1, numRuns: 40 },
    );
  });

  it('that is proportional has every example once before any comes again', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), (lengths, seed) => {
        const mixture = mixed(lengths, { seed });
        for (const epoch of [0, 1, 5]) {
          const draws = mixture.draw(epoch, mixture.length).map(({ source, index }) => `${source}/${index}`);
          const every = lengths.flatMap((length, i) => Array.from({ length }, (_, index) => `${i}/${index}`));
          expect(draws.toSorted()).toEqual(every.toSorted());
        }
      }),
      { seed: 2 },
    );
  });

  it('has the shares that it was told, and each source goes through its own epochs', () => {
    const mixture = mixed([7, 1000, 3], { weights: weighted([1, 2.5, 0]) });
    const draws = mixture.draw(0, 70_000);
    const ofFirst = draws.filter(({ source }) => source === 0).map(({ index }) => index);
    expect(ofFirst.length / draws.length).toBeCloseTo(2 / 7, 2);
    expect(draws.some(({ source }) => source === 2)).toBe(false);
    for (let from = 0; from + 7 <= ofFirst.length; from += 7)
      expect(ofFirst.slice(from, from + 7).toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(mixture.shares.map((share) => Math.round(share * 1e4) / 1e4)).toEqual([0.2857, 0.7143, 0]);
  });

  it('gives a rare source its due: a share of one in ten thousand', () => {
    const mixture = mixed([100, 100], { weights: weighted([9999, 1]) });
    const draws = mixture.draw(0, 2 ** 17);
    const rare = draws.filter(({ source }) => source === 1).length;
    expect(rare).toBeGreaterThanOrEqual(12); // 13.1
    expect(rare).toBeLessThanOrEqual(14);
  });

  it('mixes: sources do not come one after the other, and epochs differ', () => {
    const mixture = mixed([50, 50]);
    const first = mixture.draw(0, 20).filter(({ source }) => source === 0).length;
    expect(first).toBeGreaterThan(3);
    expect(first).toBeLessThan(17);
    expect(mixture.draw(0, 100)).not.toEqual(mixture.draw(1, 100));
    expect(mixed([50, 50], { seed: 1 }).draw(0, 100)).not.toEqual(mixture.draw(0, 100));
  });

  it('keeps the order of each source, which may have reasons for it', () => {
    const ordered: ExampleSource = {
      ...source('s0', 40),
      order: () => Uint32Array.from({ length: 40 }, (_, i) => i),
    };
    const draws = createMixture([ordered, source('s1', 25)], { seed: 3 }).draw(0, 65);
    expect(draws.filter((draw) => draw.source === 0).map(({ index }) => index)).toEqual([
      ...Array(40).keys(),
    ]);
  });

  it('has another fingerprint with other examples, shares or seed', () => {
    const prints = [
      mixed([3, 4]),
      mixed([3, 5]),
      mixed([3, 4], { seed: 1 }),
      mixed([3, 4], { weights: weighted([1, 1]) }),
      mixed([3, 4], { weights: weighted([1, 2]) }),
    ].map(({ fingerprint }) => fingerprint);
    expect(new Set(prints).size).toBe(prints.length);
    expect(mixed([3, 4]).fingerprint).toBe(prints[0]);
  });

  it('refuses what makes no sense', async () => {
    const wrong: (() => unknown)[] = [
      () => createMixture([], { seed: 0 }),
      () => createMixture([source('a', 1), source('a', 2)], { seed: 0 }),
      () => mixed([1], { weights: { other: 1 } }),
      () => mixed([1], { weights: { s0: -1 } }),
      () => mixed([1], { weights: { s0: 0 } }),
      () => mixed([1]).draw(-1, 1),
      () => mixed([1]).draw(0, 0.5),
    ];
    for (const work of wrong) expect(await failure(work)).toMatchObject({ code: 'E_USAGE' });
  });
});

describe('a source without some of its examples', () => {
  it('has the others, in their order and in each epoch', async () => {
    const whole = source('a', 9);
    const part = withoutExamples(whole, new Set([0, 4, 8]));
    expect([part.length, (await all(part.entries())).map(({ id }) => id)]).toEqual([
      6,
      ['1', '2', '3', '5', '6', '7'],
    ]);
    expect((await part.read(3)).id).toBe('5');
    const order = [...part.order(createRng(1))];
    expect(order.toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    const kept = [1, 2, 3, 5, 6, 7];
    expect(order.map((i) => kept[i])).toEqual([...whole.order(createRng(1))].filter((i) => kept.includes(i)));
    expect(part.fingerprint).not.toBe(whole.fingerprint);
    expect(await failure(() => withoutExamples(source('a', 1), new Set([0])))).toMatchObject({
      code: 'E_DATA',
    });
  });
});
