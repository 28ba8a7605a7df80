import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSampler, type SamplerSource } from './sampler.js';
import { failure } from './testing/files.js';

const sources: fc.Arbitrary<SamplerSource> = fc.oneof(
  fc.record({ groups: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 50 }) }),
  fc.record({
    weights: fc
      .array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 50 })
      .filter((weights) => weights.some((weight) => weight > 0)),
  }),
  fc.record({ epochs: fc.integer({ min: 1, max: 50 }) }),
);
const step = fc.nat({ max: 1000 });
const size = fc.integer({ min: 1, max: 40 });

function lengthOf(source: SamplerSource): number {
  if ('epochs' in source) return source.epochs;
  return 'groups' in source ? source.groups.length : source.weights.length;
}

/** How often each of `of` numbers was drawn, in steps of a hundred. */
function shares(source: SamplerSource, of: (index: number) => number, kinds: number): number[] {
  const sampler = createSampler(source, 7);
  const counts = new Array<number>(kinds).fill(0);
  for (let s = 0; s < 400; s++) for (const index of sampler.batch(s, 100)) counts[of(index)]!++;
  return counts.map((count) => count / 40_000);
}

describe('a sampler', () => {
  it('is a function of seed and step alone', () => {
    fc.assert(
      fc.property(sources, fc.nat(), step, step, size, (source, seed, asked, before, n) => {
        const used = createSampler(source, seed);
        used.batch(before, n);
        expect(used.batch(asked, n)).toEqual(createSampler(source, seed).batch(asked, n));
      }),
      { seed: 1 },
    );
  });

  it('draws as many indices as asked, all of them valid', () => {
    fc.assert(
      fc.property(sources, fc.nat(), step, size, (source, seed, asked, n) => {
        const batch = createSampler(source, seed).batch(asked, n);
        expect(batch).toHaveLength(n);
        expect(batch.every((i) => Number.isInteger(i) && i >= 0 && i < lengthOf(source))).toBe(true);
      }),
      { seed: 2 },
    );
  });

  it.each([{ groups: [...'abcdefghij'] }, { weights: Array(10).fill(1) }, { epochs: 100 }])(
    'draws differently at another step and with another seed: %o',
    (source) => {
      const batches = [
        createSampler(source, 1).batch(0, 20),
        createSampler(source, 1).batch(1, 20),
        createSampler(source, 2).batch(0, 20),
      ].map((batch) => batch.join());
      expect(new Set(batches).size).toBe(3);
    },
  );

  it('refuses steps and sizes that are none', async () => {
    const sampler = createSampler({ epochs: 5 }, 1);
    for (const [s, n] of [
      [-1, 4],
      [0.5, 4],
      [0, 0],
      [0, 1.5],
      [Number.NaN, 1],
    ] as const)
      expect(await failure(() => sampler.batch(s, n))).toMatchObject({ code: 'E_USAGE' });
  });

  it.each([
    ['E_DATA', { groups: [] }],
    ['E_DATA', { weights: [] }],
    ['E_DATA', { weights: [0, 0] }],
    ['E_DATA', { epochs: 0 }],
    ['E_USAGE', { weights: [1, -1] }],
    ['E_USAGE', { weights: [1, Number.NaN] }],
    ['E_USAGE', { weights: [Number.POSITIVE_INFINITY] }],
    ['E_USAGE', { groups: ['a'], exponent: Number.NaN }],
    ['E_USAGE', { epochs: -1 }],
    ['E_USAGE', { epochs: 2.5 }],
  ])('is refused with %s for %o', async (code, source) => {
    expect(await failure(() => createSampler(source, 1))).toMatchObject({ code });
  });
});

describe('shares of 40,000 draws (standard error below 0.0025)', () => {
  // Groups of 1, 4 and 16 examples.
  const groups = [...'a', ...'bbbb', ...'cccccccccccccccc'];
  const groupOf = (index: number) => 'abc'.indexOf(groups[index] as string);

  it.each([
    ['the square root of the group size', undefined, [1 / 7, 2 / 7, 4 / 7]],
    ['the group size', 1, [1 / 21, 4 / 21, 16 / 21]],
    ['no size at all', 0, [1 / 3, 1 / 3, 1 / 3]],
  ])('follow %s', (_, exponent, expected) => {
    const found = shares({ groups, ...(exponent === undefined ? {} : { exponent }) }, groupOf, 3);
    found.forEach((share, i) => {
      expect(Math.abs(share - (expected[i] as number))).toBeLessThan(0.01);
    });
  });

  it('are equal within a group', () => {
    const found = shares({ groups }, (index) => index, groups.length).slice(5);
    for (const share of found) expect(Math.abs(share - 4 / 7 / 16)).toBeLessThan(0.005);
  });

  it('follow weights, and are nothing for the weight 0', () => {
    const found = shares({ weights: [1, 0, 3, 0] }, (index) => index, 4);
    expect(Math.abs((found[0] as number) - 0.25)).toBeLessThan(0.01);
    expect([found[1], found[3]]).toEqual([0, 0]);
  });
});

describe('epochs', () => {
  it('hold every example once, also when batches lie across two', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), size, fc.nat(), (count, n, seed) => {
        const sampler = createSampler({ epochs: count }, seed);
        const drawn = Array.from({ length: Math.ceil((3 * count) / n) }, (_, s) =>
          sampler.batch(s, n),
        ).flat();
        for (let epoch = 0; epoch < 3; epoch++) {
          const indices = drawn.slice(epoch * count, (epoch + 1) * count);
          expect(indices.sort((a, b) => a - b)).toEqual([...Array(count).keys()]);
        }
      }),
      { seed: 3 },
    );
  });

  it('have another order each', () => {
    const sampler = createSampler({ epochs: 20 }, 1);
    expect(new Set([0, 1, 2, 3].map((epoch) => sampler.batch(epoch, 20).join())).size).toBe(4);
  });
});
