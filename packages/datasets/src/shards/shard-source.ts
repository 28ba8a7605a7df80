import { basename } from 'node:path';
import { PengiError, type Rng, type StartProgress, silentProgress } from '@pengi/core';
import { type ExampleSource, type ExampleUnit, shuffle } from '../training/source.js';
import { indexOf } from './find-index.js';
import { expandShards, isUrl } from './names.js';
import { factsOf, type NoteOptions, type SampleFacts, sampleIn } from './sample.js';
import { createShardCache, type ShardCache, type ShardCacheOptions } from './shard-cache.js';
import { createShardFiles } from './shard-files.js';
import { createTable } from './shard-table.js';

export interface ShardSourceOptions extends NoteOptions {
  /** Of the set, for samples that do not name one; by default that of the first shard without its number. */
  readonly name?: string;
  readonly unit?: ExampleUnit;
  /**
   * How many shards are shuffled into each other; 4 by default. Shards come in an order of the epoch, and so many at a time are
   * read in random order. It is part of what determines the batches.
   */
  readonly window?: number;
  /** For shards of servers. */
  readonly cache?: ShardCacheOptions;
  readonly progress?: StartProgress;
}

/**
 * The examples of WebDataset shards: `pengi data pack`'s, or others with audio and `.json`, `.txt` or `.cls` beside it. An index
 * that is missing is made by reading the shard once, and kept in the user's cache folder.
 * @param patterns files, folders, globs, braces, URLs: see `expandShards`
 * @throws PengiError E_NOT_FOUND, E_IO, E_USAGE; E_DATA for damaged shards, for an index of another shard, and when no sample
 *   can be used
 */
export async function shardSource(
  patterns: string | readonly string[],
  options: ShardSourceOptions = {},
): Promise<ExampleSource> {
  const { unit = 'text', window = 4, progress = silentProgress } = options;
  if (!Number.isInteger(window) || window < 1)
    throw new PengiError('E_USAGE', `window is ${window}; it is a number of shards`);
  const shards = await expandShards(patterns);
  const { name = setName(shards[0] as string) } = options;
  const cache = createShardCache({ progress, ...options.cache });
  const table = createTable(unit);
  const notes: string[] = [];
  const report = progress('indices of shards');
  for (const [i, shard] of shards.entries()) {
    const index = await indexOf(shard, cache, progress);
    for (const { key, message } of index.problems)
      notes.push(`${shard}: left out: ${key ? `"${key}" ` : ''}${message}`);
    for (const { key } of table.add(index, options)) notes.push(`${shard}: left out: "${key}" has no text`);
    report.update(i + 1, shards.length);
  }
  report.end();
  if (table.length === 0)
    throw new PengiError('E_DATA', 'holds no example to train on', {
      file: shards[0] as string,
      hint: notes[0] ?? 'samples need audio, and a .json, .txt or .cls',
    });
  refuseSmallCache(table.known, shards, cache, window);

  const files = createShardFiles(shards, table.known, cache, 2 * window);
  const upcoming = new Map<number, readonly number[]>();
  const read: ExampleSource['read'] = async (index) => {
    const { shard, sample, text, clip } = table.find(index);
    const found = table.place(shard, sample);
    for (const next of upcoming.get(shard) ?? []) files.prefetch(next);
    const bytes = await files.read(shard, found.start, found.bytes);
    const where = shards[shard] as string;
    const { audio, notes: said, key } = await sampleIn(bytes, found.key, where);
    const facts = factsOf(key, said, options);
    const texts = text === undefined ? facts.texts : facts.texts.slice(text, text + 1);
    if (texts.length === 0)
      throw new PengiError('E_DATA', `"${key}" has other texts than its index says`, { file: where });
    return {
      ...entryOf(facts, texts, name, unit),
      clip,
      file: `${where}#${key}.${audio.extension}`,
      name: facts.name,
      readAudio: async () => bytes.subarray(audio.offset, audio.offset + audio.bytes),
    };
  };

  return {
    name,
    length: table.length,
    fingerprint: table.fingerprint(),
    notes,
    isFiles: false,
    order(rng) {
      const { indices, sequence } = shuffledByWindow(table.ranges, window, rng);
      upcoming.clear();
      sequence.forEach((shard, i) => {
        const next = (Math.floor(i / window) + 1) * window;
        upcoming.set(shard, sequence.slice(next, next + window));
      });
      return indices;
    },
    async *entries() {
      let clip = -1;
      for (const shard of shards)
        for (const { key, notes: said } of (await indexOf(shard, cache, progress)).samples) {
          const facts = factsOf(key, said, options);
          if (facts.texts.length === 0) continue;
          clip++;
          const examples = unit === 'clip' ? [facts.texts] : facts.texts.map((text) => [text]);
          for (const texts of examples) yield { ...entryOf(facts, texts, name, unit), clip };
        }
    },
    read,
    close: () => files.close(),
  };
}

function entryOf(
  { id, set, sources }: SampleFacts,
  texts: SampleFacts['texts'],
  name: string,
  unit: ExampleUnit,
) {
  return { set: set ?? name, id: unit === 'clip' ? id : (texts[0]?.id ?? id), texts, sources };
}

/** "clotho-000001.tar" is of the set "clotho". */
function setName(shard: string): string {
  const file = isUrl(shard) ? (new URL(shard).pathname.split('/').at(-1) ?? '') : basename(shard);
  return file.replace(/\.tar$/i, '').replace(/[-_.]?\d+$/, '') || 'shards';
}

/**
 * All indices: shards in random order, and the examples of `window` shards at a time in random order. Where shards lie plays
 * no part.
 */
function shuffledByWindow(
  ranges: readonly { from: number; to: number }[],
  window: number,
  rng: Rng,
): { indices: Uint32Array; sequence: readonly number[] } {
  const sequence = rng.fork('shards').shuffle([...ranges.keys()]);
  const indices = new Uint32Array(ranges.reduce((sum, { from, to }) => sum + to - from, 0));
  let at = 0;
  for (let first = 0; first < sequence.length; first += window) {
    const begin = at;
    for (const shard of sequence.slice(first, first + window)) {
      const { from, to } = ranges[shard] as { from: number; to: number };
      for (let index = from; index < to; index++) indices[at++] = index;
    }
    shuffle(indices.subarray(begin, at), rng.fork('window').fork(first));
  }
  return { indices, sequence };
}

function refuseSmallCache(
  known: readonly { bytes: number }[],
  shards: readonly string[],
  { maxBytes, folder }: ShardCache,
  window: number,
): void {
  const remote = known.filter((_, i) => isUrl(shards[i] as string)).map(({ bytes }) => bytes);
  const needed = remote
    .sort((a, b) => b - a)
    .slice(0, 2 * window)
    .reduce((sum, bytes) => sum + bytes, 0);
  if (needed > maxBytes)
    throw new PengiError(
      'E_USAGE',
      `${2 * window} shards (twice the window) need ${needed} bytes; the cache may have ${maxBytes}`,
      {
        file: folder,
        hint: 'allow the cache more bytes, or use a smaller window',
      },
    );
}
