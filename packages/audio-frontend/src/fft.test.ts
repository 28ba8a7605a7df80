import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRealFft, isPowerOfTwo } from './fft.js';

describe('createRealFft', () => {
  it.each([2, 4, 8, 16, 32, 64, 256, 1024])('gives the power of a naive DFT of %i samples', (size) => {
    const frame = Float64Array.from({ length: size }, (_, i) => Math.sin(i * i) + 0.3);
    const power = spectrum(frame, size / 2);
    const naive = naivePower(frame);
    const scale = Math.max(...naive);
    naive.forEach((expected, k) => {
      expect(Math.abs(power[k]! - expected) / scale).toBeLessThan(1e-13);
    });
  });

  it('agrees with a naive DFT for any frame', () => {
    const frames = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(frames, (frame) => {
        const power = spectrum(Float64Array.from(frame), 16);
        naivePower(Float64Array.from(frame)).forEach((expected, k) => {
          expect(power[k]).toBeCloseTo(expected, 10);
        });
      }),
      { seed: 1 },
    );
  });

  it('leaves bins above the top one alone', () => {
    const fft = createRealFft(16);
    fft.even.fill(1);
    fft.odd.fill(-1);
    const power = new Float64Array(9).fill(-7);
    fft.power(power, 5);
    expect([...power.subarray(6)]).toEqual([-7, -7, -7]);
    expect(power[0]).toBe(0);
  });

  it.each([0, 1, 3, 12, 1000, 2.5])('refuses a size of %d', (size) => {
    expect(() => createRealFft(size)).toThrow(/power of two/);
  });
});

it('isPowerOfTwo knows powers from their neighbours', () => {
  expect([1, 2, 1024, 2 ** 40].every(isPowerOfTwo)).toBe(true);
  expect([0, -2, 3, 1023, 1025, Number.NaN, 0.5].some(isPowerOfTwo)).toBe(false);
});

function spectrum(frame: Float64Array, topBin: number): Float64Array {
  const fft = createRealFft(frame.length);
  for (let i = 0; i < frame.length / 2; i++) {
    fft.even[i] = frame[2 * i]!;
    fft.odd[i] = frame[2 * i + 1]!;
  }
  const power = new Float64Array(frame.length / 2 + 1);
  fft.power(power, topBin);
  return power;
}

function naivePower(frame: Float64Array): number[] {
  return Array.from({ length: frame.length / 2 + 1 }, (_, k) => {
    let [re, im] = [0, 0];
    frame.forEach((x, n) => {
      const angle = (2 * Math.PI * ((k * n) % frame.length)) / frame.length;
      re += x * Math.cos(angle);
      im -= x * Math.sin(angle);
    });
    return re * re + im * im;
  });
}
