import { floats } from '@pengi/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RELEASED_FRONTEND, YAML_FRONTEND } from './config.js';
import { createLogMel } from './log-mel.js';
import { melFilterBank } from './mel.js';
import { powerSpectrogram } from './stft.js';
import { failure, largestDifference, signal, tone } from './testing/helpers.js';

const SMALL = { ...RELEASED_FRONTEND, fftSize: 64, hopLength: 20, mels: 5, melSampleRate: 8000, fMax: 4000 };
/** The goldens' `impulse`: a single 1 at 1777 of 4097 samples. */
const impulse = signal(4097, (i) => (i === 1777 ? 1 : 0));

describe('createLogMel', () => {
  // torchlibrosa 0.1.0 through g1-frontend: logmel/…/impulse, frame 5, mels 0-3 and 60-63.
  it.each([
    [
      RELEASED_FRONTEND,
      [-17.7559738, -17.4430122, -17.6746082, -17.7559738, -17.648119, -17.6453476, -17.6468067, -17.6474037],
    ],
    [
      YAML_FRONTEND,
      [
        -19.0532417, -19.0532417, -19.0532417, -19.0532417, -19.0329342, -19.0488358, -19.0309486,
        -19.0424404,
      ],
    ],
  ])('has the decibels of torchlibrosa (fMax $fMax)', (settings, expected) => {
    const logMel = createLogMel(settings).compute(impulse);
    expect(logMel.length).toBe(13 * 64);
    const frame = logMel.subarray(5 * 64, 6 * 64);
    expect(largestDifference([...frame.subarray(0, 4), ...frame.subarray(60)], expected)).toBeLessThan(1e-4);
  });

  it('is -100 dB for silence', () => {
    expect(new Set(createLogMel(RELEASED_FRONTEND).compute(new Float32Array(3200)))).toEqual(new Set([-100]));
  });

  it('is 10 log10 of power times bank', () => {
    const samples = tone(200, 8000, 0.5, 700);
    const bank = melFilterBank({ sampleRate: 8000, fftSize: 64, mels: 5, fMin: 50, fMax: 4000 });
    const power = powerSpectrogram(samples, SMALL);
    const logMel = createLogMel(SMALL).compute(samples);
    for (let t = 0; t < 11; t++)
      for (let m = 0; m < 5; m++) {
        let sum = 0;
        for (let k = 0; k < 33; k++) sum += power.data[t * 33 + k]! * bank.data[k * 5 + m]!;
        expect(logMel[t * 5 + m]).toBeCloseTo(10 * Math.log10(sum), 4);
      }
  });

  it('gives finite numbers from -100 dB up for any samples', () => {
    const logMel = createLogMel(SMALL);
    const anySamples = fc.float32Array({ min: -32, max: 32, noNaN: true, minLength: 33, maxLength: 200 });
    fc.assert(
      fc.property(anySamples, (samples) => {
        expect(logMel.compute(samples).every((x) => x >= -100 && x < 120)).toBe(true);
      }),
      { seed: 6 },
    );
  });

  it('carries nothing over from a longer clip', () => {
    const used = createLogMel(SMALL);
    used.compute(tone(5000, 8000, 1, 300));
    const clip = tone(200, 8000, 0.5, 700);
    expect(used.compute(clip)).toEqual(createLogMel(SMALL).compute(clip));
  });

  it('raises what lies topDb below the peak of the clip', () => {
    const samples = tone(400, 8000, 0.5, 700);
    const all = createLogMel(SMALL).compute(samples);
    const clamped = createLogMel({ ...SMALL, topDb: 20 }).compute(samples);
    const floor = Math.max(...all) - 20;
    expect(Math.min(...all)).toBeLessThan(floor - 5);
    expect(
      largestDifference(
        clamped,
        all.map((x) => Math.max(x, floor)),
      ),
    ).toBeLessThan(1e-5);
  });

  it("uses a checkpoint's bank as it is", () => {
    const bank = floats(new Float32Array(33 * 5).fill(0.25), [33, 5]);
    const logMel = createLogMel(SMALL, { melBank: bank });
    const samples = tone(200, 8000, 0.5, 700);
    const power = powerSpectrogram(samples, SMALL).data.subarray(0, 33);
    const expected = 10 * Math.log10(power.reduce((sum, x) => sum + x, 0) / 4);
    expect(logMel.compute(samples)[0]).toBeCloseTo(expected, 4);
    expect(logMel.melBank).toBe(bank);
  });

  it('refuses a bank of another size', async () => {
    const melBank = floats(new Float32Array(5 * 33), [5, 33]);
    expect((await failure(() => createLogMel(SMALL, { melBank }))).code).toBe('E_SHAPE');
  });

  it('computes a batch as its clips alone', () => {
    const logMel = createLogMel(SMALL);
    const clips = [tone(200, 8000, 0.5, 700), tone(200, 8000, 0.1, 2000)];
    const batch = logMel.computeBatch(clips);
    expect(batch.shape).toEqual([2, 11, 5]);
    expect(batch.data.subarray(55)).toEqual(logMel.compute(clips[1]!));
  });

  it('refuses a batch of different lengths', async () => {
    const clips = [new Float32Array(200), new Float32Array(201)];
    expect((await failure(() => createLogMel(SMALL).computeBatch(clips))).code).toBe('E_SHAPE');
  });

  it('refuses clips shorter than half a window', async () => {
    expect((await failure(() => createLogMel(SMALL).compute(new Float32Array(32)))).code).toBe(
      'E_AUDIO_TOO_SHORT',
    );
  });
});
