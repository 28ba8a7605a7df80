import { floats } from '@pengi/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareMelBanks, type MelSettings, melFilterBank, sparseMelBank } from './mel.js';

const RELEASED: MelSettings = { sampleRate: 32000, fftSize: 1024, mels: 64, fMin: 50, fMax: 14000 };

describe('melFilterBank', () => {
  // librosa 0.10.2 through the goldens' melW tensors (g1-frontend, htsat-full).
  it.each([
    [RELEASED, 2, 0, 0.004289089702069759],
    [RELEASED, 3, 0, 0.01501181349158287],
    [RELEASED, 400, 62, 0.001380958710797131],
    [RELEASED, 447, 63, 0.00005588383646681905],
    [{ ...RELEASED, sampleRate: 44100, fMax: 8000 }, 2, 0, 0.017349066212773323],
    [{ ...RELEASED, sampleRate: 44100, fMax: 8000 }, 185, 63, 0.0002475413784850389],
  ])('has the weight of librosa (%o, bin %i, mel %i)', (settings, bin, mel, weight) => {
    expect(melFilterBank(settings).data[bin * 64 + mel]).toBeCloseTo(weight, 9);
  });

  it("covers bins 2 to 447 with the released code's settings", () => {
    const { data, shape } = melFilterBank(RELEASED);
    expect(shape).toEqual([513, 64]);
    const used = data.reduce<Set<number>>(
      (bins, w, i) => (w > 0 ? bins.add(Math.floor(i / 64)) : bins),
      new Set(),
    );
    expect([Math.min(...used), Math.max(...used)]).toEqual([2, 447]);
    expect(data.reduce((sum, w) => sum + w, 0)).toBeCloseTo(2.048126178126495, 7);
  });

  it('has triangles of area 1 where bins are fine', () => {
    const settings = { sampleRate: 8000, fftSize: 8192, mels: 8, fMin: 100, fMax: 3000 };
    const { data } = melFilterBank(settings);
    for (let m = 0; m < 8; m++) {
      const area = data.reduce((sum, w, i) => (i % 8 === m ? sum + w : sum), 0) * (8000 / 8192);
      expect(area).toBeCloseTo(1, 3);
    }
  });

  it('has its corners equally far apart on the linear part of the scale', () => {
    // 0 … 600 Hz is below the bend at 1000 Hz: corners at 0, 200, 400, 600 Hz, peaks of 2 / 400.
    const { data } = melFilterBank({ sampleRate: 1600, fftSize: 16, mels: 2, fMin: 0, fMax: 600 });
    const column = (m: number) => Array.from({ length: 9 }, (_, k) => data[k * 2 + m]! * 400);
    expect(column(0).map((x) => Number(x.toFixed(6)))).toEqual([0, 1, 2, 1, 0, 0, 0, 0, 0]);
    expect(column(1).map((x) => Number(x.toFixed(6)))).toEqual([0, 0, 0, 1, 2, 1, 0, 0, 0]);
  });

  it('is never negative', () => {
    const mels = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(
        mels,
        fc.integer({ min: 0, max: 3000 }),
        fc.integer({ min: 1, max: 5000 }),
        (n, fMin, width) => {
          const bank = melFilterBank({ sampleRate: 16000, fftSize: 256, mels: n, fMin, fMax: fMin + width });
          expect(bank.data.every((weight) => weight >= 0)).toBe(true);
        },
      ),
      { seed: 4 },
    );
  });
});

describe('sparseMelBank', () => {
  it('is the matrix product, whatever the matrix', () => {
    const entry = fc.oneof(fc.constant(0), fc.float({ min: -2, max: 2, noNaN: true }));
    fc.assert(
      fc.property(fc.array(entry, { minLength: 15, maxLength: 15 }), (entries) => {
        const power = Float64Array.of(3, 1, 4, 1, 5);
        const bank = sparseMelBank(floats(entries, [5, 3]));
        const mel = new Float64Array(3);
        bank.apply(power, mel);
        for (let m = 0; m < 3; m++) {
          const product = power.reduce((sum, p, k) => sum + p * Math.fround(entries[k * 3 + m]!), 0);
          expect(mel[m]).toBeCloseTo(product, 9);
        }
      }),
      { seed: 5 },
    );
  });

  it('knows the top bin it needs', () => {
    expect(sparseMelBank(melFilterBank(RELEASED)).topBin).toBe(447);
    expect(sparseMelBank(floats([0, 0, 0, 0], [2, 2])).topBin).toBe(0);
  });
});

describe('compareMelBanks', () => {
  it('is the largest difference', () => {
    expect(compareMelBanks(floats([1, 2, 3]), floats([1, 2.5, 2.75]))).toBe(0.5);
    expect(compareMelBanks(floats([1]), floats([Number.NaN]))).toBeNaN();
  });

  it('tells the two settings of the released files apart', () => {
    const yaml = melFilterBank({ ...RELEASED, sampleRate: 44100, fMax: 8000 });
    expect(compareMelBanks(melFilterBank(RELEASED), yaml)).toBeGreaterThan(1e-3);
  });

  it('refuses banks of different shapes', () => {
    expect(() => compareMelBanks(floats([1, 2], [2, 1]), floats([1, 2], [1, 2]))).toThrow(/shape/);
  });
});
