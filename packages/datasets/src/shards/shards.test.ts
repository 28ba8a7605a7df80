import { copyFile, mkdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRng } from '@pengi/core';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { all, toneSource } from '../testing/clips.js';
import { failure, temporaryFolder } from '../testing/files.js';
import { expandShards, isShardName } from './names.js';
import { packShards } from './pack.js';
import { decodeIndex, encodeIndex, indexName, readIndex, scanShard } from './shard-index.js';
import { shardSource } from './shard-source.js';

const FIXTURES = fileURLToPath(new URL('../../fixtures/tar', import.meta.url));
const fixture = (name: string) => join(FIXTURES, name);
const folder = temporaryFolder();
beforeEach(() => void vi.stubEnv('PENGI_CACHE', join(folder(), 'cache')));

/** What webdataset itself finds in its shards and in others. */
async function groups(name: string): Promise<Record<string, number | string>[]> {
  const expected = JSON.parse(await readFile(fixture('expected.json'), 'utf8')) as {
    samples: Record<string, Record<string, number | string>[]>;
  };
  return expected.samples[name]!;
}

describe('the names of shards', () => {
  it.each<[string, string[]]>([
    ['t-{000..002}.tar', ['t-000.tar', 't-001.tar', 't-002.tar']],
    ['{b,t-001}.tar', ['b.tar', 't-001.tar']],
    ['t-*.tar', ['t-000.tar', 't-001.tar', 't-002.tar']],
    ['?.tar', ['b.tar']],
    ['', ['b.tar', 't-000.tar', 't-001.tar', 't-002.tar']],
  ])('"%s" are files', async (pattern, names) => {
    for (const name of ['t-001.tar', 't-000.tar', 't-002.tar', 'b.tar', 'c.txt'])
      await writeFile(join(folder(), name), '');
    await mkdir(join(folder(), 'cache'), { recursive: true });
    expect(await expandShards(join(folder(), pattern))).toEqual(names.map((name) => join(folder(), name)));
  });

  it('are URLs, which are not looked for', async () => {
    expect(await expandShards('https://x.invalid/{00..02}.tar?a=b')).toEqual([
      'https://x.invalid/00.tar?a=b',
      'https://x.invalid/01.tar?a=b',
      'https://x.invalid/02.tar?a=b',
    ]);
  });

  it('that are not there, name nothing, or name too much are refused', async () => {
    expect(await failure(expandShards(join(folder(), 'no.tar')))).toMatchObject({ code: 'E_NOT_FOUND' });
    expect(await failure(expandShards(join(folder(), 'no-*.tar')))).toMatchObject({ code: 'E_NOT_FOUND' });
    expect(await failure(expandShards('x-{0..999999999}.tar'))).toMatchObject({ code: 'E_USAGE' });
    expect(await failure(expandShards(['http://x/a.tar', 'http://x/a.tar']))).toMatchObject({
      code: 'E_USAGE',
    });
  });

  it('are told from those of manifests and sets', () => {
    expect(
      ['a.tar', 'a-{0..9}.tar', 'http://x/y', 'd/*.tar', 'a.csv', 'tartan', 'clotho'].map(isShardName),
    ).toEqual([true, true, true, true, false, false, false]);
  });
});

