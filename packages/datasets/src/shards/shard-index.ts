import { open, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { PengiError, type StartProgress, silentProgress } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import { z } from 'zod';
import { BLOCK } from '../tar/header.js';
import { type Sample, type SampleNotes, type SampleProblem, samplesOf } from './sample.js';

/**
 * What makes a shard's samples addressable: where each lies and what is said of it. It is a text file beside the shard,
 * `NAME.index.jsonl` for `NAME.tar`: a line about the shard, then one for each sample.
 */
export interface ShardIndex {
  readonly shard: string;
  readonly bytes: number;
  /** Of the shard, in hexadecimal; only `pengi data pack` writes it. */
  readonly sha256?: string;
  readonly samples: readonly IndexedSample[];
  /** Samples that cannot be used. */
  readonly problems: readonly SampleProblem[];
}

export interface IndexedSample {
  readonly key: string;
  readonly start: number;
  /** To behind its last member's padding. */
  readonly bytes: number;
  readonly extension: string;
  readonly notes: SampleNotes;
}

const FORMAT = 'pengi-shard-index';
const VERSION = 1;

/** "train-0.tar" has "train-0.index.jsonl"; what follows the path of a URL stays. */
export function indexName(shard: string): string {
  return /\.tar(?=$|\?)/i.test(shard)
    ? shard.replace(/\.tar(?=$|\?)/i, '.index.jsonl')
    : `${shard}.index.jsonl`;
}

export function encodeIndex({ shard, bytes, sha256, samples, problems }: ShardIndex): string {
  const head = {
    format: FORMAT,
    version: VERSION,
    shard,
    bytes,
    ...(sha256 && { sha256 }),
    samples: samples.length,
    problems,
  };
  return `${[head, ...samples].map((line) => JSON.stringify(line)).join('\n')}\n`;
}

const count = z.int().min(0);
const Head = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  shard: z.string(),
  bytes: count,
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  samples: count,
  problems: z.array(z.object({ key: z.string(), start: count, message: z.string() })),
});
const Line = z.object({
  key: z.string(),
  start: count,
  bytes: z
    .int()
    .min(1)
    .max(2 ** 30),
  extension: z.string(),
  notes: z.object({
    json: z.record(z.string(), z.unknown()).optional(),
    txt: z.string().optional(),
    cls: z.string().optional(),
  }),
});

/** @throws PengiError E_DATA for what is no whole index */
export function decodeIndex(text: string, file: string): ShardIndex {
  const refuse = (line: number, why: string): never => {
    throw new PengiError('E_DATA', `is no whole index of a shard: ${why}`, {
      file: `${file}:${line}`,
      hint: 'delete it, so that it is made anew',
    });
  };
  const lines = text.split('\n');
  if (lines.pop() !== '') refuse(lines.length + 1, 'it is cut');
  const parsed = <T>(schema: z.ZodType<T>, at: number): T => {
    try {
      return schema.parse(JSON.parse(lines[at] ?? ''));
    } catch {
      return refuse(at + 1, 'a line that does not belong there');
    }
  };
  const { samples: announced, sha256, shard, bytes, problems } = parsed(Head, 0);
  const samples = lines.slice(1).map((_, i) => parsed(Line, i + 1) as IndexedSample);
  if (samples.length !== announced) refuse(1, `${samples.length} of ${announced} samples`);
  const outside = samples.findIndex((sample) => sample.start + sample.bytes > bytes + BLOCK); // the padding may lack
  if (outside >= 0) refuse(outside + 2, 'a sample behind the end of the shard');
  return { shard, bytes, ...(sha256 && { sha256 }), samples, problems };
}

/** @throws PengiError E_NOT_FOUND, E_IO, E_DATA */
export async function readIndex(path: string): Promise<ShardIndex> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw fileError(error, path, 'read');
  });
  return decodeIndex(text, path);
}

/** Read at once while looking for members. */
const WINDOW = 2 ** 20;

/**
 * Makes the index of a shard by reading it once; bodies of audio are passed over.
 * @throws PengiError E_DATA as `tarMembers`, E_NOT_FOUND, E_IO
 */
export async function scanShard(
  path: string,
  name = path,
  progress: StartProgress = silentProgress,
): Promise<ShardIndex> {
  const file = await open(path).catch((error: unknown) => {
    throw fileError(error, path, 'read');
  });
  const report = progress(`indexing ${basename(name)}`);
  try {
    const { size } = await file.stat();
    let [from, window] = [0, Buffer.alloc(0)];
    const read = async (offset: number, length: number) => {
      if (offset < from || offset + length > from + window.length) {
        window = Buffer.alloc(Math.min(Math.max(length, WINDOW), Math.max(0, size - offset)));
        const { bytesRead } = await file.read(window, 0, window.length, offset);
        [from, window] = [offset, window.subarray(0, bytesRead)];
        report.update(offset, size);
      }
      return window.subarray(offset - from, offset - from + length);
    };
    const samples: IndexedSample[] = [];
    const problems: SampleProblem[] = [];
    const onEnd = (isMarked: boolean) => {
      // GNU's and Python's tar write one; without it a part may be missing, cut between two members.
      if (!isMarked)
        problems.push({ key: '', start: size, message: 'the shard has no end mark: is it whole?' });
    };
    for await (const sample of samplesOf(read, size, name, onEnd)) {
      if ('message' in sample) problems.push(sample);
      else samples.push(indexed(sample));
    }
    return { shard: basename(name), bytes: size, samples, problems };
  } catch (error) {
    throw fileError(error, path, 'read');
  } finally {
    report.end();
    await file.close();
  }
}

function indexed({ key, start, end, audio, notes }: Sample): IndexedSample {
  return { key, start, bytes: end - start, extension: audio.extension, notes };
}
