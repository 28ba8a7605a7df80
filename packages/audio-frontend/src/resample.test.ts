import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resample, resampleKernel } from './resample.js';
import { failure, largestDifference, signal } from './testing/helpers.js';

describe('resampleKernel', () => {
  // torchaudio 2.11.0 through g1-resample: the middle of a row of kernel/48000 and kernel/16000.
  it.each([
    [48000, 147, 146, 160, [-0.00131521281, 0.00983383134, -0.0284962729, 0.0577856824, -0.0983046591]],
    [48000, 147, 0, 7, [0.909562528, 0.0842612535, -0.0676475614, 0.0455935709]],
    [16000, 441, 1, 7, [0.785891473, 0.445580602, -0.149977043, 0.0682100952]],
  ])('has the weights of torchaudio (%i Hz)', (rate, phases, row, column, expected) => {
    const { kernel, width, orig, target } = resampleKernel(rate, 44100);
    expect([kernel.shape, width, orig]).toEqual([[phases, 14 + orig], 7, rate / (44100 / target)]);
    const found = kernel.data.subarray(row * (14 + orig) + column).subarray(0, expected.length);
    // The literals have the nine digits of a float32; without the float32 phase the difference is some 1e-6.
    expect(largestDifference(found, expected)).toBeLessThan(1e-9);
  });

  it('refuses a kernel that would fill the memory', async () => {
    expect((await failure(() => resampleKernel(44101, 44100))).code).toBe('E_USAGE');
  });
});

describe('resample', () => {
  it('has the samples of torchaudio', () => {
    // g1-resample, out/11025: the response to a 1 at 100 of 257 samples.
    const output = resample(
      signal(257, (i) => (i === 100 ? 1 : 0)),
      11025,
      44100,
    );
    expect(output.length).toBe(1028);
    const expected = [0.29563418, 0.625911057, 0.889472663, 0.99000001, 0.889472663, 0.625911057, 0.29563418];
    expect(largestDifference(output.subarray(397, 404), expected)).toBeLessThan(1e-8);
  });

  it('is the dense convolution of the definition, for any rates', () => {
    const rates = fc.integer({ min: 1, max: 60 });
    const anySamples = fc.float32Array({ min: -1, max: 1, noNaN: true, minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(anySamples, rates, rates, (samples, from, to) => {
        expect(largestDifference(resample(samples, from, to), denseResample(samples, from, to))).toBeLessThan(
          2e-6,
        );
      }),
      { seed: 7 },
    );
  });

  it('gives ceil(n * to / from) samples', () => {
    const rate = fc.integer({ min: 100, max: 200_000 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), rate, rate, (n, from, to) => {
        const exact = (BigInt(n) * BigInt(to) + BigInt(from) - 1n) / BigInt(from);
        expect(resample(new Float32Array(n), from, to).length).toBe(Number(exact));
      }),
      { seed: 8, numRuns: 50 },
    );
  });

  it.each([8000, 16000, 22050, 32000, 48000, 96000])(
    'keeps a constant constant away from the ends (%i Hz)',
    (rate) => {
      const output = resample(new Float32Array(rate / 10).fill(0.5), rate, 44100);
      const middle = output.subarray(1000, output.length - 1000);
      // The Hann-windowed sinc of width 6 has a ripple of 0.4 % at most.
      expect(largestDifference(middle, new Float32Array(middle.length).fill(0.5))).toBeLessThan(2e-3);
    },
  );

  it('keeps a tone that both rates can hold', () => {
    const at = (rate: number) => signal(rate / 10, (i) => Math.sin((2 * Math.PI * 440 * i) / rate));
    const output = resample(at(48000), 48000, 44100);
    expect(largestDifference(output.subarray(50, 4300), at(44100).subarray(50, 4300))).toBeLessThan(5e-3);
  });

  it.each([11127, 44101, 99991])(
    'works for %i Hz, which has hardly a factor in common with 44100',
    (rate) => {
      const output = resample(
        signal(300, (i) => Math.sin(i / 20)),
        rate,
        44100,
      );
      const at = Math.floor(output.length / 2);
      expect(output[at]).toBeCloseTo(Math.sin((at * rate) / 44100 / 20), 2);
    },
  );

  it('computes the phases of a kernel that is too large to keep', () => {
    // 44100 phases of 112 taps: over the 2^21 floats that are kept.
    const samples = signal(200, (i) => Math.sin(i * i));
    expect(
      largestDifference(resample(samples, 400009, 44100), denseResample(samples, 400009, 44100)),
    ).toBeLessThan(1e-6);
  });

  it('returns the input for equal rates', () => {
    const samples = new Float32Array(3);
    expect(resample(samples, 44100, 44100)).toBe(samples);
  });

  it.each([0, -1, 44100.5, Number.NaN])('refuses a rate of %d', async (rate) => {
    expect((await failure(() => resample(new Float32Array(3), rate, 44100))).code).toBe('E_USAGE');
  });
});

/** The formulas of torchaudio's `_get_sinc_resample_kernel` and `_apply_sinc_resample_kernel`, without any shortcut. */
function denseResample(samples: Float32Array, from: number, to: number): number[] {
  if (from === to) return [...samples];
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  const [o, n] = [from / gcd(from, to), to / gcd(from, to)];
  const base = 0.99 * Math.min(o, n);
  const width = Math.ceil((6 * o) / base);
  return Array.from({ length: Math.ceil((n * samples.length) / o) }, (_, index) => {
    const [frame, phase] = [Math.floor(index / n), index % n];
    let sum = 0;
    for (let i = 0; i < 2 * width + o; i++) {
      const t = Math.min(6, Math.max(-6, (Math.fround(-phase / n) + (i - width) / o) * base));
      const sinc = t === 0 ? 1 : Math.sin(Math.PI * t) / (Math.PI * t);
      const weight = (sinc * Math.cos((Math.PI * t) / 12) ** 2 * base) / o;
      sum += (samples[frame * o + i - width] ?? 0) * weight;
    }
    return sum;
  });
}