describe('shards that webdataset wrote', () => {
  it('have the samples that it reads', async () => {
    for (const name of ['webdataset-000000', 'webdataset-000001', 'gnu', 'pax']) {
      const { samples, problems } = await scanShard(fixture(`${name}.tar`));
      const expected = await groups(name);
      const withAudio = expected.filter((group) => Object.keys(group).some((key) => /wav|flac/.test(key)));
      // What is a link has no key there, or the key of its file; here it is told.
      expect(samples.map(({ key }) => key)).toEqual(withAudio.map((group) => group.__key__));
      expect(problems.map(({ key }) => key)).toEqual(name.startsWith('web') ? [] : ['link', 'hard', 'pipe']);
    }
  });

  it('become examples: captions of .json and .txt, classes of .cls', async () => {
    const captions = await shardSource(fixture('webdataset-000000.tar'));
    expect([captions.name, captions.length]).toEqual(['webdataset', 8]);
    expect((await all(captions.entries())).slice(0, 2)).toEqual([
      {
        set: 'webdataset',
        id: '000000#1',
        texts: [{ id: '000000#1', prompt: 'generate audio caption', target: 'caption 0' }],
        sources: [],
        clip: 0,
      },
      {
        set: 'webdataset',
        id: '000000#2',
        texts: [{ id: '000000#2', prompt: 'generate audio caption', target: 'again 0' }],
        sources: [],
        clip: 0,
      },
    ]);
    const texts = await shardSource(fixture('webdataset-000001.tar'), { prompt: 'what is it' });
    expect(
      (await all(texts.entries())).map(({ id, texts: [text] }) => [id, text?.prompt, text?.target]),
    ).toEqual([
      ['b/0', 'what is it', 'text 0'],
      ['b/1', 'what is it', 'text 1'],
      ['b/2', 'what is it', 'text 2'],
    ]);
    const others = await shardSource(fixture('gnu.tar'), { classes: ['cat', 'dog', 'bird'] });
    expect(
      (await all(others.entries())).map(({ texts: [text], sources }) => [
        text?.prompt,
        text?.target,
        sources,
      ]),
    ).toEqual([
      ['generate audio caption', 'a dog', ['freesound:1']],
      ['generate audio caption', 'Vögel am Morgen', []],
      ['this is a sound of', 'bird', []],
      ['generate audio caption', 'names are only names', []],
      ['generate audio caption', 'no audio in it', []],
    ]);
    expect(others.notes).toHaveLength(3);
    expect(others.notes[0]).toMatch(/gnu\.tar: left out: "link" "link\.wav" is a link or a device/);
    const unnamed = await shardSource(fixture('gnu.tar'));
    expect([unnamed.length, unnamed.notes.at(-1)]).toEqual([4, expect.stringMatching(/has no text$/)]);
  });

  it('give each example its own bytes', async () => {
    const source = await shardSource([fixture('webdataset-000000.tar'), fixture('webdataset-000001.tar')]);
    const bytes = await readFile(fixture('webdataset-000001.tar'));
    const lengths: number[] = [];
    for (let i = 0; i < source.length; i++) {
      const example = await source.read(i);
      const audio = await example.readAudio();
      lengths.push(audio.length);
      if (i >= 8) expect(bytes.includes(Buffer.from(audio))).toBe(true);
    }
    expect(lengths).toEqual([244, 244, 246, 246, 248, 248, 250, 250, 144, 146, 148]);
    const clips = await shardSource(fixture('webdataset-000000.tar'), { unit: 'clip' });
    await source.close();
    expect([clips.length, (await clips.read(3)).texts.length, (await clips.read(3)).id]).toEqual([
      4,
      2,
      '000003',
    ]);
    await clips.close();
  });
});

