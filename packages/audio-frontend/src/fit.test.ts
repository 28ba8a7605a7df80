import { createRng } from '@pengi/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitToLength, scaleToPeak, toMono, trimLeadingSilence } from './fit.js';
import { failure, signal } from './testing/helpers.js';

const counted = (n: number) => signal(n, (i) => i + 1);

describe('toMono', () => {
  const stereo = { channels: [Float32Array.of(1, 2, 3), Float32Array.of(3, 0, -3)] };

  it.each([
    ['mix', [2, 1, 0]],
    ['concatenate', [1, 2, 3, 3, 0, -3]],
    ['left', [1, 2, 3]],
  ] as const)('%s', (policy, expected) => {
    expect([...toMono(stereo, policy)]).toEqual(expected);
  });

  it('mixes by default', () => {
    expect([...toMono(stereo)]).toEqual([2, 1, 0]);
  });

  it('leaves one channel as it is', () => {
    const channel = Float32Array.of(1, 2);
    for (const policy of ['mix', 'concatenate', 'left'] as const)
      expect(toMono({ channels: [channel] }, policy)).toBe(channel);
  });

  it('refuses no channels and channels of different lengths', async () => {
    expect((await failure(() => toMono({ channels: [] }))).code).toBe('E_AUDIO_EMPTY');
    const uneven = { channels: [new Float32Array(2), new Float32Array(3)] };
    expect((await failure(() => toMono(uneven))).code).toBe('E_SHAPE');
  });
});

describe('fitToLength', () => {
  // Cases of g1-fit.json.
  it.each([
    [7, 20, [1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6]],
    [1, 5, [1, 1, 1, 1, 1]],
    [4, 8, [1, 2, 3, 4, 1, 2, 3, 4]],
    [5, 5, [1, 2, 3, 4, 5]],
  ])('loops %i samples to %i', (n, length, expected) => {
    expect([...fitToLength(counted(n), length)]).toEqual(expected);
  });

  it('adds zeros when asked to pad', () => {
    expect([...fitToLength(counted(2), 5, { mode: 'pad' })]).toEqual([1, 2, 0, 0, 0]);
  });

  it.each([
    [2, 5, [1, 2, 1, 2, 0]],
    [3, 9, [1, 2, 3, 1, 2, 3, 1, 2, 3]],
    [4, 7, [1, 2, 3, 4, 0, 0, 0]],
  ])('repeats %i samples as a whole in %i and adds zeros', (n, length, expected) => {
    expect([...fitToLength(counted(n), length, { mode: 'repeat-pad' })]).toEqual(expected);
  });

  it.each([
    ['start', [1, 2, 3]],
    ['centre', [3, 4, 5]],
  ] as const)('takes the %s of a longer clip', (crop, expected) => {
    expect([...fitToLength(counted(8), 3, { crop })]).toEqual(expected);
  });

  it('draws every start of a random window but the last', () => {
    const rng = createRng(1);
    const starts = Array.from(
      { length: 400 },
      () => fitToLength(counted(8), 3, { crop: 'random', rng })[0]! - 1,
    );
    expect(new Set(starts)).toEqual(new Set([0, 1, 2, 3, 4]));
    expect(fitToLength(counted(4), 3, { crop: 'random', rng })[0]).toBe(1);
  });

  it('gives the length asked for, out of the samples given', () => {
    const mode = fc.constantFrom('loop' as const, 'pad' as const, 'repeat-pad' as const);
    const crop = fc.constantFrom('start' as const, 'centre' as const, 'random' as const);
    const size = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(size, size, mode, crop, (n, length, mode, crop) => {
        const fitted = fitToLength(counted(n), length, { mode, crop, rng: createRng(n) });
        expect(fitted.length).toBe(length);
        const kept = fitted.subarray(0, Math.min(n, length));
        expect(kept.every((x, i) => x === kept[0]! + i)).toBe(true);
      }),
      { seed: 9 },
    );
  });

  it('refuses no samples, and a random window without an rng', async () => {
    expect((await failure(() => fitToLength(new Float32Array(0), 3))).code).toBe('E_AUDIO_EMPTY');
    expect((await failure(() => fitToLength(counted(9), 3, { crop: 'random' }))).code).toBe('E_USAGE');
  });
});

describe('trimLeadingSilence', () => {
  it('cuts what is quieter than the threshold below the peak', () => {
    // The peak is 0.8; 20 dB below it is 0.08.
    const samples = Float32Array.of(0, 0.07, -0.09, 0.8, 0);
    expect(trimLeadingSilence(samples, 20)).toEqual(samples.subarray(2));
  });

  it('leaves silence as it is', () => {
    expect(trimLeadingSilence(new Float32Array(4), 20).length).toBe(4);
  });
});

describe('scaleToPeak', () => {
  it('scales the largest magnitude to the peak', () => {
    expect([...scaleToPeak(Float32Array.of(0.25, -0.5), 1)]).toEqual([0.5, -1]);
  });

  it('leaves silence as it is', () => {
    expect([...scaleToPeak(new Float32Array(2), 1)]).toEqual([0, 0]);
  });
});
