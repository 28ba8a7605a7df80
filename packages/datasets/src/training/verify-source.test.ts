import { appendFile, copyFile, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { packShards } from '../shards/pack.js';
import { toneSource } from '../testing/clips.js';
import { temporaryFolder, toneWav } from '../testing/files.js';
import { wavs, writeTree } from '../testing/tree.js';
import { verifyManifest, verifyShards } from './verify-source.js';

const folder = temporaryFolder();
beforeEach(() => void vi.stubEnv('PENGI_CACHE', join(folder(), 'cache')));

describe('verifyManifest', () => {
  it('counts and lists what is wrong, by kind', async () => {
    await writeTree(folder(), {
      'train.csv':
        'audio,prompt,target,id\na.wav,p,one,1\nno.wav,p,one,2\na.wav,p,,3\n../up.wav,p,t,4\nb.wav,p,t,1\na.wav,p\na.wav,p,one,7\ncut.wav,p,t,8\ntwin.wav,p,t,9\n',
      ...wavs('a.wav', 'b.wav', 'twin.wav'),
      'cut.wav': toneWav().subarray(0, 1000),
    });
    const { counts, problems, splits, isComplete } = await verifyManifest(join(folder(), 'train.csv'), {
      decode: true,
    });
    expect(counts).toEqual({
      'bad-row': 1,
      'missing-audio': 1,
      'outside-root': 1,
      'empty-text': 1,
      duplicate: 2, // an id, and a text of the same recording
      undecodable: 1,
      'duplicate-audio': 1,
    });
    expect([splits, isComplete]).toEqual([[{ split: 'all', usable: 4, official: null }], false]);
    expect(
      problems.filter(({ kind }) => kind === 'duplicate').map(({ line, message }) => [line, message]),
    ).toEqual([
      [6, 'the id "1" is that of line 2 already'],
      [undefined, '"7" says what "1" says'],
    ]);
    expect(problems.find(({ kind }) => kind === 'undecodable')).toMatchObject({ file: 'cut.wav' });
    expect((await verifyManifest(join(folder(), 'train.csv'))).counts).not.toHaveProperty('undecodable');
  });

  it('says when nothing is wrong', async () => {
    await writeTree(folder(), { 'train.csv': 'audio,prompt,target\na.wav,p,t\n', ...wavs('a.wav') });
    expect(await verifyManifest(join(folder(), 'train.csv'), { decode: true })).toMatchObject({
      isComplete: true,
      problems: [],
    });
  });
});

describe('verifyShards', () => {
  async function packed(): Promise<string> {
    await mkdir(join(folder(), 'in'));
    const out = join(folder(), 'out');
    await packShards(await toneSource(join(folder(), 'in'), 8, { unit: 'clip' }), {
      out,
      shardBytes: 15_000,
    });
    return out;
  }

  it('says when all is there', async () => {
    expect(await verifyShards(await packed(), { decode: true })).toMatchObject({
      splits: [{ split: 'all', usable: 8, official: 8 }],
      problems: [],
      isComplete: true,
    });
  });

  it('finds shards that are cut, changed, swapped, missing or double, and goes on with the others', async () => {
    const out = await packed();
    const shard = (n: number) => join(out, `tones-00000${n}.tar`);
    await truncate(shard(0), 3000);
    const bytes = await readFile(shard(1));
    bytes[600]! ^= 1; // a bit of the audio, which no checksum of the tar covers
    await writeFile(shard(1), bytes);
    await rm(shard(2));
    await copyFile(shard(3), join(out, 'again-000000.tar'));
    const { counts, problems, isComplete } = await verifyShards(out);
    expect(isComplete).toBe(false);
    expect(counts).toMatchObject({ 'bad-shard': 2, 'missing-shard': 1 });
    expect(counts.duplicate).toBeGreaterThan(0);
    const messages = problems.map(({ file, message }) => `${file}: ${message}`);
    expect(messages).toContain('tones-000001.tar: has another sha256 than its index says');
    expect(messages).toContain('tones-000002.tar: was packed with the others');
    expect(messages.find((message) => message.startsWith('tones-000000'))).toMatch(
      /E_DATA "000000\.wav" should have/,
    );
  });

  it('decodes what is in them', async () => {
    const out = await packed();
    const bytes = await readFile(join(out, 'tones-000000.tar'));
    bytes.fill(0, 512, 700);
    await writeFile(join(out, 'tones-000000.tar'), bytes);
    await rm(join(out, 'tones-000000.index.jsonl'));
    await appendFile(join(out, 'note.txt'), 'not a shard');
    const { counts, problems } = await verifyShards(out, { decode: true });
    expect(counts).toEqual({ undecodable: 1 });
    expect(problems[0]).toMatchObject({ file: 'tones-000000.tar#000000.wav' });
  });
});
