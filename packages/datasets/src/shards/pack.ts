import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { decodeAudio } from '@pengi/audio-frontend';
import {
  createRng,
  isPengiError,
  PengiError,
  printable,
  type StartProgress,
  silentProgress,
} from '@pengi/core';
import { fileError, withLock, writeFileAtomic } from '@pengi/core/node';
import { sha256 } from '../files.js';
import { BLOCK, encodeHeader, padded } from '../tar/header.js';
import type { ExampleSource, ReadableExample } from '../training/source.js';
import { factsOf, type SampleProblem } from './sample.js';
import { encodeIndex, type IndexedSample, indexName, readIndex, type ShardIndex } from './shard-index.js';

export interface PackOptions {
  /** The folder that the shards go to; made when it is missing. */
  readonly out: string;
  /** What the shards are called; the source's name by default. */
  readonly name?: string;
  /** A shard ends before it would become larger, unless one recording is; 256 MiB by default. */
  readonly shardBytes?: number;
  /**
   * Recordings are shuffled by this seed, 0 by default, since training shuffles only some shards into each other; null keeps
   * the source's order.
   */
  readonly shuffle?: number | null;
  /** Decode every recording, so that no bad one is packed; otherwise only its format is looked at. */
  readonly decode?: boolean;
  /** Leave recordings out that cannot be used, saying which, rather than end with an error. */
  readonly skipBad?: boolean;
  readonly progress?: StartProgress;
  readonly signal?: AbortSignal;
}

export interface PackedShard {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly samples: number;
}

export interface Packed {
  readonly name: string;
  readonly samples: number;
  readonly texts: number;
  readonly shards: readonly PackedShard[];
  /** Recordings that were left out. */
  readonly problems: readonly SampleProblem[];
  /** Shards that an earlier call had finished. */
  readonly kept: number;
}

/**
 * Writes a source as WebDataset shards, `NAME-000000.tar` and so on, each with its index, and `NAME.pack.json` about all.
 * A sample is a recording, as it is, with a `.json`: `id`, `set`, `file` (what it was packed from), `sha256`, `texts`,
 * `sources`. The same source and options give the same bytes on every machine. Every file is there whole or not at all, and an
 * interrupted call is gone on with by the next.
 * @param source with recordings as its examples (unit 'clip')
 * @throws PengiError E_DATA for the first recording that cannot be used, and when the folder holds shards of something else;
 *   E_BUSY, E_CANNOT_CREATE, E_DISK_FULL, E_IO; the signal's reason
 */
export async function packShards(source: ExampleSource, options: PackOptions): Promise<Packed> {
  const { out, shardBytes = 2 ** 28, shuffle = 0, decode = false } = options;
  const name = options.name ?? source.name;
  if (!/^[A-Za-z0-9][\w.-]{0,80}$/.test(name))
    throw new PengiError('E_USAGE', `"${printable(name, 80)}" is no name for shards`, {
      hint: 'letters, digits, hyphens, underscores and dots make one',
    });
  if (!(shardBytes >= 1024)) throw new PengiError('E_USAGE', `shards of ${shardBytes} bytes are too small`);
  await mkdir(out, { recursive: true }).catch((error: unknown) => {
    throw fileError(error, out, 'written');
  });
  const plan: Plan = {
    format: FORMAT,
    version: 1,
    name,
    shardBytes,
    shuffle,
    decode,
    source: source.fingerprint,
  };
  return withLock(join(out, `.${name}.lock`), () => packInto(source, plan, options), { wait: false });
}

const FORMAT = 'pengi-shards';

/** What determines the bytes. */
interface Plan {
  readonly format: string;
  readonly version: number;
  readonly name: string;
  readonly shardBytes: number;
  readonly shuffle: number | null;
  readonly decode: boolean;
  /** The fingerprint. */
  readonly source: string;
}

