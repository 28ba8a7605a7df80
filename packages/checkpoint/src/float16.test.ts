import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bfloat16ToFloat, floatToBfloat16, floatToHalf, halfToFloat } from './float16.js';

const asFloat = (bits: number) => new Float32Array(Uint32Array.of(bits).buffer)[0] as number;
const asBits = (value: number) => new Uint32Array(Float32Array.of(value).buffer)[0] as number;

describe('F16', () => {
  // IEEE 754 binary16, the examples of the Wikipedia article "Half-precision floating-point format".
  it.each([
    [0x0000, 0],
    [0x0001, 2 ** -24], // the smallest subnormal
    [0x03ff, (1023 / 1024) * 2 ** -14], // the largest subnormal
    [0x0400, 2 ** -14], // the smallest normal number
    [0x3555, 0.333251953125],
    [0x3bff, 0.99951171875],
    [0x3c00, 1],
    [0x3c01, 1.0009765625],
    [0x7bff, 65504], // the largest number
    [0x7c00, Number.POSITIVE_INFINITY],
    [0x8000, -0],
    [0xc000, -2],
    [0xfc00, Number.NEGATIVE_INFINITY],
  ])('%i is %d, both ways', (half, value) => {
    expect(halfToFloat(Uint16Array.of(half))[0]).toBe(value);
    expect(floatToHalf(Float32Array.of(value))[0]).toBe(half);
  });

  it.each([
    [1 + 2 ** -11, 0x3c00, 'a tie, down to even'],
    [1 + 3 * 2 ** -11, 0x3c02, 'a tie, up to even'],
    [1 + 2 ** -11 + 2 ** -23, 0x3c01, 'just above a tie'],
    [2049, 0x6800, 'a tie between integers'],
    [65519.996, 0x7bff, 'just below half way to infinity'],
    [65520, 0x7c00, 'half way to infinity'],
    [-1e30, 0xfc00, 'far beyond'],
    [2 ** -25, 0x0000, 'half of the smallest subnormal: a tie, to 0'],
    [-(2 ** -25) * (1 + 2 ** -23), 0x8001, 'just above it'],
    [3 * 2 ** -25, 0x0002, 'a tie between subnormals, up to even'],
    [5 * 2 ** -25, 0x0002, 'a tie between subnormals, down to even'],
    [2 ** -14 - 2 ** -25, 0x0400, 'a tie between the largest subnormal and the smallest normal'],
    [0.1, 0x2e66, '0.1'],
    [1e-45, 0x0000, 'a subnormal float32'],
  ])('%d becomes %i: %s', (value, half) => {
    expect(floatToHalf(Float32Array.of(value))[0]).toBe(half);
  });

  it('all 65,536 patterns come back as they were; a signalling NaN becomes quiet', () => {
    const all = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
    const back = floatToHalf(halfToFloat(all));
    const isNotANumber = (half: number) => (half & 0x7fff) > 0x7c00;
    expect(back).toEqual(all.map((half) => (isNotANumber(half) ? half | 0x200 : half)));
  });

  it('rounds to the nearest value', () => {
    const values = halfToFloat(Uint16Array.from({ length: 0x7c00 }, (_, i) => i)); // all finite, from 0 upwards
    const inRange = fc.float({ noNaN: true, min: 0, max: 65504 });
    fc.assert(
      fc.property(inRange, (value) => {
        const half = floatToHalf(Float32Array.of(value))[0] as number;
        const distance = (i: number) => Math.abs((values[i] ?? Number.POSITIVE_INFINITY) - value);
        return distance(half) <= distance(half - 1) && distance(half) <= distance(half + 1);
      }),
      { seed: 1, numRuns: 2000 },
    );
  });
});

describe('BF16', () => {
  // The examples of the Wikipedia article "bfloat16 floating-point format".
  it.each([
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -133], // the smallest subnormal
    [0x0080, 2 ** -126], // the smallest normal number
    [0x3eab, 0.333984375],
    [0x3f80, 1],
    [0x4049, 3.140625],
    [0xc000, -2],
    [0x7f7f, (2 ** 8 - 1) * 2 ** -7 * 2 ** 127], // the largest number
    [0x7f80, Number.POSITIVE_INFINITY],
    [0xff80, Number.NEGATIVE_INFINITY],
  ])('%i is %d, both ways', (bf16, value) => {
    expect(bfloat16ToFloat(Uint16Array.of(bf16))[0]).toBe(value);
    expect(floatToBfloat16(Float32Array.of(value))[0]).toBe(bf16);
  });

  it.each([
    [0x3f808000, 0x3f80, 'a tie, down to even'],
    [0x3f818000, 0x3f82, 'a tie, up to even'],
    [0x3f808001, 0x3f81, 'just above a tie'],
    [0x3f807fff, 0x3f80, 'just below a tie'],
    [0xbfff8000, 0xc000, 'a tie that carries into the exponent'],
    [0x7f7fffff, 0x7f80, 'the largest float32 becomes infinity'],
    [0x00008000, 0x0000, 'half of the smallest subnormal'],
    [0x00008001, 0x0001, 'just above it'],
    [0x7f800001, 0x7fc0, 'a NaN whose upper half is that of infinity'],
    [0xffc12345, 0xffc1, 'a NaN with payload'],
  ])('the float32 %i becomes %i: %s', (bits, bf16) => {
    // Through bits: a NaN's payload does not survive being a number.
    expect(floatToBfloat16(new Float32Array(Uint32Array.of(bits).buffer))[0]).toBe(bf16);
  });

  it('is the nearest value, with the even one of a tie', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const down = asBits(value) & 0xffff0000;
        const [low, high] = [asFloat(down), asFloat(down + 0x10000)];
        const [toLow, toHigh] = [Math.abs(value - low), Math.abs(high - value)];
        const wanted = toLow < toHigh || (toLow === toHigh && ((down >>> 16) & 1) === 0) ? low : high;
        const got = bfloat16ToFloat(floatToBfloat16(Float32Array.of(value)))[0];
        return Object.is(got, wanted) || !Number.isFinite(high);
      }),
      { seed: 1, numRuns: 2000 },
    );
  });
});
