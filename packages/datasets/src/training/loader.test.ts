import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFrontend } from '@pengi/audio-frontend';
import { describe, expect, it, vi } from 'vitest';
import { packShards } from '../shards/pack.js';
import { shardSource } from '../shards/shard-source.js';
import { toneSource } from '../testing/clips.js';
import { failure, temporaryFolder, toneWav, writeTone } from '../testing/files.js';
import { FRONTEND, loading, steps } from '../testing/loading.js';
import { listSource } from './list-source.js';
import type { BadExample, ExampleLoaderOptions } from './loader.js';
import type { ExampleSource } from './source.js';

const folder = temporaryFolder();
/** All that may vary: random crops, speeds, gain, texts. */
const VARIED: Partial<ExampleLoaderOptions> = {
  crop: 'random',
  augment: { speeds: [-2, 0, 2], gainDb: 6 },
};

async function longTones(): Promise<ExampleSource> {
  const rows = [];
  for (let i = 0; i < 10; i++)
    for (const target of ['one', 'two'])
      rows.push({
        ...{ id: `${i}-${target}`, prompt: 'p', target },
        audio: await writeTone(folder(), `long-${i}.wav`, {
          frequency: 300 + 50 * i,
          seconds: i % 2 === 0 ? 1 : 0.1,
          silentFrom: 0.4 + 0.03 * i,
        }),
      });
  return listSource(rows, { name: 'long', root: folder(), unit: 'clip' });
}

describe('the loader', () => {
  it('gives the same bits with threads, caches, other steps before, more ahead and in parts', async () => {
    const source = await longTones();
    const [expected] = await steps([source], VARIED, [5]);
    const cacheDir = join(folder(), 'cache');
    const same: Partial<ExampleLoaderOptions>[] = [
      { workers: 2, maxItems: 3 },
      { maxBytes: 1, ahead: 0 },
      { cacheDir, ahead: 5 },
      { cacheDir, memoryBytes: 0 },
    ];
    for (const options of same) {
      const [, , first, , second] = await steps([source], { ...VARIED, ...options }, [0, 4, 5, 2, 5]);
      expect([first, second]).toEqual([expected, expected]);
    }
    for (const count of [2, 3]) {
      const parts = await Promise.all(
        Array.from({ length: count }, (_, index) =>
          loading([source], VARIED, (loader) => loader.batch(5, 6, { index, count })),
        ),
      );
      expect(parts.flat()).toEqual(expected);
    }
    expect(
      await failure(loading([source], {}, (loader) => loader.batch(0, 6, { index: 0, count: 4 }))),
    ).toMatchObject({
      code: 'E_USAGE',
    });
  });

  it('gives shards what it gives the files that they were packed from, by id', async () => {
    vi.stubEnv('PENGI_CACHE', join(folder(), 'pengi-cache'));
    const files = await toneSource(folder(), 8);
    await packShards(await toneSource(folder(), 8, { unit: 'clip' }), { out: join(folder(), 'shards') });
    const packed = await shardSource(join(folder(), 'shards'));
    const byId = async (source: ExampleSource) =>
      new Map((await steps([source], {}, [0], source.length))[0]!.map((example) => [example.id, example]));
    expect(await byId(packed)).toEqual(await byId(files));
    await packed.close();
  });

  it('names examples by set, and takes texts by the step', async () => {
    const source = await longTones();
    const batches = (await steps([source], {}, [0, 1, 2, 3], 10)).flat();
    expect(new Set(batches.map(({ set, prompt }) => `${set} ${prompt}`))).toEqual(new Set(['long p']));
    for (const { id, target } of batches) expect(id).toMatch(new RegExp(`^long/\\d-${target}$`));
    const texts = batches.filter(({ id }) => id.startsWith('long/3-')).map(({ target }) => target);
    expect(texts).toHaveLength(4);
    expect(new Set(batches.map(({ target }) => target))).toEqual(new Set(['one', 'two']));
  });

  it('loads examples as evaluation hears them', async () => {
    const source = await longTones();
    const frontend = createFrontend(FRONTEND);
    const [example] = await loading([source], VARIED, (loader) => loader.load([{ source: 0, index: 4 }]));
    const { samples } = await frontend.load(join(folder(), 'long-4.wav'));
    expect(example).toMatchObject({ id: 'long/4-one', target: 'one' });
    // The end of a crop hears what follows, rather than its reflection: two frames differ.
    const expected = frontend.logMel(samples);
    // What is 80 dB below the peak is raised to that, and the peak may be in one of those two frames.
    const floor = Math.max(...[example!.logMel, expected].map((logMel) => Math.min(...logMel)));
    const inner = (logMel: Float32Array) =>
      logMel.subarray(0, 30 * FRONTEND.mels).map((value) => Math.max(value, floor));
    expect(inner(example!.logMel)).toEqual(inner(expected));
    const [plain] = await loading([source], {}, (loader) => loader.load([{ source: 0, index: 4 }]));
    expect(plain!.logMel).toEqual(frontend.logMel(samples));
  });

  it('takes the part of a recording that a text is about', async () => {
    const audio = await writeTone(folder(), 'a.wav', { seconds: 0.2, frequency: 400 });
    const silent = { seconds: 0.2, silentFrom: 0 };
    const whole = Buffer.concat([await readFile(audio), Buffer.from(toneWav(silent)).subarray(44)]);
    whole.writeUInt32LE(whole.length - 44, 40);
    whole.writeUInt32LE(whole.length - 8, 4);
    await writeFile(join(folder(), 'b.wav'), whole);
    const row = { prompt: 'p', target: 't', audio: join(folder(), 'b.wav') };
    const rows = [
      { ...row, id: 'tone', start: 0, end: 0.2 },
      { ...row, id: 'silence', start: 0.2, end: 0.4 },
      { ...row, id: 'a', audio },
    ];
    const source = listSource(rows, { name: 's', root: folder() });
    const [tone, silence, alone] = await loading([source], {}, (loader) =>
      loader.load([0, 1, 2].map((index) => ({ source: 0, index }))),
    );
    expect(tone!.logMel).toEqual(alone!.logMel);
    expect(Math.max(...silence!.logMel)).toBe(-100);
  });
});