async function packInto(source: ExampleSource, plan: Plan, options: PackOptions): Promise<Packed> {
  const { out, progress = silentProgress } = options;
  const summary = join(out, `${plan.name}.pack.json`);
  await beginOrGoOn(summary, plan);
  const shards: PackedShard[] = [];
  const problems: SampleProblem[] = [];
  let [texts, samples, place] = [0, 0, 0];
  const fileOf = (number: number) => `${plan.name}-${String(number).padStart(6, '0')}.tar`;
  const count = (index: ShardIndex) => {
    shards.push({
      file: fileOf(shards.length),
      bytes: index.bytes,
      sha256: index.sha256 ?? '',
      samples: index.samples.length,
    });
    problems.push(...index.problems);
    for (const { key, notes } of index.samples) {
      texts += factsOf(key, notes).texts.length;
      place = Number(key) + 1;
    }
    samples += index.samples.length;
  };

  for (let index = await finished(out, fileOf(0)); index; index = await finished(out, fileOf(shards.length)))
    count(index);
  const kept = shards.length;
  const report = progress(`packing ${plan.name}`);
  const reader = createReader(source, orderOf(source, plan), place, {
    ...options,
    told: (done) => report.update(done, source.length),
  });
  try {
    while ((await reader.peek()) !== undefined)
      count(await writeShard(join(out, fileOf(shards.length)), reader, plan.shardBytes));
  } finally {
    report.end();
  }
  problems.push(...reader.skipped);
  if (samples === 0) throw new PengiError('E_DATA', 'no recording can be packed', { file: source.name });
  const packed = { name: plan.name, samples, texts, shards, problems };
  await writeFileAtomic(summary, `${JSON.stringify({ ...plan, complete: true, ...packed }, null, 1)}\n`);
  return { ...packed, kept };
}

function orderOf(source: ExampleSource, { shuffle }: Plan): Uint32Array {
  if (shuffle !== null) return source.order(createRng(shuffle).fork('pack'));
  return Uint32Array.from({ length: source.length }, (_, i) => i);
}

/** Writes down what is packed; an earlier call must have packed the same. */
async function beginOrGoOn(summary: string, plan: Plan): Promise<void> {
  const text = await readFile(summary, 'utf8').catch(() => undefined);
  if (text === undefined)
    return writeFileAtomic(summary, `${JSON.stringify({ ...plan, complete: false }, null, 1)}\n`);
  let earlier: Partial<Plan> = {};
  try {
    earlier = JSON.parse(text) as Partial<Plan>;
  } catch {
    // told below
  }
  const other = (Object.keys(plan) as (keyof Plan)[]).find((key) => earlier[key] !== plan[key]);
  if (other === undefined) return;
  const what =
    other === 'source' ? 'other examples' : `another ${other} (${printable(String(earlier[other]), 60)})`;
  throw new PengiError('E_DATA', `was made of ${what}`, {
    file: summary,
    hint: 'choose another folder or name, or delete this file and its shards',
  });
}

/** The index of a shard that an earlier call has finished, when it is as it was left. */
async function finished(folder: string, file: string): Promise<ShardIndex | undefined> {
  const path = join(folder, file);
  try {
    const index = await readIndex(indexName(path));
    if ((await stat(path)).size !== index.bytes) return undefined;
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 }))
      hash.update(chunk as Buffer);
    return hash.digest('hex') === index.sha256 ? index : undefined;
  } catch {
    return undefined; // it is written anew
  }
}

interface Ready {
  /** The place in the order, which is its key. */
  readonly key: string;
  readonly extension: string;
  readonly audio: Uint8Array;
  readonly json: Record<string, unknown>;
  /** What was left out since the one before. */
  readonly skipped: readonly SampleProblem[];
}

interface Reader {
  peek(): Promise<Ready | undefined>;
  take(): void;
  /** What was left out behind the last one. */
  readonly skipped: readonly SampleProblem[];
}

