/**
 * The predictions of a run: append-only JSON lines, each with a CRC, so that a process may be killed at any moment and
 * what was answered before is still there and known to be whole.
 */
import { existsSync } from 'node:fs';
import { type FileHandle, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { PengiError, printable } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import type { Json } from '../task.js';

export interface StoredLine {
  /** What makes it the answer to one question about one recording by one model; see `answerKey`. */
  readonly key: string;
  /** For people who read the file: which task asked first, and about which item. */
  readonly task: string;
  readonly id: string;
  readonly value: Json;
}

export interface PredictionStore {
  has(key: string): boolean;
  /** @throws PengiError E_DATA for a key that is not there */
  get(key: string): Json;
  readonly size: number;
  /** Lines that were dropped because they are torn or damaged. */
  readonly dropped: number;
  /** Written in one go and synced before it returns. @throws PengiError E_DISK_FULL, E_IO */
  append(lines: readonly StoredLine[]): Promise<void>;
  close(): Promise<void>;
}

export interface StoreOptions {
  /** Is told of lines that are dropped. */
  readonly warn?: (message: string) => void;
  /** The file that is written: one for each process of a run. Default "predictions.jsonl"; null to read alone. */
  readonly file?: string | null;
}

/** Those of all processes of a run. */
const FILES = /^predictions(?:-[\w-]+)?\.jsonl$/;

/**
 * Opens the predictions in the folder `run`: those of all its files are known, one file is appended to.
 * @throws PengiError E_CANNOT_CREATE, E_IO
 */
export async function openStore(
  run: string,
  { warn = () => undefined, file = 'predictions.jsonl' }: StoreOptions = {},
): Promise<PredictionStore> {
  const known = new Map<string, Json>();
  let dropped = 0;
  const readInto = async (name: string): Promise<number> => {
    const { lines, bad, end } = readLines(await readFile(join(run, name)));
    for (const { key, value } of lines) known.set(key, value);
    if (bad.length > 0) {
      dropped += bad.length;
      warn(
        `${printable(join(run, name))}: line ${bad.join(', ')} is torn or damaged; dropped, to be asked again`,
      );
    }
    return end;
  };
  const own = join(run, file ?? '');
  let handle: FileHandle | undefined;
  try {
    for (const name of (await readdir(run)).sort())
      if (FILES.test(name) && name !== file) await readInto(name);
    if (file !== null) {
      const end = existsSync(own) ? await readInto(file) : 0;
      handle = await open(own, 'a');
      // A torn end is cut off, or the next line would be appended to it.
      if ((await handle.stat()).size > end) await handle.truncate(end);
    }
  } catch (error) {
    throw fileError(error, own, file === null ? 'read' : 'written');
  }

  return {
    has: (key) => known.has(key),
    get(key) {
      const value = known.get(key);
      if (value === undefined) throw new PengiError('E_DATA', 'a prediction is missing', { file: own });
      return value;
    },
    get size() {
      return known.size;
    },
    get dropped() {
      return dropped;
    },
    async append(lines) {
      if (lines.length === 0) return;
      if (!handle) throw new PengiError('E_USAGE', 'the predictions were opened to read them', { file: run });
      try {
        await handle.appendFile(lines.map((line) => `${withCrc(line)}\n`).join(''));
        await handle.datasync();
      } catch (error) {
        throw fileError(error, own, 'written');
      }
      for (const { key, value } of lines) known.set(key, value);
    },
    close: async () => handle?.close(),
  };
}

/** The line as JSON whose last field is the CRC-32 of everything before that field. */
function withCrc({ key, task, id, value }: StoredLine): string {
  const body = JSON.stringify({ key, task, id, value }).slice(0, -1);
  return `${body},"crc":"${checksum(body)}"}`;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}

const CRC_FIELD = /^(.*),"crc":"([0-9a-f]{8})"\}$/s;

/** The whole lines, the numbers of the others, and where a torn last line begins (else the end of the file). */
function readLines(bytes: Buffer): { lines: StoredLine[]; bad: number[]; end: number } {
  const lines: StoredLine[] = [];
  const bad: number[] = [];
  let start = 0;
  for (let number = 1; start < bytes.length; number++) {
    const stop = bytes.indexOf(0x0a, start);
    if (stop < 0) {
      bad.push(number);
      return { lines, bad, end: start };
    }
    const line = readLine(bytes.toString('utf8', start, stop));
    if (line) lines.push(line);
    else bad.push(number);
    start = stop + 1;
  }
  return { lines, bad, end: start };
}

function readLine(text: string): StoredLine | undefined {
  const [, body, crc] = CRC_FIELD.exec(text) ?? [];
  if (body === undefined || crc !== checksum(body)) return undefined;
  return JSON.parse(text) as StoredLine; // whole, so as it was written
}
