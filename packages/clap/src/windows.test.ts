import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeWav } from '@pengi/audio-frontend';
import { flatten, floats, type NdArray } from '@pengi/core';
import { createHtsat } from '@pengi/htsat';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clap, createClap } from './clap.js';
import type { ClapConfig } from './config.js';
import { plainProjection } from './testing/plain.js';
import { expectNear, numbers, randomArray, rowsOf, TINY, testEngine, tinyParams } from './testing/tiny.js';
import { pooled } from './windows.js';

/** 1.1 s: five windows of 0.2 s and half of one. */
const long = { samples: Float32Array.from(randomArray(3, [8800], 0.1).data), sampleRate: 8000 };
const piece = (start: number, end: number) => ({
  samples: long.samples.slice(Math.round(start * 8000), Math.round(end * 8000)),
  sampleRate: 8000,
});

let clap: Clap;
beforeAll(async () => {
  clap = createClap(tinyParams(1), TINY, { engine: await testEngine() });
});
afterAll(() => clap.dispose());

describe('embedWindows', () => {
  it('embeds each window as if it were a recording of its own', async () => {
    const { embeddings, times } = await clap.embedWindows(long);
    expect(times).toEqual([
      { start: 0, end: 0.2 },
      { start: 0.2, end: 0.4 },
      { start: 0.4, end: 0.6 },
      { start: 0.6, end: 0.8 },
      { start: 0.8, end: 1 },
      { start: 0.9, end: 1.1 },
    ]);
    const alone = await clap.embedAudio(times.map(({ start, end }) => piece(start, end)));
    expectNear(numbers(embeddings), numbers(alone), 1e-6);
  });

  it('takes a hop, a length and what to do with the rest', async () => {
    const { embeddings, times } = await clap.embedWindows(long, {
      seconds: 0.15,
      hopSeconds: 0.1,
      tail: 'rest',
      normalize: false,
    });
    expect(times).toHaveLength(11); // more than a batch
    expect(times.at(-1)).toEqual({ start: 1, end: 1.1 });
    const alone = await clap.embedAudio(
      times.map(({ start, end }) => piece(start, end)),
      { normalize: false },
    );
    expectNear(numbers(embeddings), numbers(alone), 1e-5);
  });

  it('gives one window of what is shorter, with its own end', async () => {
    const { embeddings, times } = await clap.embedWindows(piece(0, 0.13));
    expect(times).toEqual([{ start: 0, end: 0.13 }]);
    expectNear(numbers(embeddings), numbers(await clap.embedAudio([piece(0, 0.13)])), 1e-6);
  });

  it('reads files, with warnings and limits', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'clap-windows-'));
    const path = join(dir, 'long.wav');
    await writeFile(path, encodeWav({ channels: [long.samples], sampleRate: 8000 }).subarray(0, 20000));
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    const { times } = await clap.embedWindows(path, { allowDamaged: true, warn });
    expect(times.length).toBe(4);
    expect(warnings).toEqual([expect.stringContaining('long.wav: ')]);
    await expect(clap.embedWindows(path, { allowDamaged: true, maxSeconds: 0.5 })).rejects.toMatchObject({
      code: 'E_AUDIO_TOO_LONG',
    });
    await rm(dir, { recursive: true });
  });
});

describe('a front end of more frames than HTSAT’s image', () => {
  it('gets the mean latent of HTSAT’s own crops: 689 frames, one every 344', async () => {
    const audio = { ...TINY.audio, specSize: 256, mels: 64, patchSize: 16 };
    const wide: ClapConfig = {
      ...TINY,
      frontend: { ...TINY.frontend, mels: 64, durationSeconds: 11.2 }, // 1121 frames
      audio,
    };
    const params = tinyParams(5, wide);
    const engine = await testEngine();
    const whole = createClap(params, wide, { engine });
    const sound = { samples: Float32Array.from(randomArray(9, [90000], 0.1).data), sampleRate: 8000 };
    const found = await whole.embedAudio([sound], { normalize: false });
    await whole.dispose();

    const { samples } = whole.frontend.prepare(sound);
    const logMel = whole.frontend.logMel(samples);
    expect(logMel.length).toBe(1121 * 64);
    const crops = [0, 344].flatMap((start) => [...logMel.subarray(start * 64, (start + 689) * 64)]);
    const htsat = createHtsat(params.audio_encoder.base.htsat, audio, engine);
    const [one, two] = rowsOf((await htsat.encode(floats(crops, [2, 689, 64]))).latent);
    await htsat.dispose();
    const latent = one!.map((x, c) => (x + two![c]!) / 2);
    const named = flatten<NdArray>(params as never);
    expectNear(numbers(found), plainProjection(named, 'audio_encoder.projection', latent));
  });
});

describe('pooling', () => {
  it.each(['mean', 'max'] as const)(
    'gives the %s of the windows, before they are normalised',
    async (pool) => {
      const found = await clap.embedAudio([long, piece(0, 0.2)], { pool, hopSeconds: 0.1, normalize: false });
      const { embeddings } = await clap.embedWindows(long, { hopSeconds: 0.1, normalize: false });
      const rows = rowsOf(embeddings);
      expect(rows).toHaveLength(10);
      const expected = rows[0]!.map((_, e) => {
        const column = rows.map((row) => row[e]!);
        return pool === 'max' ? Math.max(...column) : column.reduce((a, b) => a + b) / column.length;
      });
      expectNear(rowsOf(found)[0]!, expected, 1e-5);
      const short = await clap.embedAudio([piece(0, 0.2)], { normalize: false });
      expectNear(rowsOf(found)[1]!, numbers(short), 1e-6);
      const unit = await clap.embedAudio([long], { pool });
      expect(Math.hypot(...numbers(unit))).toBeCloseTo(1, 6);
    },
  );

  it('is off unless asked for: the first window counts', async () => {
    expectNear(numbers(await clap.embedAudio([long])), numbers(await clap.embedAudio([piece(0, 0.2)])), 1e-6);
  });

  it('refuses what is no pooling', () => {
    expect(() => pooled(floats([1, 2], [1, 2]), 'median' as never)).toThrow(
      expect.objectContaining({ code: 'E_USAGE' }),
    );
    expect(() => pooled(floats([], [0, 2]), 'mean')).toThrow(expect.objectContaining({ code: 'E_SHAPE' }));
  });
});
