import { fmix32, fnv1a, GOLDEN_STEP } from '@pengi/core';
import { describe, expect, it } from 'vitest';
import { bootstrapInterval, exactInterval, percentileInterval, wilsonInterval } from './index.js';

describe('intervals of a proportion', () => {
  // scipy 1.17.1: binomtest(k, n).proportion_ci(level, 'exact' | 'wilson').
  it.each([
    [0, 10, 0.95, [0, 0.30849710781876294], [0, 0.27753279986288926]],
    [10, 10, 0.95, [0.6915028921812371, 1], [0.7224672001371109, 1]],
    [1, 10, 0.95, [0.0025285785444625728, 0.44501611702819543], [0.017876213095072896, 0.4041500267952385]],
    // Mendel's peas, the example of R's binom.test
    [682, 925, 0.95, [0.707668264079039, 0.7654065582414781], [0.7079959876196205, 0.7646358009714889]],
    [44, 48, 0.99, [0.7601904054994375, 0.9856432570341058], [0.7572679544977817, 0.9748648486830399]],
    [9195, 10000, 0.9, [0.9148838840735397, 0.9239343110195295], [0.9149106172693681, 0.9238624490327313]],
    [
      1,
      1e6,
      0.95,
      [2.5317805139113815e-8, 5.571630655512304e-6],
      [1.765245767453709e-7, 5.664911804311442e-6],
    ],
    // the metric goldens, m7_statistics.json: mean_a and wilson95
    [145, 200, 0.95, [0.6575745813759565, 0.7856225847569053], [0.6593166064233035, 0.7822029967069265]],
  ])('of %d in %d at level %d are scipy’s', (successes, trials, level, exact, wilson) => {
    for (const [interval, [low, high]] of [
      [exactInterval(successes, trials, level), exact],
      [wilsonInterval(successes, trials, level), wilson],
    ] as const) {
      expect(Math.abs(interval.low - (low ?? Number.NaN))).toBeLessThan(1e-12);
      expect(Math.abs(interval.high - (high ?? Number.NaN))).toBeLessThan(1e-12);
      expect(interval.level).toBe(level);
    }
  });

  it('refuse counts and levels that make no sense', () => {
    for (const interval of [exactInterval, wilsonInterval]) {
      expect(() => interval(3, 2)).toThrow('3 successes in 2 trials');
      expect(() => interval(0, 0)).toThrow('0 successes in 0 trials');
      expect(() => interval(0.5, 2)).toThrow('0.5 successes in 2 trials');
      expect(() => interval(1, 2, 95)).toThrow('a confidence level of 95');
    }
  });
});

describe('percentileInterval', () => {
  it('gives the goldens’ interval on the goldens’ resamples', () => {
    // m7_statistics.json: `a`, resampled by row i = floor(200 · u32(salt/stats/boot/i)[j] / 2^32), ci95_percentile_linear
    const a =
      '10101111011111011111101111111100111111111111100111111111110110111001101010111101101111111100001111110110111110110100110010101001111001111010110111101110101101111111011101011101101110100001101011111111';
    const values = [...a].map(Number);
    expect(values).toHaveLength(200);
    const means = Array.from({ length: 1000 }, (_, row) => {
      const start = fnv1a(`pengi-metrics-public-v1/stats/boot/${row}`);
      const drawn = values.map((_, j) =>
        Math.floor((fmix32((start + Math.imul(j, GOLDEN_STEP)) >>> 0) * 200) / 2 ** 32),
      );
      return mean(drawn.map((index) => values[index] ?? Number.NaN));
    });
    expect(mean(means)).toBeCloseTo(0.72421, 12);
    const { low, high } = percentileInterval(means);
    expect(low).toBeCloseTo(0.665, 12);
    expect(high).toBeCloseTo(0.785, 12);
  });

  it('interpolates between neighbours', () => {
    expect(percentileInterval([4, 1, 3, 2], 0.5)).toEqual({ low: 1.75, high: 3.25, level: 0.5 });
  });
});

describe('bootstrapInterval', () => {
  const values = Array.from({ length: 200 }, (_, i) => (i < 145 ? 1 : 0));

  it('comes close to the binomial percentiles for a mean of zeros and ones', () => {
    // scipy 1.17.1: binom.ppf([0.025, 0.975], 200, 0.725) / 200 = [0.66, 0.785]
    const { low, high } = bootstrapInterval(values, mean, { seed: 1, samples: 4000 });
    expect(Math.abs(low - 0.66)).toBeLessThanOrEqual(0.006);
    expect(Math.abs(high - 0.785)).toBeLessThanOrEqual(0.006);
  });

  it('is the same for the same seed and another for another', () => {
    const options = { samples: 200, level: 0.9 };
    const irregular = values.map((value, i) => value + Math.sin(i));
    const first = bootstrapInterval(irregular, mean, { seed: 1, ...options });
    expect(bootstrapInterval(irregular, mean, { seed: 1, ...options })).toEqual(first);
    expect(bootstrapInterval(irregular, mean, { seed: 2, ...options })).not.toEqual(first);
  });

  it('draws whole entries, so that what was measured together stays together', () => {
    const pairs = [
      [1, 1],
      [0, 0],
      [1, 1],
    ] as const;
    const difference = (sample: readonly (readonly [number, number])[]) =>
      mean(sample.map(([a, b]) => a - b));
    expect(bootstrapInterval(pairs, difference, { seed: 1, samples: 50 })).toMatchObject({ low: 0, high: 0 });
  });

  it('refuses no values and no samples', () => {
    expect(() => bootstrapInterval([], mean, { seed: 1 })).toThrow('no values');
    expect(() => bootstrapInterval([1], mean, { seed: 1, samples: 0 })).toThrow('0 bootstrap samples');
  });
});

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
