import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isPengiError, printable, silentProgress } from '@pengi/core';
import { readManifest } from '../manifest.js';
import { countProblems, type Problem } from '../sets/item.js';
import { checkRecordings, type Recording } from '../sets/recordings.js';
import type { Verification, VerifyOptions } from '../sets/verify.js';
import { expandShards, isUrl } from '../shards/names.js';
import { factsOf, type NoteOptions } from '../shards/sample.js';
import { createShardCache, type ShardCacheOptions } from '../shards/shard-cache.js';
import { indexName, readIndex, type ShardIndex, scanShard } from '../shards/shard-index.js';
import { shardSource } from '../shards/shard-source.js';
import { listSource } from './list-source.js';
import type { ExampleSource } from './source.js';

export interface VerifySourceOptions extends Omit<VerifyOptions, 'split'>, NoteOptions {
  /** Of a manifest: the folder that audio paths count from. */
  readonly root?: string;
  /** Of shards on servers. */
  readonly cache?: ShardCacheOptions;
}

/**
 * What is wrong with a manifest: rows that cannot be used, empty texts, recordings that are not there, rows that say the same of
 * the same recording, and with `decode` recordings that cannot be decoded or are there twice.
 * @throws PengiError as `readManifest`, but for single rows
 */
export async function verifyManifest(path: string, options: VerifySourceOptions = {}): Promise<Verification> {
  const root = options.root === undefined ? {} : { root: options.root };
  const { examples, problems } = await readManifest(path, { ...root, skipBadRows: true });
  const file = basename(path);
  const all = problems.map(({ kind = 'bad-row', line, message }): Problem => ({ kind, file, line, message }));
  const seen = new Map<string, string>();
  for (const { id, audio, prompt, target } of examples) {
    const key = JSON.stringify([audio, prompt, target]);
    const earlier = seen.get(key);
    if (earlier === undefined) seen.set(key, id);
    else all.push({ kind: 'duplicate', file, message: `${quoted(id)} says what ${quoted(earlier)} says` });
  }
  if (options.decode && examples.length > 0) {
    const source = listSource(examples, {
      name: file,
      root: resolve(options.root ?? dirname(path)),
      unit: 'clip',
    });
    all.push(...(await decodeSource(source, options)));
  }
  return result(file, dirname(path), [{ split: 'all', usable: examples.length, official: null }], all);
}

/**
 * What is wrong with shards: those that cannot be read, are not those of their index, or are missing among those that were packed
 * together; samples without audio or text, ids that occur twice; with `decode` as for manifests. Shards of servers are downloaded.
 * @throws PengiError E_NOT_FOUND, E_USAGE for patterns that name nothing
 */
export async function verifyShards(
  patterns: string | readonly string[],
  options: VerifySourceOptions = {},
): Promise<Verification> {
  const { progress = silentProgress } = options;
  const shards = await expandShards(patterns);
  const cache = createShardCache({ progress, ...options.cache });
  const problems: Problem[] = [];
  const readable: string[] = [];
  const ids = new Map<string, string>();
  let samples = 0;
  const report = progress('reading shards');
  for (const [i, shard] of shards.entries()) {
    const file = nameOf(shard);
    const add = (kind: Problem['kind'], message: string) => problems.push({ kind, file, message });
    try {
      const path = isUrl(shard) ? await cache.shard(shard, {}) : shard;
      const index = await scanShard(path, shard);
      const beside = isUrl(shard) ? await cache.small(indexName(shard)) : indexName(path);
      const differs = beside && (await differsFromIndex(path, index, beside));
      if (differs) add('bad-shard', differs);
      for (const { key, message } of index.problems)
        add('bad-row', key ? `${quoted(key)} ${message}` : message);
      for (const { key, notes } of index.samples) {
        const { id, texts } = factsOf(key, notes, options);
        if (texts.length === 0) add('empty-text', `${quoted(key)} has no text`);
        const earlier = ids.get(id);
        if (earlier !== undefined) add('duplicate', `${quoted(id)} is in ${earlier} already`);
        ids.set(id, file);
      }
      samples += index.samples.length;
      readable.push(shard);
    } catch (error) {
      if (!isPengiError(error)) throw error;
      add('bad-shard', `${error.code} ${error.message}`);
    } finally {
      if (isUrl(shard)) cache.release(shard);
    }
    report.update(i + 1, shards.length);
  }
  report.end();
  const packed = await packedBeside(shards);
  for (const name of packed?.missing ?? [])
    problems.push({ kind: 'missing-shard', file: name, message: 'was packed with the others' });
  if (options.decode && readable.length > 0)
    problems.push(
      ...(await decodeSource(await shardSource(readable, { ...options, unit: 'clip' }), options)),
    );
  return result(
    nameOf(shards[0] as string),
    isUrl(shards[0] as string) ? (shards[0] as string) : dirname(shards[0] as string),
    [{ split: 'all', usable: samples, official: packed?.samples ?? null }],
    problems,
  );
}

