import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng } from '@pengi/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RELEASED_FRONTEND } from './config.js';
import { createFrontend } from './frontend.js';
import { createLogMel } from './log-mel.js';
import { resample } from './resample.js';
import { failure, largestDifference, pcm16, signal, tone, wavOf } from './testing/helpers.js';

const SHORT = { ...RELEASED_FRONTEND, sampleRate: 16000, durationSeconds: 0.1 };
const left = tone(800, 16000, 0.5, 440);
const right = tone(800, 16000, 0.25, 1000);
const stereo = { channels: [left, right], sampleRate: 16000 };
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'audio-frontend-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('createFrontend', () => {
  it('prepares 7 s and 965 frames with the released preset', () => {
    const frontend = createFrontend(RELEASED_FRONTEND);
    const { samples } = frontend.prepare({ samples: tone(1600, 16000, 0.5, 440), sampleRate: 16000 });
    expect(samples.length).toBe(308700);
    expect(frontend.frames).toBe(965);
    expect(
      largestDifference(frontend.logMel(samples), createLogMel(RELEASED_FRONTEND).compute(samples)),
    ).toBe(0);
    expect(frontend.logMelBatch([samples]).shape).toEqual([1, 965, 64]);
  });

  it('mixes, and loops a short clip', () => {
    const { samples } = createFrontend(SHORT).prepare(stereo);
    expect(samples.length).toBe(1600);
    expect(samples[837]).toBeCloseTo((left[37]! + right[37]!) / 2, 6);
  });

  it('resamples each channel before it puts them end to end, as the reference does', () => {
    const frontend = createFrontend({ ...SHORT, sampleRate: 44100, channels: 'concatenate' });
    const { samples } = frontend.prepare(stereo);
    const expected = [...resample(left, 16000, 44100), ...resample(right, 16000, 44100)];
    expect(largestDifference(samples, expected)).toBe(0);
  });

  it('takes the crop and the rng of the call', () => {
    const frontend = createFrontend(SHORT);
    const clip = { samples: signal(4000, (i) => i / 4000), sampleRate: 16000 };
    const first = (crop: 'start' | 'centre') => frontend.prepare(clip, { crop }).samples[0];
    expect([first('start'), first('centre')]).toEqual([0, Math.fround(0.3)]);
    const random = () => frontend.prepare(clip, { crop: 'random', rng: createRng(5) }).samples;
    expect(largestDifference(random(), random())).toBe(0);
  });

  it('trims silence, then scales to the peak, before it fits', () => {
    const config = { ...SHORT, trimSilence: { belowPeakDb: 40 }, peak: 1 } as const;
    const samples = signal(1000, (i) => (i < 300 ? 0.0001 : i === 300 ? 0.5 : -0.25));
    const prepared = createFrontend(config).prepare({ samples, sampleRate: 16000 }).samples;
    expect([prepared[0], prepared[1], prepared[700]]).toEqual([1, -0.5, 1]);
  });

  it('warns when channels cancel each other', () => {
    const inverted = left.map((x) => -x);
    const audio = { channels: [left, inverted], sampleRate: 16000 };
    expect(createFrontend(SHORT).prepare(audio).warnings).toEqual([expect.stringMatching(/cancel/)]);
    expect(createFrontend({ ...SHORT, channels: 'left' }).prepare(audio).warnings).toEqual([]);
    expect(createFrontend(SHORT).prepare(stereo).warnings).toEqual([]);
  });

  it('lets no NaN through', async () => {
    const audio = { samples: Float32Array.of(0, Number.NaN), sampleRate: 16000 };
    expect((await failure(() => createFrontend(SHORT).prepare(audio))).code).toBe('E_AUDIO_NONFINITE');
  });

  it('loads a file', async () => {
    const path = join(folder, 'clip.wav');
    writeFileSync(path, wavOf(pcm16([left])));
    const { samples, warnings } = await createFrontend(SHORT).load(path);
    expect(samples[100]).toBeCloseTo(left[100]!, 4);
    expect(warnings).toEqual([]);
  });

  it('passes on what was read over, and the limits', async () => {
    const path = join(folder, 'cut.wav');
    writeFileSync(path, wavOf(pcm16([left])).subarray(0, 1000));
    const frontend = createFrontend(SHORT);
    expect((await failure(() => frontend.load(path))).code).toBe('E_AUDIO_TRUNCATED');
    expect((await frontend.load(path, { allowDamaged: true })).warnings.length).toBe(1);
    const limited = await failure(() => frontend.load(path, { allowDamaged: true, maxSeconds: 0.01 }));
    expect([limited.code, limited.file]).toEqual(['E_AUDIO_TOO_LONG', path]);
  });

  it('names the file when its samples cannot be used', async () => {
    const path = join(folder, 'long.wav');
    writeFileSync(path, wavOf(pcm16([new Float32Array(4000)])));
    const error = await failure(() => createFrontend({ ...SHORT, crop: 'random' }).load(path));
    expect([error.code, error.file]).toEqual(['E_USAGE', path]);
  });

  it('refuses a config that contradicts itself', () => {
    expect(() => createFrontend({ ...SHORT, mels: 0 })).toThrow(/mels/);
  });
});