describe('a bad recording', () => {
  async function withBad(): Promise<ExampleSource> {
    const names = ['a', 'bad', 'c', 'missing', 'e', 'f'];
    for (const name of names)
      if (name !== 'missing')
        await writeTone(folder(), `${name}.wav`, { frequency: 300 + name.charCodeAt(0) });
    await writeFile(join(folder(), 'bad.wav'), 'no audio');
    const rows = names.map((name) => ({
      id: name,
      audio: join(folder(), `${name}.wav`),
      prompt: 'p',
      target: name,
    }));
    return listSource(rows, { name: 's', root: folder() });
  }

  it('ends the work, and is named', async () => {
    const source = await withBad();
    const told: BadExample[] = [];
    const error = await failure(steps([source], { report: (bad) => void told.push(bad) }, [0]));
    expect(['E_AUDIO_FORMAT', 'E_NOT_FOUND']).toContain(error.code);
    expect(error.file).toMatch(/(bad|missing)\.wav$/);
    expect(told.every(({ id }) => /^s\/(bad|missing)$/.test(id))).toBe(true);
    expect(told.length).toBeGreaterThan(0);
  });

  it('is replaced by the seed, the same in any number of processes, and counted', async () => {
    const source = await withBad();
    const told: BadExample[] = [];
    const options: Partial<ExampleLoaderOptions> = {
      onBad: 'replace',
      report: (bad) => void told.push(bad),
      ahead: 0,
    };
    const [batch] = await steps([source], options, [3]);
    const ids = batch!.map(({ id }) => id);
    expect(ids).toHaveLength(6);
    expect(ids.filter((id) => /bad|missing/.test(id))).toEqual([]);
    expect(new Set(told.map(({ id }) => id))).toEqual(new Set(['s/bad', 's/missing']));
    for (const { replacedBy, error } of told) {
      expect(ids).toContain(replacedBy);
      expect(error.file).toMatch(/wav$/);
    }
    const [left, right] = await Promise.all(
      [0, 1].map((index) => loading([source], options, (loader) => loader.batch(3, 6, { index, count: 2 }))),
    );
    expect([...left!, ...right!]).toEqual(batch);
    const stats = await loading([source], options, async (loader) => {
      await loader.batch(3, 6);
      return { ...loader.stats };
    });
    expect(stats).toMatchObject({ loaded: 6, bad: told.length / 3 });
  });

  it('that is one of many in a row is an error in the end', async () => {
    const rows = ['a', 'b', 'c'].map((id) => ({ id, audio: join(folder(), id), prompt: 'p', target: 't' }));
    const source = listSource(rows, { name: 's', root: folder() });
    const error = await failure(steps([source], { onBad: 'replace' }, [0]));
    expect(error.message).toMatch(/^11 recordings of s in a row cannot be used \(s\/[abc], .*E_NOT_FOUND/);
  });
});

describe('the cache of the loader', () => {
  it('in float16 is half as large, off by what is documented, and gives the same before and after it is filled', async () => {
    const source = await longTones();
    const varied = { ...VARIED, ahead: 0 };
    const [exact] = await steps([source], varied, [0], 10);
    const dtype = 'float16' as const;
    const [half] = await steps([source], { ...varied, dtype }, [0], 10);
    const cacheDir = join(folder(), 'half');
    for (let pass = 0; pass < 2; pass++)
      expect((await steps([source], { ...varied, dtype, cacheDir }, [0], 10))[0]).toEqual(half);
    let largest = 0;
    for (const [i, { logMel }] of exact!.entries())
      logMel.forEach((value, j) => {
        largest = Math.max(largest, Math.abs(value - half![i]!.logMel[j]!));
      });
    expect(largest).toBeGreaterThan(0.01);
    expect(largest).toBeLessThanOrEqual(1 / 32 + 1e-5); // binary16 has steps of 1/16 from 64 on
    await steps([source], { ...varied, cacheDir: join(folder(), 'full') }, [0], 10);
    const [small, large] = await Promise.all(['half', 'full'].map((name) => bytesIn(join(folder(), name))));
    expect(small! / large!).toBeLessThan(0.52);
  });

  it('stops growing at its limit, and keeps what it has', async () => {
    const source = await toneSource(folder(), 30, { unit: 'clip' });
    const [cacheDir, limit] = [join(folder(), 'cache'), 60_000];
    const [expected] = await steps([source], {}, [0], 30);
    const options = { cacheDir, cacheBytes: limit, memoryBytes: 0 };
    for (let pass = 0; pass < 3; pass++)
      expect((await steps([source], options, [0], 30))[0]).toEqual(expected);
    const size = await bytesIn(cacheDir);
    expect(size).toBeGreaterThan(limit / 2);
    expect(size).toBeLessThanOrEqual(limit + 4 * 4300); // four are under way at once
    const stats = await loading([source], { ...options, ahead: 0 }, async (loader) => {
      await loader.batch(0, 30);
      return loader.stats;
    });
    expect(stats.fromCache).toBeGreaterThan(8);
  });

  it('in memory spares reading, and holds no more than allowed', async () => {
    const source = await toneSource(folder(), 10, { unit: 'clip' });
    const bytesEach = 32 * 32 * 4;
    const stats = await loading([source], { memoryBytes: 4 * bytesEach, ahead: 0 }, async (loader) => {
      expect(await loader.batch(0, 10)).toHaveLength(10);
      for (let i = 0; i < 10; i++) await rm(join(folder(), `tones-${i}.wav`));
      await Promise.allSettled(Array.from({ length: 10 }, (_, index) => loader.load([{ source: 0, index }])));
      return loader.stats;
    });
    expect(stats).toMatchObject({ loaded: 14, fromMemory: 4, bad: 6 });
  });
});

async function bytesIn(path: string): Promise<number> {
  const names = await readdir(path, { recursive: true });
  const sizes = await Promise.all(
    names.map(async (name) => {
      const found = await stat(join(path, name));
      return found.isFile() ? found.size : 0;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

describe('what is held at once', () => {
  it('stays within its bounds, and what comes first is served first', async () => {
    await mkdir(join(folder(), 'x'));
    const inner = await toneSource(join(folder(), 'x'), 40, { unit: 'clip' });
    let [open, most] = [0, 0];
    const source: ExampleSource = {
      ...inner,
      async read(index) {
        const example = await inner.read(index);
        return {
          ...example,
          async readAudio() {
            most = Math.max(most, ++open);
            const bytes = await example.readAudio();
            await new Promise((resolve) => setImmediate(resolve));
            open--;
            return bytes;
          },
        };
      },
    };
    await steps([source], { maxItems: 3, ahead: 4 }, [0, 1, 2], 8);
    expect(most).toBe(3);
    most = 0;
    await steps([source], { maxItems: 100, maxBytes: 6000, memoryBytes: 0 }, [0], 8);
    expect(most).toBeGreaterThan(0);
  });
});
