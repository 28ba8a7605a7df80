import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { powerSpectrogram, stftKernels } from './stft.js';
import { failure, largestDifference, signal } from './testing/helpers.js';

const SMALL = { fftSize: 16, hopLength: 5 };
const noise = (n: number) => signal(n, (i) => Math.sin(i * i * 0.7));

describe('powerSpectrogram', () => {
  it('is a windowed DFT of centred frames with reflected edges', () => {
    const samples = noise(23);
    const { shape, data } = powerSpectrogram(samples, SMALL);
    expect(shape).toEqual([5, 9]);
    expect(largestDifference(data, naiveSpectrogram(samples, 16, 5))).toBeLessThan(1e-5);
  });

  it.each([
    [320, 2],
    [319, 1],
    [308700, 965],
  ])('has floor(n / hop) + 1 frames: %i samples, %i frames', (n, frames) => {
    const settings = { fftSize: 2, hopLength: 320 };
    expect(powerSpectrogram(new Float32Array(n), settings).shape).toEqual([frames, 2]);
  });

  it('needs one sample more than half a window', async () => {
    const settings = { fftSize: 1024, hopLength: 320 };
    for (const n of [0, 1, 512])
      expect((await failure(() => powerSpectrogram(new Float32Array(n), settings))).code).toBe(
        'E_AUDIO_TOO_SHORT',
      );
    expect(powerSpectrogram(new Float32Array(513), settings).shape).toEqual([2, 513]);
  });

  it('grows with the square of the amplitude', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        fc.integer({ min: 9, max: 60 }),
        (gain, n) => {
          const samples = noise(n);
          const quiet = powerSpectrogram(samples, SMALL).data;
          const loud = powerSpectrogram(
            samples.map((x) => x * gain),
            SMALL,
          ).data;
          const scaled = quiet.map((x) => x * gain * gain);
          expect(largestDifference(loud, scaled)).toBeLessThan(1e-5 * Math.max(...scaled));
        },
      ),
      { seed: 2 },
    );
  });

  it("keeps each frame's energy (Parseval)", () => {
    const anySamples = fc.float32Array({ min: -1, max: 1, noNaN: true, minLength: 9, maxLength: 40 });
    fc.assert(
      fc.property(anySamples, (samples) => {
        const { shape, data } = powerSpectrogram(samples, SMALL);
        for (let t = 0; t < shape[0]!; t++) {
          const bins = data.subarray(t * 9, t * 9 + 9);
          // Every bin but the first and the last stands for two.
          const energy = bins.reduce((sum, x, k) => sum + (k === 0 || k === 8 ? x : 2 * x), 0) / 16;
          const frame = windowedFrame(samples, 16, 5, t);
          expect(energy).toBeCloseTo(
            frame.reduce((sum, x) => sum + x * x, 0),
            4,
          );
        }
      }),
      { seed: 3 },
    );
  });

  it('refuses a hop of 0', () => {
    expect(() => powerSpectrogram(new Float32Array(99), { fftSize: 16, hopLength: 0 })).toThrow(/hopLength/);
  });
});

describe('stftKernels', () => {
  it("has torchlibrosa's values", () => {
    // From the manifest of the goldens' tiny HTSAT: sum and first values of stft.conv_real.weight, [129, 1, 256].
    const { real, imag } = stftKernels(256);
    expect(real.shape).toEqual([129, 1, 256]);
    expect(real.data.reduce((sum, x) => sum + x, 0)).toBeCloseTo(63.999999850523054, 8);
    expect(largestDifference(real.data.subarray(0, 4), FIRST_REAL)).toBeLessThan(1e-10);
    expect(imag.data.subarray(0, 256).every((x) => x === 0)).toBe(true);
  });

  it('gives the spectrogram when it is applied as a convolution', () => {
    const samples = noise(16);
    const { real, imag } = stftKernels(16);
    const { data } = powerSpectrogram(samples, { fftSize: 16, hopLength: 8 });
    for (let k = 0; k < 9; k++) {
      // The second of three frames is the samples themselves, without padding.
      const dot = (kernel: Float32Array) => samples.reduce((sum, x, n) => sum + x * kernel[k * 16 + n]!, 0);
      expect(dot(real.data) ** 2 + dot(imag.data) ** 2).toBeCloseTo(data[9 + k]!, 4);
    }
  });

  it('has minus the sine as its imaginary part', () => {
    // Bin 1, a quarter into a window of 16: the window is 1/2 there, the sine 1.
    expect(stftKernels(16).imag.data[16 + 4]).toBeCloseTo(-0.5, 7);
  });
});

const FIRST_REAL = [0.0, 0.00015059065481182188, 0.0006022718735039234, 0.0013547716662287712];

function windowedFrame(samples: Float32Array, size: number, hop: number, t: number): number[] {
  return Array.from({ length: size }, (_, i) => {
    let at = Math.abs(t * hop + i - size / 2);
    if (at >= samples.length) at = 2 * (samples.length - 1) - at;
    return samples[at]! * Math.sin((Math.PI * i) / size) ** 2;
  });
}

function naiveSpectrogram(samples: Float32Array, size: number, hop: number): number[] {
  const frames = Math.floor(samples.length / hop) + 1;
  return Array.from({ length: frames }, (_, t) => {
    const frame = windowedFrame(samples, size, hop, t);
    return Array.from({ length: size / 2 + 1 }, (_, k) => {
      const re = frame.reduce((sum, x, n) => sum + x * Math.cos((2 * Math.PI * k * n) / size), 0);
      const im = frame.reduce((sum, x, n) => sum + x * Math.sin((2 * Math.PI * k * n) / size), 0);
      return re * re + im * im;
    });
  }).flat();
}