function quoted(name: string): string {
  return `"${printable(name, 100)}"`;
}

function nameOf(shard: string): string {
  return isUrl(shard) ? shard : basename(shard);
}

/** What an index beside the shard says that is not so. */
async function differsFromIndex(
  path: string,
  found: ShardIndex,
  beside: string,
): Promise<string | undefined> {
  if (!(await stat(beside).catch(() => undefined))) return undefined;
  const index = await readIndex(beside);
  if (index.bytes !== found.bytes) return `has ${found.bytes} bytes, its index says ${index.bytes}`;
  if (JSON.stringify(index.samples) !== JSON.stringify(found.samples))
    return 'has other samples than its index says';
  if (index.sha256 === undefined) return undefined;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex') === index.sha256 ? undefined : 'has another sha256 than its index says';
}

/** What `pengi data pack` wrote down about shards that lie together. */
async function packedBeside(
  shards: readonly string[],
): Promise<{ samples: number; missing: string[] } | undefined> {
  const [first] = shards;
  if (first === undefined || isUrl(first)) return undefined;
  const folder = dirname(first);
  const summaries = (await readdir(folder)).filter((name) => name.endsWith('.pack.json'));
  let [samples, missing, isOfAll] = [0, [] as string[], true];
  for (const name of summaries) {
    const summary = JSON.parse(await readFile(join(folder, name), 'utf8').catch(() => '{}')) as {
      samples?: number;
      shards?: { file: string }[];
    };
    const files = summary.shards?.map(({ file }) => file) ?? [];
    const given = files.filter((file) => shards.includes(join(folder, file)));
    if (given.length === 0) continue;
    samples += summary.samples ?? 0;
    const there = await readdir(folder);
    missing = [...missing, ...files.filter((file) => !there.includes(file))];
    isOfAll &&= given.length + missing.length >= files.length;
  }
  return samples > 0 && isOfAll ? { samples, missing } : undefined;
}

async function decodeSource(
  source: ExampleSource,
  { maxSeconds = 600, progress = silentProgress }: VerifySourceOptions,
): Promise<Problem[]> {
  const recordings = async function* (): AsyncGenerator<Recording> {
    for (let index = 0; index < source.length; index++) {
      const { name, file, readAudio } = await source.read(index);
      // Of shards: the shard and the key in it.
      yield { file: file.includes('#') ? (file.split('/').at(-1) ?? file) : name, read: readAudio };
    }
  };
  try {
    return await checkRecordings(recordings(), {
      title: source.name,
      total: source.length,
      maxSeconds,
      progress,
    });
  } finally {
    await source.close();
  }
}

function result(
  set: string,
  folder: string,
  splits: Verification['splits'],
  problems: readonly Problem[],
): Verification {
  const isComplete =
    problems.length === 0 && splits.every(({ usable, official }) => official === null || usable === official);
  return { set, folder, splits, folds: [], counts: countProblems(problems), problems, isComplete };
}
