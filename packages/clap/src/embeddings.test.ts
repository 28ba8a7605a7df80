import { floats, ints, type NdArray } from '@pengi/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cosines, nearest, normalized } from './embeddings.js';
import { plainCosine } from './testing/plain.js';
import { expectNear, numbers, randomArray, rowsOf } from './testing/tiny.js';

const matrix = (rows: number[][]): NdArray => floats(rows.flat(), [rows.length, rows[0]!.length]);
const component = fc.double({ min: -100, max: 100, noNaN: true });
const embedding = fc
  .array(component, { minLength: 3, maxLength: 3 })
  .filter((row) => Math.hypot(...row) > 0.01);
const embeddings = fc.array(embedding, { minLength: 1, maxLength: 6 });

describe('normalized', () => {
  it('gives rows of length 1 that point the same way, and leaves its argument alone', () => {
    fc.assert(
      fc.property(embeddings, (rows) => {
        const given = matrix(rows);
        const before = numbers(given);
        const found = rowsOf(normalized(given));
        for (const [i, row] of found.entries()) {
          expect(Math.hypot(...row)).toBeCloseTo(1, 6);
          expect(plainCosine(row, rows[i]!)).toBeCloseTo(1, 6);
        }
        expect(numbers(given)).toEqual(before);
      }),
    );
  });

  it('of (3, 4) is (0.6, 0.8)', () => {
    expectNear(
      numbers(
        normalized(
          matrix([
            [3, 4],
            [0, -2],
          ]),
        ),
      ),
      [0.6, 0.8, 0, -1],
      1e-7,
    );
  });

  it.each([
    [[0, 0], 'embedding 2 of 2 has the length 0'],
    [[Number.NaN, 1], 'embedding 2 of 2 has the length NaN'],
    [[Number.POSITIVE_INFINITY, 1], 'embedding 2 of 2 has the length Infinity'],
  ])('refuses %j', (row, message) => {
    expect(() => normalized(matrix([[1, 2], row]))).toThrow(
      expect.objectContaining({ code: 'E_NONFINITE', message }),
    );
  });

  it('takes rows only', () => {
    expect(() => normalized(floats([1, 2]))).toThrow(
      expect.objectContaining({ code: 'E_SHAPE', message: 'embeddings are [N, E], found [2]' }),
    );
  });
});

describe('cosines', () => {
  it('are those of a loop, in the order of the rows', () => {
    const [a, b] = [randomArray(1, [4, 7]), randomArray(2, [3, 7])];
    const found = cosines(a, b);
    expect(found.shape).toEqual([4, 3]);
    expectNear(
      numbers(found),
      rowsOf(a).flatMap((x) => rowsOf(b).map((y) => plainCosine(x, y))),
      1e-6,
    );
  });

  it('may be of nothing', () => {
    expect(cosines(floats([], [0, 3]), matrix([[1, 2, 3]]))).toMatchObject({ shape: [0, 1] });
  });

  it('need embeddings of one width', () => {
    expect(() => cosines(matrix([[1, 2, 3]]), matrix([[1, 2]]))).toThrow(
      expect.objectContaining({
        code: 'E_SHAPE',
        message: 'embeddings of 3 and of 2 channels cannot be compared',
      }),
    );
  });
});

describe('nearest', () => {
  const items = matrix([
    [1, 0],
    [1, 1],
    [0, 2],
    [-1, 0],
  ]);

  it('ranks by cosine, whatever the lengths', () => {
    const [found, other] = nearest(
      matrix([
        [5, 0],
        [0, 0.1],
      ]),
      items,
      3,
    );
    expect(found!.map(({ index }) => index)).toEqual([0, 1, 2]);
    expectNear(
      found!.map(({ cosine }) => cosine),
      [1, Math.SQRT1_2, 0],
      1e-6,
    );
    expect(other!.map(({ index }) => index)).toEqual([2, 1, 0]); // 0 and 3 are equal: the earlier one
  });

  it('finds each item by itself first', () => {
    const random = randomArray(3, [50, 6]);
    const found = nearest(random, random, 2);
    expect(found.map(([first]) => first!.index)).toEqual(found.map((_, i) => i));
    for (const [first, second] of found) {
      expect(first!.cosine).toBeCloseTo(1, 6);
      expect(second!.cosine).toBeLessThan(first!.cosine);
    }
  });

  it('keeps the order of equal items', () => {
    const row = [0.3, -0.7, 0.2];
    const [found] = nearest(matrix([row]), matrix([[1, 1, 1], row, row, [0, 0, 1], row]), 5);
    expect(found!.map(({ index }) => index).slice(0, 3)).toEqual([1, 2, 4]);
  });

  it('agrees with sorting all cosines, for any k', () => {
    fc.assert(
      fc.property(embeddings, embeddings, fc.integer({ min: 1, max: 8 }), (queries, rows, k) => {
        const found = nearest(matrix(queries), matrix(rows), k);
        for (const [q, neighbours] of found.entries()) {
          expect(neighbours).toHaveLength(Math.min(k, rows.length));
          const all = rows.map((row) => plainCosine(queries[q]!, row)).sort((a, b) => b - a);
          expectNear(
            neighbours.map(({ cosine }) => cosine),
            all.slice(0, k),
            1e-5,
          );
          for (const { index, cosine } of neighbours)
            expect(plainCosine(queries[q]!, rows[index]!)).toBeCloseTo(cosine, 5);
        }
      }),
    );
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses a k of %d', (k) => {
    expect(() => nearest(items, items, k)).toThrow(
      expect.objectContaining({
        code: 'E_USAGE',
        message: `k must be a whole number of at least 1, found ${k}`,
      }),
    );
  });

  it('takes rows of numbers only', () => {
    expect(() => nearest(ints([1, 2]), items, 1)).toThrow(expect.objectContaining({ code: 'E_SHAPE' }));
    expect(() => nearest(matrix([[0, 0]]), items, 1)).toThrow(
      expect.objectContaining({ code: 'E_NONFINITE' }),
    );
  });
});
