import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bicubicMatrix } from './resize.js';

const rowsOf = (inputs: number, outputs: number) => {
  const matrix = bicubicMatrix(inputs, outputs);
  return Array.from({ length: outputs }, (_, r) => Array.from(matrix.subarray(r * inputs, (r + 1) * inputs)));
};

function expectRow(found: readonly number[], expected: readonly number[]): void {
  const difference = Math.max(...expected.map((value, i) => Math.abs(found[i]! - value)));
  if (!(difference < 1e-6)) expect(found).toEqual(expected);
}

const sizes = fc.tuple(fc.integer({ min: 1, max: 120 }), fc.integer({ min: 1, max: 120 }));

describe('the bicubic matrix', () => {
  // Keys' kernel with a = -0.75 by hand: at 1/2 from two samples 19/32 and -3/32; at 1/3 from the nearer one 43/54,
  // 10/27 and -1/9, -1/18.
  it('has the taps of the kernel inside', () => {
    expectRow(rowsOf(4, 10)[4]!, [-1 / 9, 43 / 54, 10 / 27, -1 / 18]);
    expectRow(rowsOf(5, 9)[3]!, [-3 / 32, 19 / 32, 19 / 32, -3 / 32, 0]);
    expectRow(rowsOf(5, 9)[4]!, [0, 0, 1, 0, 0]);
  });

  it('gives the border what falls beyond it', () => {
    expectRow(rowsOf(4, 10)[1]!, [-1 / 9 + 43 / 54, 10 / 27, -1 / 18, 0]);
    expectRow(rowsOf(3, 5)[3]!, [-3 / 32, 19 / 32, 1 / 2]);
    expectRow(rowsOf(2, 3)[1]!, [1 / 2, 1 / 2]);
  });

  it('keeps the first and the last sample in place (aligned corners)', () => {
    fc.assert(
      fc.property(sizes, ([inputs, outputs]) => {
        const rows = rowsOf(inputs, outputs);
        expectRow(
          rows[0]!,
          Array.from({ length: inputs }, (_, i) => Number(i === 0)),
        );
        if (outputs > 1)
          expectRow(
            rows.at(-1)!,
            Array.from({ length: inputs }, (_, i) => Number(i === inputs - 1)),
          );
      }),
      { seed: 1 },
    );
  });

  it('is the identity for equal sizes', () => {
    for (const size of [1, 2, 3, 17, 64])
      for (const [r, row] of rowsOf(size, size).entries())
        expect(row).toEqual(Array.from({ length: size }, (_, i) => Number(i === r)));
  });

  it('repeats a single sample', () => {
    expect(rowsOf(1, 4)).toEqual([[1], [1], [1], [1]]);
  });

  it('has rows that sum to 1 and at most four taps', () => {
    fc.assert(
      fc.property(sizes, ([inputs, outputs]) => {
        for (const row of rowsOf(inputs, outputs)) {
          const taps = row.filter((tap) => tap !== 0);
          expectRow([taps.reduce((a, b) => a + b)], [1]);
          if (taps.length > 4) expect.fail(`${taps.length} taps`);
        }
      }),
      { seed: 2 },
    );
  });

  it('resizes a reversed signal to the reversed result', () => {
    fc.assert(
      fc.property(sizes, ([inputs, outputs]) => {
        if (outputs === 1) return; // the first sample is taken then
        const rows = rowsOf(inputs, outputs);
        for (const [r, row] of rows.entries()) expectRow(rows[outputs - 1 - r]!, row.toReversed());
      }),
      { seed: 3 },
    );
  });
});
