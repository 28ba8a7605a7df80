import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFrontend } from '@pengi/audio-frontend';
import { saveModelFolder } from '@pengi/checkpoint';
import type { NdArray } from '@pengi/core';
import { type HtsatParams, htsatMoments } from '@pengi/htsat';
import type { Tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClapConfig } from './config.js';
import { getSceneEmbeddings, getTimestampEmbeddings, type HearModel, loadModel } from './hear.js';
import { loadClap } from './load.js';
import { excerpt, momentGrid } from './moment-grid.js';
import { TINY_TRANSFORMERS, tinyTransformersParams } from './testing/families.js';
import { expectNear, numbers, randomArray, rowsOf, TINY, testEngine, tinyParams } from './testing/tiny.js';

/** Windows of half a second, of four moments. */
const config: ClapConfig = {
  ...TINY,
  frontend: {
    ...TINY.frontend,
    sampleRate: 16000,
    durationSeconds: 0.5,
    hopLength: 160,
    melSampleRate: 16000,
    fMax: 8000,
  },
};
const params = tinyParams(2, config);
const sounds = (n: number, seconds: number) =>
  Array.from({ length: n }, (_, i) =>
    Float32Array.from(randomArray(i, [Math.round(16000 * seconds)], 0.1).data),
  );

let dir: string;
let model: HearModel;
const loaded: HearModel[] = [];
async function load(name: string, options: Parameters<typeof loadModel>[1] = {}): Promise<HearModel> {
  const found = await loadModel(join(dir, name), { engine: await testEngine(), ...options });
  loaded.push(found);
  return found;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hear-'));
  await saveModelFolder(join(dir, 'clap'), { config, tensors: params });
  model = await load('clap');
});
afterAll(async () => {
  for (const each of loaded) await each.dispose();
  await rm(dir, { recursive: true });
});

/** What hear-validator checks of timestamps, errors and warnings alike. */
function validate({ data, shape }: NdArray, seconds: number): void {
  const [n, steps] = shape as [number, number];
  for (let i = 0; i < n; i++) {
    const times = Array.from(data.subarray(i * steps, (i + 1) * steps), Number);
    const gaps = times.slice(1).map((time, j) => time - times[j]!);
    const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length;
    for (const gap of gaps) expect(Math.abs(gap - mean)).toBeLessThanOrEqual(1);
    expect(mean).toBeLessThanOrEqual(50);
    expect(times[0]).toBeGreaterThanOrEqual(0);
    expect(times[0]).toBeLessThanOrEqual(mean);
    expect(times.at(-1)).toBeLessThanOrEqual(1000 * seconds);
    expect(times.at(-1)).toBeGreaterThanOrEqual(1000 * seconds - 50);
  }
}

describe('the model', () => {
  it('says what HEAR asks it for', () => {
    expect(model).toMatchObject({ sampleRate: 16000, sceneEmbeddingSize: 16, timestampEmbeddingSize: 16 });
    expect(typeof model.dispose).toBe('function');
  });

  it.each([
    ['a rate that HEAR does not have', { sampleRate: 8000, melSampleRate: 8000, fMax: 4000 }, /8000 Hz/],
    ['more frames than the image', { durationSeconds: 0.7 }, /71 frames/],
  ])('is refused with %s', async (_what, frontend, message) => {
    const name = join(dir, `bad-${_what}`);
    await saveModelFolder(name, {
      config: { ...config, frontend: { ...config.frontend, ...frontend } },
      tensors: params,
    });
    await expect(loadModel(name)).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringMatching(message),
    });
  });

  it('is refused without an audio tower', async () => {
    await saveModelFolder(join(dir, 'deaf'), {
      config,
      tensors: { caption_encoder: params.caption_encoder },
    });
    await expect(loadModel(join(dir, 'deaf'))).rejects.toMatchObject({ code: 'E_WEIGHTS' });
  });
});

describe('scene embeddings', () => {
  it.each([0.3, 0.5, 2.74])('of %d s are a row for each sound', async (seconds) => {
    const { shape, data } = await getSceneEmbeddings(sounds(3, seconds), model);
    expect(shape).toEqual([3, 16]);
    expect(data.every(Number.isFinite)).toBe(true);
  });

  it('are those of CLAP where they are projected, and the mean over the windows of long sounds', async () => {
    const projected = await load('clap', { embedding: 'projected' });
    expect(projected).toMatchObject({ sceneEmbeddingSize: 10, timestampEmbeddingSize: 10 });
    const clap = await loadClap(join(dir, 'clap'), { engine: await testEngine() });
    for (const seconds of [0.3, 1.8]) {
      const batch = sounds(2, seconds);
      const inputs = batch.map((samples) => ({ samples, sampleRate: 16000 }));
      const expected = await clap.embedAudio(inputs, { pool: 'mean', normalize: false });
      expectNear(numbers(await getSceneEmbeddings(batch, projected)), numbers(expected));
    }
    await clap.dispose();
  });

  it('are of one part of long sounds where that is asked for', async () => {
    const cropping = await load('clap', { long: 'crop' });
    const [long] = sounds(1, 1.8);
    const found = await getSceneEmbeddings([long!], cropping);
    const first = await getSceneEmbeddings([long!.subarray(0, 8000)], model);
    expectNear(numbers(found), numbers(first));
    expect(numbers(found)).not.toEqual(numbers(await getSceneEmbeddings([long!], model)));
  });
});

