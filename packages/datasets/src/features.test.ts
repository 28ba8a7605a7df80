import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StartProgress } from '@pengi/core';
import { afterEach, describe, expect, it } from 'vitest';
import { createFeatureLoader, type FeatureLoader, type FeatureLoaderOptions } from './features.js';
import { failure, temporaryFolder, toneWav, writeTone } from './testing/files.js';
import { SMALL_FRONTEND } from './testing/frontend.js';

const folder = temporaryFolder();
const open: FeatureLoader[] = [];
afterEach(async () => {
  for (const loader of open.splice(0)) await loader.close();
});

function loader(options: Partial<FeatureLoaderOptions> = {}): FeatureLoader {
  const made = createFeatureLoader({ frontend: SMALL_FRONTEND, workers: 0, ...options });
  open.push(made);
  return made;
}

/** Recordings that all sound different. */
async function tones(count: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, (_, i) => writeTone(folder(), `${i}.wav`, { frequency: 200 + 37 * i })),
  );
}

// Starting a thread from TypeScript source takes up to a second.
describe('a feature loader', { timeout: 60_000 }, () => {
  it('gives a log-mel per item in the order of the items, in threads the same bit for bit', async () => {
    const audios = await tones(7);
    const items = audios.flatMap((audio) => [{ audio, speed: 1 }, { audio }, { audio, seconds: 0.1 }]);
    const mixed = [...items.filter((_, i) => i % 2 === 0), ...items.filter((_, i) => i % 2 === 1)];
    const here = await loader().load(mixed);
    expect(here).toMatchObject({ frames: 32, mels: 32, failed: [], warnings: [], fromCache: 0 });
    expect(here.logMels.map(({ length }) => length)).toEqual(mixed.map(() => 32 * 32));
    expect(new Set(here.logMels.map((logMel) => logMel.join())).size).toBe(mixed.length);
    for (const [i, item] of mixed.entries())
      expect((await loader().load([item])).logMels[0]).toEqual(here.logMels[i]);

    const cacheDir = join(folder(), 'cache');
    expect(await loader({ workers: 3, cacheDir }).load(mixed)).toEqual(here);
    expect(await loader({ workers: 2, cacheDir }).load(mixed)).toEqual({ ...here, fromCache: mixed.length });
  });

  it('may be asked several times at once', async () => {
    const audios = await tones(6);
    const shared = loader({ workers: 2 });
    const [all, some] = await Promise.all([
      shared.load(audios.map((audio) => ({ audio }))),
      shared.load([{ audio: audios[4] as string }]),
    ]);
    expect(some.logMels[0]).toEqual(all.logMels[4]);
  });

  it.each([0, 2])('reports files that cannot be used and loads the others (%d threads)', async (workers) => {
    const [first = '', second = ''] = await tones(2);
    const bad = join(folder(), 'bad.wav');
    const cut = join(folder(), 'cut.wav');
    await writeFile(bad, 'not a recording');
    await writeFile(cut, toneWav().subarray(0, 5000));
    const items = [first, bad, second, cut, bad].map((audio) => ({ audio }));
    const found = await loader({ workers }).load(items);
    expect(found.logMels.map(({ length }) => length)).toEqual([1024, 0, 1024, 0, 0]);
    expect(found.failed).toMatchObject([
      { audio: bad, error: { code: 'E_AUDIO_FORMAT', file: bad } },
      { audio: cut, error: { code: 'E_AUDIO_TRUNCATED', file: cut } },
    ]);

    const lax = await loader({ workers }).load(items, { allowDamaged: true });
    expect(lax.logMels.map(({ length }) => length)).toEqual([1024, 0, 1024, 1024, 0]);
    expect(lax.failed.map(({ audio }) => audio)).toEqual([bad]);
    expect(lax.warnings.map(({ audio }) => audio)).toEqual([cut]);
  });

  it('holds recordings that are too long against the limit it was given', async () => {
    const [audio = ''] = await tones(1);
    const { failed } = await loader().load([{ audio }], { maxSeconds: 0.2 });
    expect(failed).toMatchObject([{ error: { code: 'E_AUDIO_TOO_LONG' } }]);
  });

  it.each([0, 2])('fails when its cache cannot be written (%d threads)', async (workers) => {
    const audios = await tones(3);
    await writeFile(join(folder(), 'cache'), 'a file');
    const work = loader({ workers, cacheDir: join(folder(), 'cache') }).load(
      audios.map((audio) => ({ audio })),
    );
    expect(await failure(work)).toMatchObject({ code: 'E_CANNOT_CREATE' });
  });

  it('tells how far it is', async () => {
    const [a = '', b = ''] = await tones(2);
    const told: unknown[] = [];
    const progress: StartProgress = (label) => ({
      update: (...args) => told.push([label, ...args]),
      end: () => told.push('end'),
    });
    await loader({ progress }).load([{ audio: a }, { audio: a, speed: 1 }, { audio: b }]);
    expect(told).toEqual([['log-mels', 1, 2], ['log-mels', 2, 2], 'end']);
  });

  it('loads nothing when nothing is asked', async () => {
    expect(await loader({ workers: 1 }).load([])).toMatchObject({ logMels: [], failed: [], frames: 32 });
  });

  it('refuses settings and items that make no sense', async () => {
    const refused = (options: object) =>
      failure(() => createFeatureLoader({ frontend: SMALL_FRONTEND, ...options }));
    expect(await refused({ frontend: { ...SMALL_FRONTEND, mels: 0 } })).toMatchObject({ code: 'E_CONFIG' });
    expect(await refused({ frontend: { ...SMALL_FRONTEND, crop: 'random' } })).toMatchObject({
      code: 'E_CONFIG',
    });
    for (const workers of [-1, 1.5, Number.NaN])
      expect(await refused({ workers })).toMatchObject({ code: 'E_USAGE' });
    for (const item of [{ speed: 25 }, { speed: Number.NaN }, { seconds: 0 }, { seconds: Number.NaN }])
      expect(await failure(loader().load([{ audio: 'a.wav', ...item }]))).toMatchObject({
        code: 'E_USAGE',
        file: 'a.wav',
      });
  });

  it('does nothing any more when it is closed', async () => {
    const [audio = ''] = await tones(1);
    const closed = loader({ workers: 1 });
    await closed.load([{ audio }]);
    await closed.close();
    expect(await failure(closed.load([{ audio }]))).toMatchObject({ code: 'E_USAGE' });
  });
});
