import { floats } from '@pengi/core';
import { describe, expect, it } from 'vitest';
import { withBatchNormStatistics } from './statistics.js';
import { encode, numbers, sum } from './testing/run.js';
import { logMels, TINY, tinyParams } from './testing/tiny.js';

const params = tinyParams(1);

describe('statistics for bn0', () => {
  it('standardise each band of the log-mels they were taken from', async () => {
    const x = floats(
      logMels([2, 30, 16]).data.map((value, i) => value * (1 + (i % 16)) - 40 + (i % 3)),
      [2, 30, 16],
    );
    const clips = [x.data.slice(0, 10 * 16), x.data.slice(10 * 16)];
    const identity = { weight: floats(new Float32Array(16).fill(1)), bias: floats(new Float32Array(16)) };
    const fitted = withBatchNormStatistics({ ...params, bn0: { ...params.bn0, ...identity } }, clips);
    const { probes } = await encode(x, { config: TINY, params: fitted as typeof params });
    for (let m = 0; m < 16; m++) {
      const band = numbers(probes.bn0!).filter((_, i) => i % 16 === m);
      expect(sum(band) / 60).toBeCloseTo(0, 4);
      expect(sum(band.map((value) => value ** 2)) / 60).toBeCloseTo(1, 4);
    }
  });

  it('leave everything else as it is', () => {
    const { bn0, ...others } = withBatchNormStatistics(params, [new Float32Array(32).fill(-100)]);
    expect(others).toEqual({ ...params, bn0: undefined });
    expect(bn0.weight).toEqual(params.bn0.weight);
    expect(numbers(bn0.running_mean)).toEqual(Array(16).fill(-100));
    expect(numbers(bn0.running_var)).toEqual(Array(16).fill(0));
  });

  it('need log-mels', () => {
    expect(() => withBatchNormStatistics(params, [])).toThrow(expect.objectContaining({ code: 'E_DATA' }));
  });
});