describe('timestamp embeddings', () => {
  it.each([1.07, 1.98, 4.0, 0.2])('of %d s pass the checks of HEAR', async (seconds) => {
    const { embeddings, timestamps } = await getTimestampEmbeddings(sounds(2, seconds), model);
    const [n, steps] = timestamps.shape;
    expect([n, embeddings.shape]).toEqual([2, [2, steps, 16]]);
    expect(embeddings.data.every(Number.isFinite)).toBe(true);
    validate(timestamps, seconds);
  });

  it('are the moments of windows around them', async () => {
    const [sound] = sounds(1, 1.3);
    const { embeddings, timestamps } = await getTimestampEmbeddings([sound!], model);
    const frontend = createFrontend(config.frontend);
    const grid = momentGrid(config, frontend.frames, sound!.length, 0.05);
    expectNear(
      numbers(timestamps),
      Array.from(grid.times, (seconds) => 1000 * seconds),
      1e-3,
    );
    const program = (await testEngine()).compile(
      (p: HtsatParams, x: Tensor) => htsatMoments(p, x, config.audio),
      params.audio_encoder.base.htsat,
    );
    const rows = rowsOf({ ...embeddings, shape: embeddings.shape.slice(1) });
    for (const [j, row] of rows.entries()) {
      const window = grid.windows.find(
        ({ first, every }) => j >= first && (j - first) % every === 0 && (j - first) / every < 4,
      )!;
      const clip = excerpt(sound!, window.start, 8000, config.frontend);
      const moments = await program.run(frontend.logMelBatch([clip]));
      const i = (j - window.first) / window.every;
      expectNear(row, numbers(moments).slice(i * 16, (i + 1) * 16));
    }
    await program.dispose();
  });

  it('of a sound do not depend on the others', async () => {
    const [one, two] = sounds(2, 0.8);
    const both = await getTimestampEmbeddings([one!, two!], model);
    const alone = await getTimestampEmbeddings([two!], model);
    const half = both.embeddings.data.length / 2;
    expectNear(Array.from(both.embeddings.data.subarray(half), Number), numbers(alone.embeddings), 1e-5);
  });
});

describe('other folders', () => {
  const audio = { base: params.audio_encoder.base, projection: params.audio_encoder.projection };

  it.each([
    ['pengi', 'audio_encoder'],
    ['clapcap', 'clap'],
  ])('of a %s have the same tower', async (kind, prefix) => {
    const { frontend, audio: sizes, embedding } = config;
    await saveModelFolder(join(dir, kind), {
      config: { model: kind, frontend, audio: sizes, embedding, gpt2: {} },
      tensors: { [prefix]: audio, caption_decoder: { other: params.logit_scale } },
    });
    const batch = sounds(1, 0.5);
    const found = await getSceneEmbeddings(batch, await load(kind));
    expect(numbers(found)).toEqual(numbers(await getSceneEmbeddings(batch, model)));
  });

  it('of Transformers have one under other names', async () => {
    const frontend = { ...TINY_TRANSFORMERS.frontend, ...config.frontend };
    await saveModelFolder(join(dir, 'laion'), {
      config: { ...TINY_TRANSFORMERS, frontend, audio: config.audio },
      tensors: tinyTransformersParams(1),
    });
    const found = await load('laion');
    const { shape } = await getSceneEmbeddings(sounds(1, 1), found);
    expect(shape).toEqual([1, found.sceneEmbeddingSize]);
    validate((await getTimestampEmbeddings(sounds(1, 1.07), found)).timestamps, 1.07);
  });
});

describe('bad batches', () => {
  it.each<[string, Float32Array[], string]>([
    ['sounds of different lengths', [new Float32Array(100), new Float32Array(99)], 'E_SHAPE'],
    ['no samples', [new Float32Array(0)], 'E_AUDIO_EMPTY'],
    ['what is no number', [Float32Array.of(0, Number.NaN)], 'E_AUDIO_NONFINITE'],
  ])('of %s are refused', async (_what, batch, code) => {
    await expect(getSceneEmbeddings(batch, model)).rejects.toMatchObject({ code });
    await expect(getTimestampEmbeddings(batch, model)).rejects.toMatchObject({ code });
  });

  it('of nothing are empty', async () => {
    expect((await getSceneEmbeddings([], model)).shape).toEqual([0, 16]);
    expect((await getTimestampEmbeddings([], model)).embeddings.shape).toEqual([0, 0, 16]);
  });
});
