import { appendFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PengiError } from '@pengi/core';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { sha256 } from '../files.js';
import { all, toneSource } from '../testing/clips.js';
import { failure, temporaryFolder, toneWav } from '../testing/files.js';
import { listSource } from '../training/list-source.js';
import { type PackOptions, packShards } from './pack.js';
import { indexName, readIndex, scanShard } from './shard-index.js';
import { shardSource } from './shard-source.js';

const folder = temporaryFolder();
beforeEach(() => void vi.stubEnv('PENGI_CACHE', join(folder(), 'cache')));
const SHARD = 20_000;

async function tones(count = 12) {
  await mkdir(join(folder(), 'in'), { recursive: true });
  return toneSource(join(folder(), 'in'), count, { unit: 'clip' });
}

const out = (name = 'out') => join(folder(), name);
const pack = async (options: Partial<PackOptions> = {}) =>
  packShards(await tones(), { out: out(), shardBytes: SHARD, ...options });

async function hashes(path: string): Promise<Record<string, string>> {
  const names = (await readdir(path)).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, sha256(await readFile(join(path, name)))])),
  );
}

describe('packShards', () => {
  it('writes shards, each with the index that a scan finds, and what was packed', async () => {
    const packed = await pack();
    expect(packed).toMatchObject({ name: 'tones', samples: 12, texts: 24, problems: [], kept: 0 });
    for (const { file, bytes, sha256: digest, samples } of packed.shards) {
      const path = join(out(), file);
      expect(bytes).toBeLessThanOrEqual(SHARD);
      expect([(await stat(path)).size, sha256(await readFile(path))]).toEqual([bytes, digest]);
      const { sha256: stated, ...index } = await readIndex(indexName(path));
      expect([stated, index.samples.length]).toEqual([digest, samples]);
      expect(index).toEqual(await scanShard(path));
    }
    expect(JSON.parse(await readFile(join(out(), 'tones.pack.json'), 'utf8'))).toMatchObject({
      complete: true,
      shuffle: 0,
      samples: 12,
      shards: packed.shards,
    });
  });

  it('keeps each recording as it is, with where it is from and all that is said of it', async () => {
    await pack();
    const [source, packed] = [await tones(), await shardSource(out())];
    expect([packed.name, packed.length, packed.notes]).toEqual(['tones', 24, []]);
    const before = new Map((await all(source.entries())).map((entry) => [entry.id, entry]));
    for (let i = 0; i < packed.length; i++) {
      const { id, name, texts, sources, set, readAudio } = await packed.read(i);
      const original = before.get(name)!;
      expect([set, sources, texts]).toEqual(['tones', original.sources, [original.texts[i % 2]]]);
      expect(id).toBe(texts[0]!.id);
      expect(sha256(await readAudio())).toBe(sha256(await readFile(join(folder(), 'in', name))));
    }
    await packed.close();
  });

  it('gives the same bytes again, from another folder too, and others for another seed', async () => {
    await pack();
    await pack({ out: out('again') });
    expect(await hashes(out('again'))).toEqual(await hashes(out()));
    await pack({ out: out('other'), shuffle: 1 });
    const other = await hashes(out('other'));
    expect(other['tones-000000.tar']).not.toBe((await hashes(out()))['tones-000000.tar']);
    await pack({ out: out('plain'), shuffle: null });
    const inOrder = await shardSource(out('plain'), { unit: 'clip' });
    const ids = (await all(inOrder.entries())).map(({ id }) => id);
    expect(ids).toEqual((await all((await tones()).entries())).map(({ id }) => id));
  });

  it('goes on with what an interrupted call has finished, to the same bytes', async () => {
    const whole = await pack({ out: out('whole') });
    const expected = await hashes(out('whole'));
    for (const stopAt of [1, 9]) {
      const stopped = new AbortController();
      const progress = () => ({
        update: (done: number) =>
          void (done >= stopAt && stopped.abort(new PengiError('E_INTERRUPTED', 'stopped'))),
        end() {},
      });
      const path = out(`stopped-${stopAt}`);
      expect(await failure(pack({ out: path, progress, signal: stopped.signal }))).toMatchObject({
        code: 'E_INTERRUPTED',
      });
      const left = await readdir(path);
      expect(left.filter((name) => name.endsWith('.tar')).length).toBeLessThan(whole.shards.length);
      expect(left.every((name) => !name.startsWith('.'))).toBe(true);
      const { kept, shards } = await pack({ out: path });
      expect([kept, shards]).toEqual([left.filter((name) => name.endsWith('.tar')).length, whole.shards]);
      expect(await hashes(path)).toEqual(expected);
    }
  });

  it('writes damaged and missing shards anew, and nothing when all is there', async () => {
    await pack();
    const expected = await hashes(out());
    expect((await pack()).kept).toBe((await pack()).shards.length);
    await appendFile(join(out(), 'tones-000001.tar'), 'x');
    expect((await pack()).kept).toBe(1);
    expect(await hashes(out())).toEqual(expected);
    const shard = join(out(), 'tones-000001.tar');
    const changed = await readFile(shard);
    changed[700]! ^= 1;
    await writeFile(shard, changed);
    expect((await pack()).kept).toBe(1);
    expect(await hashes(out())).toEqual(expected);
    await rm(join(out(), 'tones-000000.index.jsonl'));
    expect((await pack()).kept).toBe(0);
    expect(await hashes(out())).toEqual(expected);
  });

  it('does not mix different data in one folder', async () => {
    await pack();
    const others = await tones(11);
    const error = await failure(packShards(others, { out: out(), shardBytes: SHARD }));
    expect(error.line).toMatch(
      /^E_DATA .*tones\.pack\.json: was made of other examples; choose another folder or name/,
    );
    expect((await failure(pack({ shardBytes: 2 * SHARD }))).message).toBe(
      'was made of another shardBytes (20000)',
    );
    await packShards(others, { out: out(), shardBytes: SHARD, name: 'fewer' });
    expect((await shardSource(join(out(), 'fewer-*.tar'))).length).toBe(22);
  });

  it('ends with the first bad recording, or leaves bad ones out by name, also when it is gone on with', async () => {
    await mkdir(join(folder(), 'in'));
    const path = (name: string) => join(folder(), 'in', name);
    await writeFile(path('a.wav'), toneWav());
    await writeFile(path('b.wav'), 'no audio');
    await writeFile(path('c.wav'), toneWav({ frequency: 300 }));
    await writeFile(path('d.wav'), toneWav({ frequency: 500 }).subarray(0, 3000));
    const rows = ['a.wav', 'b.wav', 'c.wav', 'd.wav', 'e.wav'].map((name) => ({
      ...{ id: name, audio: path(name), prompt: 'p', target: 't' },
    }));
    const bad = listSource(rows, { name: 'bad', root: join(folder(), 'in'), unit: 'clip' });
    const options: PackOptions = { out: out(), shuffle: null };
    expect(await failure(packShards(bad, options))).toMatchObject({
      code: 'E_AUDIO_FORMAT',
      file: path('b.wav'),
    });
    const skipping = { ...options, skipBad: true, shardBytes: 1024 };
    const { samples, problems } = await packShards(bad, { ...skipping, out: out('1') });
    expect([samples, problems.map(({ key }) => key)]).toEqual([3, ['000001', '000004']]); // d.wav is cut, which is not looked for
    const decoded = await packShards(bad, { ...skipping, out: out('2'), decode: true });
    expect(decoded.problems.map(({ message }) => message.split(' ')[0])).toEqual([
      'E_AUDIO_FORMAT',
      'E_AUDIO_TRUNCATED',
      'E_NOT_FOUND',
    ]);
    expect(await packShards(bad, { ...skipping, out: out('2'), decode: true })).toEqual({
      ...decoded,
      kept: 2,
    });
  });

  it('refuses names that would be paths', async () => {
    expect(await failure(pack({ name: '../x' }))).toMatchObject({ code: 'E_USAGE' });
    expect(await failure(pack({ shardBytes: 10 }))).toMatchObject({ code: 'E_USAGE' });
  });
});