function createReader(
  source: ExampleSource,
  order: Uint32Array,
  from: number,
  options: PackOptions & { told(done: number): void },
): Reader {
  const digits = Math.max(6, String(order.length).length);
  let place = from;
  let skipped: SampleProblem[] = [];
  let next: Ready | undefined;

  const advance = async (): Promise<Ready | undefined> => {
    for (; place < order.length; place++) {
      options.signal?.throwIfAborted();
      options.told(place);
      const key = String(place).padStart(digits, '0');
      const example = await source.read(order[place] as number);
      try {
        const audio = await example.readAudio();
        const extension = extensionOf(audio);
        if (options.decode) await decodeAudio(audio, { name: example.file });
        place++;
        return { key, extension, audio, json: notesOf(example, audio), skipped: skipped.splice(0) };
      } catch (error) {
        const told = withName(error, example.file);
        if (!options.skipBad) throw told;
        skipped = [...skipped, { key, start: 0, message: told.line }];
      }
    }
    return undefined;
  };

  return {
    async peek() {
      next ??= await advance();
      return next;
    },
    take() {
      next = undefined;
    },
    get skipped() {
      return skipped;
    },
  };
}

function notesOf(
  { id, set, name, texts, sources }: ReadableExample,
  audio: Uint8Array,
): Record<string, unknown> {
  return { id, set, file: name, sha256: sha256(audio), texts, ...(sources.length > 0 && { sources }) };
}

/** By content: what a file is called does not tell what it is. @throws PengiError E_AUDIO_FORMAT */
function extensionOf(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.subarray(0, 64)).toString('latin1');
  if (/^(RIFF|RF64)....WAVE/s.test(head)) return 'wav';
  if (head.startsWith('fLaC')) return 'flac';
  if (head.startsWith('OggS')) return head.includes('OpusHead') ? 'opus' : 'ogg';
  if (head.startsWith('ID3') || (bytes[0] === 0xff && ((bytes[1] ?? 0) & 0xe0) === 0xe0)) return 'mp3';
  throw new PengiError('E_AUDIO_FORMAT', 'is no WAV, FLAC, MP3 or Ogg', {
    hint: 'convert it, for example with ffmpeg',
  });
}

function withName(error: unknown, file: string): PengiError {
  if (!isPengiError(error)) throw error;
  const { code, message, hint, cause } = error;
  return new PengiError(code, message, { file: error.file ?? file, ...(hint && { hint }), cause });
}

async function writeShard(path: string, reader: Reader, shardBytes: number): Promise<ShardIndex> {
  const samples: IndexedSample[] = [];
  const problems: SampleProblem[] = [];
  const hash = createHash('sha256');
  let at = 0;
  const append = async (file: FileHandle, bytes: Uint8Array) => {
    await file.writeFile(bytes);
    hash.update(bytes);
    at += bytes.length;
  };
  await writeFileAtomic(path, async (file) => {
    for (let next = await reader.peek(); next !== undefined; next = await reader.peek()) {
      const json = Buffer.from(JSON.stringify(next.json));
      const size = 2 * BLOCK + padded(next.audio.length) + padded(json.length);
      if (samples.length > 0 && at + size + END.length > shardBytes) break;
      const { key, extension } = next;
      samples.push({ key, start: at, bytes: size, extension, notes: { json: next.json } });
      problems.push(...next.skipped);
      await append(file, member(`${key}.${extension}`, next.audio));
      await append(file, member(`${key}.json`, json));
      reader.take();
    }
    await append(file, END);
  });
  const index: ShardIndex = {
    shard: basename(path),
    bytes: at,
    sha256: hash.digest('hex'),
    samples,
    problems,
  };
  await writeFileAtomic(indexName(path), encodeIndex(index));
  return index;
}

/** Two blocks of zeros. */
const END = new Uint8Array(2 * BLOCK);

function member(name: string, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(BLOCK + padded(body.length));
  bytes.set(encodeHeader(name, body.length));
  bytes.set(body, BLOCK);
  return bytes;
}
