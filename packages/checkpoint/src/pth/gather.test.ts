import fc from 'fast-check';
import { expect, it } from 'vitest';
import { gather, swapBytes } from './gather.js';

it('gives what a loop over all indices gives, however little may be read at once', () => {
  const dims = fc.array(fc.record({ dim: fc.nat(4), step: fc.nat(9) }), { maxLength: 4 });
  fc.assert(
    fc.property(dims, fc.nat(5), fc.constantFrom(1, 2, 4), fc.nat(40), (dims, first, itemBytes, maxSpan) => {
      const shape = dims.map(({ dim }) => dim);
      const stride = dims.map(({ step }) => step * itemBytes);
      const storage = Uint8Array.from({ length: 1000 }, (_, i) => (i * 37) % 251);
      const starts = dims.reduce<number[]>(
        (all, { dim, step }) =>
          all.flatMap((start) => Array.from({ length: dim }, (_, i) => start + i * step * itemBytes)),
        [first * itemBytes],
      );
      const wanted = starts.flatMap((start) => [...storage.subarray(start, start + itemBytes)]);
      let largest = 0;
      const read = (start: number, length: number) => {
        largest = Math.max(largest, length);
        return storage.slice(start, start + length);
      };
      expect([...gather({ start: first * itemBytes, shape, stride, itemBytes }, read, maxSpan)]).toEqual(
        wanted,
      );
      expect(largest).toBeLessThanOrEqual(Math.max(maxSpan, itemBytes));
    }),
    { seed: 11, numRuns: 500 },
  );
});

it('turns the bytes of each number', () => {
  for (const [width, turned] of [
    [1, [1, 2, 3, 4, 5, 6, 7, 8]],
    [2, [2, 1, 4, 3, 6, 5, 8, 7]],
    [4, [4, 3, 2, 1, 8, 7, 6, 5]],
    [8, [8, 7, 6, 5, 4, 3, 2, 1]],
  ] as const) {
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    swapBytes(bytes, width);
    expect([...bytes]).toEqual(turned);
  }
});
