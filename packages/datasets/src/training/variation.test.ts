import { join } from 'node:path';
import { createFrontend } from '@pengi/audio-frontend';
import { createRng } from '@pengi/core';
import { describe, expect, it } from 'vitest';
import { toneSource } from '../testing/clips.js';
import { failure, temporaryFolder, writeTone } from '../testing/files.js';
import { FRONTEND, loading, steps } from '../testing/loading.js';
import { listSource } from './list-source.js';
import { cropped, movedPitch, vary } from './variation.js';

const folder = temporaryFolder();

describe('what is drawn for an example', () => {
  it('crops to the first and the last frame, and no further', () => {
    const logMel = Float32Array.from({ length: 10 }, (_, i) => i);
    const size = { frames: 4, mels: 1, topDb: null };
    expect([...cropped(logMel, size, { crop: 0, gainDb: 0, response: [] })]).toEqual([0, 1, 2, 3]);
    expect([...cropped(logMel, size, { crop: 0.9999, gainDb: 0, response: [] })]).toEqual([6, 7, 8, 9]);
    const rng = createRng(1);
    const firsts = Array.from(
      { length: 700 },
      () => cropped(logMel, size, { crop: rng.uniform(), gainDb: 0, response: [] })[0],
    );
    for (let first = 0; first <= 6; first++)
      expect(firsts.filter((found) => found === first).length).toBeGreaterThan(60);
  });

  it('begins where the recording does as often as wanted', () => {
    const texts = [{ id: 'a', prompt: 'p', target: 't' }];
    const crops = Array.from(
      { length: 400 },
      (_, i) => vary(texts, createRng(0).fork(i), { startShare: 0.3 }).crop,
    );
    expect(Math.abs(crops.filter((crop) => crop === 0).length / 400 - 0.3)).toBeLessThan(0.08);
    expect(crops.some((crop) => crop > 0.9)).toBe(true);
  });

  it('adds a frequency response that is the same in all frames, and keeps the floor below the new peak', () => {
    const logMel = Float32Array.of(-10, -20, -90, -30, -10, -20);
    const size = { frames: 3, mels: 2, topDb: 60 };
    // cos(π (k + 1) (band + 1/2) / 2) of two bands: √½ and -√½, 0 and 0.
    const heard = [...cropped(logMel, size, { crop: 0, gainDb: 0, response: [4, 7] })];
    const tilt = 4 * Math.SQRT1_2;
    const peak = -10 + tilt;
    const expected = [peak, -20 - tilt, peak - 60, -30 - tilt, peak, -20 - tilt];
    for (const [i, value] of heard.entries()) expect(value).toBeCloseTo(expected[i]!, 4);

    const texts = [{ id: 'a', prompt: 'p', target: 't' }];
    const drawn = Array.from(
      { length: 200 },
      (_, i) => vary(texts, createRng(0).fork(i), { equalizerDb: 8 }).response,
    );
    const values = drawn.flat();
    expect([drawn[0]!.length, Math.max(...values) <= 4, Math.min(...values) >= -4]).toEqual([4, true, true]);
    expect(Math.max(...values)).toBeGreaterThan(3.8);
    expect(vary(texts, createRng(0), {}).response).toEqual([]);
  });
});

/** A recording x.wav of two seconds that is silent from a moment on. */
async function toneThenSilence(silentFrom: number) {
  const audio = await writeTone(folder(), 'x.wav', { seconds: 2, silentFrom });
  return listSource([{ id: 'x', prompt: 'p', target: 't', audio }], { name: 's', root: folder() });
}

describe('crops at random', () => {
  it('are those of the recording from a frame on, wherever the rest of the batch is', async () => {
    const source = await toneThenSilence(1.1);
    const frontend = createFrontend({ ...FRONTEND, topDb: null, peak: null });
    const { samples } = await frontend.loadResampled(join(folder(), 'x.wav'));
    const scale = 0.5 / samples.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0);
    const scaled = samples.map((value) => value * scale);
    const starts = new Set<number>();
    const { mels, hopLength } = FRONTEND;
    for (const [example] of await steps([source], { crop: 'random' }, [0, 1, 2, 3, 4, 5, 6, 7], 1)) {
      const inner = (logMel: Float32Array) => logMel.subarray(2 * mels, 30 * mels);
      const close = (start: number) => {
        const cut = frontend.logMel(scaled.slice(start * hopLength, start * hopLength + 2000));
        const floor = Math.max(...example!.logMel) - 80;
        return inner(cut).every(
          (value, i) => Math.abs(Math.max(value, floor) - inner(example!.logMel)[i]!) < 0.01,
        );
      };
      const start = Array.from({ length: 220 }, (_, i) => i).find(close);
      expect(start).toBeDefined();
      starts.add(start!);
    }
    expect(starts.size).toBeGreaterThan(4);
  });

  it('take part up to the seconds allowed', async () => {
    const source = await toneThenSilence(0.5);
    const batches = await steps([source], { crop: 'random', cropSeconds: 0.5 }, [0, 1, 2, 3, 4, 5], 1);
    for (const [example] of batches) expect(Math.max(...example!.logMel)).toBeGreaterThan(-20); // the silence is not heard
  });

  it('are refused where the channels are put end to end', async () => {
    const source = await toneSource(folder(), 1);
    const frontend = { ...FRONTEND, channels: 'concatenate' as const };
    expect(await failure(loading([source], { frontend, crop: 'random' }, async () => 0))).toMatchObject({
      code: 'E_CONFIG',
    });
    expect(
      await failure(loading([source], { frontend: { ...FRONTEND, crop: 'random' } }, async () => 0)),
    ).toMatchObject({
      code: 'E_CONFIG',
    });
  });
});

describe('augmentation', () => {
  it('changes level by the gain and nothing else, and the pitch with its label', async () => {
    const rows = [
      {
        id: 'n',
        prompt: 'p',
        target: 'produced by flute, pitch 60, velocity 75',
        audio: await writeTone(folder(), 'n.wav', { seconds: 0.25 }),
      },
    ];
    const source = listSource(rows, { name: 'notes', root: folder() });
    const [plain] = await loading([source], {}, (loader) => loader.load([{ source: 0, index: 0 }]));
    for (const [louder] of await steps([source], { augment: { gainDb: 6 } }, [0, 1, 2, 3], 1)) {
      const gains = louder!.logMel.map((value, i) => value - plain!.logMel[i]!);
      expect(Math.abs(gains[0]!)).toBeLessThanOrEqual(6);
      expect(Math.max(...gains) - Math.min(...gains)).toBeLessThan(1e-4);
    }
    const bySet = (set: string) => (set === 'notes' ? { speeds: [-2, 3], retarget: movedPitch } : {});
    const moved = (await steps([source], { augment: bySet }, [0, 1, 2, 3, 4, 5, 6, 7], 1)).flat();
    expect(new Set(moved.map(({ target }) => target))).toEqual(
      new Set(['produced by flute, pitch 58, velocity 75', 'produced by flute, pitch 63, velocity 75']),
    );
    expect(new Set(moved.map(({ target, logMel }) => `${target} ${logMel.join()}`)).size).toBe(2);
    expect(await failure(loading([source], { augment: { speeds: [99] } }, async () => 0))).toMatchObject({
      code: 'E_USAGE',
    });
  });
});