describe('a shard', () => {
  it('that is damaged is refused, or its bad samples are told', async () => {
    const path = join(folder(), 'a.tar');
    await copyFile(fixture('webdataset-000000.tar'), path);
    await truncate(path, 2570);
    expect((await failure(shardSource(path))).line).toMatch(
      /^E_DATA .*a\.tar@2048: "000001\.json" should have 34 bytes, 10 are there/,
    );
    await copyFile(fixture('webdataset-000000.tar'), path);
    const { samples } = await scanShard(path);
    await truncate(path, samples.at(-1)!.start); // between two samples, without an end mark
    expect((await shardSource(path)).notes).toEqual([
      `${path}: left out: the shard has no end mark: is it whole?`,
    ]);
    await writeFile(path, Buffer.alloc(1024));
    expect(await failure(shardSource(path))).toMatchObject({
      code: 'E_DATA',
      message: 'holds no example to train on',
    });
  });

  it('is not read by the index of another', async () => {
    const [path, index] = [join(folder(), 'a.tar'), join(folder(), 'a.index.jsonl')];
    await copyFile(fixture('webdataset-000000.tar'), path);
    const right = await scanShard(path);
    await writeFile(index, encodeIndex({ ...right, bytes: right.bytes + 1 }));
    expect((await failure(shardSource(path))).message).toMatch(
      /is the index of a shard of 10241 bytes; a\.tar has 10240/,
    );
    const moved = right.samples.map(({ start, ...sample }, i) => ({
      ...sample,
      start: right.samples.at(-1 - i)!.start,
    }));
    await writeFile(index, encodeIndex({ ...right, samples: moved }));
    const source = await shardSource(path);
    expect((await failure(source.read(0))).message).toMatch(
      /^does not hold the sample "000000" where its index says/,
    );
    await source.close();
    const between = right.samples.map((sample) => ({ ...sample, start: sample.start + 100 }));
    await writeFile(index, encodeIndex({ ...right, samples: between }));
    const second = await shardSource(path);
    expect((await failure(second.read(0))).message).toMatch(/^does not hold/);
    await second.close();
  });

  it('is scanned once: what was found is kept, and made anew when the shard changes', async () => {
    const path = join(folder(), 'a.tar');
    await copyFile(fixture('webdataset-000000.tar'), path);
    const indices = vi.fn();
    const progress = (label: string) => {
      indices(label);
      return { update() {}, end() {} };
    };
    await shardSource(path, { progress });
    await shardSource(path, { progress });
    expect(indices.mock.calls.flat().filter((label) => label.startsWith('indexing'))).toEqual([
      'indexing a.tar',
    ]);
    await copyFile(fixture('gnu.tar'), path);
    expect((await shardSource(path)).length).toBe(4);
  });
});

describe('an index', () => {
  it('is read back as it was, and never in part', async () => {
    const index = await scanShard(fixture('gnu.tar'));
    const text = encodeIndex({ ...index, sha256: 'a'.repeat(64) });
    expect(decodeIndex(text, 'x')).toEqual({ ...index, sha256: 'a'.repeat(64) });
    for (let length = 0; length < text.length; length++)
      expect(() => decodeIndex(text.slice(0, length), 'x')).toThrow(/is no whole index/);
    expect(() => decodeIndex(text.replace('"start":512', '"start":99999999'), 'x')).toThrow(/behind the end/);
    expect(indexName('https://x/a.tar?sig=b.tar')).toBe('https://x/a.index.jsonl?sig=b.tar');
  });
});

describe('the order of an epoch', () => {
  it('keeps to few shards at a time, has every example once, and does not depend on where shards lie', async () => {
    const source = await toneSource(folder(), 40, { unit: 'clip' });
    await packShards(source, { out: join(folder(), 'a'), shardBytes: 20_000 });
    const shards = await expandShards(join(folder(), 'a'));
    expect(shards.length).toBeGreaterThan(6);
    const indices = await Promise.all(shards.map((shard) => readIndex(indexName(shard))));
    const shardOf = indices.flatMap(({ samples }, shard) => samples.flatMap(() => [shard, shard]));
    const packed = await shardSource(join(folder(), 'a'), { window: 3 });
    const order = packed.order(createRng(1));
    expect([...order].sort((a, b) => a - b)).toEqual([...Array(80).keys()]);
    for (let from = 0; from < 80; ) {
      const inWindow = new Set<number>();
      const begin = from;
      while (from < 80 && (inWindow.has(shardOf[order[from]!]!) || inWindow.size < 3))
        inWindow.add(shardOf[order[from++]!]!);
      const sizes = [...inWindow].map((shard) => 2 * indices[shard]!.samples.length);
      expect(from - begin).toBe(sizes.reduce((sum, size) => sum + size, 0)); // all of them before the next shards
    }
    expect(packed.order(createRng(1))).toEqual(order);
    expect(packed.order(createRng(2))).not.toEqual(order);
    await symlink(join(folder(), 'a'), join(folder(), 'elsewhere'));
    const moved = await shardSource(join(folder(), 'elsewhere', '*.tar'), { window: 3 });
    expect([moved.order(createRng(1)), moved.fingerprint]).toEqual([order, packed.fingerprint]);
    for (const shard of shards) await rm(indexName(shard));
    const scanned = await shardSource(join(folder(), 'a'), { window: 3 });
    expect([scanned.order(createRng(1)), scanned.fingerprint]).toEqual([order, packed.fingerprint]);
  });
});
