import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { get, publicAddress } from '@pengi/checkpoint/download';
import { isPengiError, PengiError } from '@pengi/core';
import { fileError } from '@pengi/core/node';

/** A file somewhere of which parts can be read. */
export interface ByteSource {
  /** For messages: a path, or an address without credentials. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** The bytes from `start` up to, not including, `end`. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
}

export interface HttpOptions {
  /** Attempts in a row that bring nothing new before giving up. Default 5. */
  retries?: number | undefined;
  say?: ((line: string) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** @throws PengiError E_NOT_FOUND or E_IO */
export async function fileSource(path: string): Promise<ByteSource> {
  try {
    return {
      name: path,
      size: (await stat(path)).size,
      // createReadStream takes the last byte, and no empty range
      read: (start, end) => createReadStream(path, { start, end: end - 1, highWaterMark: 0x100000 }),
    };
  } catch (error) {
    throw fileError(error, path, 'read');
  }
}

/**
 * A file of a server that gives parts of files; a connection that breaks is taken up where it broke.
 * @returns undefined when the server gives whole files only
 * @throws PengiError E_CHECKPOINT when the file has another size than `size`, E_NOT_FOUND, E_IO; any other error for what
 *   the network does
 */
export async function httpSource(
  url: string,
  size: number,
  options: HttpOptions = {},
): Promise<ByteSource | undefined> {
  const name = publicAddress(url);
  const answer = await request(url, 0, 1, options.signal);
  answer.destroy();
  const { statusCode: status = 0, headers } = answer;
  const total = Number(/^bytes 0-0\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1]);
  if (status === 200 || (status === 206 && Number.isNaN(total))) return undefined;
  if (status !== 206)
    throw new PengiError(
      status === 404 || status === 410 ? 'E_NOT_FOUND' : 'E_IO',
      `the server refuses (HTTP ${status})`,
      { file: name },
    );
  if (total !== size)
    throw new PengiError('E_CHECKPOINT', `the server has ${total} bytes, the published file ${size}`, {
      file: name,
      hint: 'it is another file; the server or mirror is at fault',
    });
  return { name, size, read: (start, end) => readRange(url, start, end, options) };
}

async function* readRange(
  url: string,
  start: number,
  end: number,
  { retries = 5, say = () => undefined, signal }: HttpOptions,
): AsyncGenerator<Uint8Array> {
  for (let at = start, failures = 0; at < end; ) {
    try {
      const answer = await request(url, at, end, signal);
      try {
        if (answer.statusCode !== 206 || !answer.headers['content-range']?.startsWith(`bytes ${at}-`))
          throw new Error(`HTTP ${answer.statusCode} instead of a part of the file`);
        for await (const chunk of answer) {
          const bytes = (chunk as Uint8Array).subarray(0, end - at); // a server may send more than it was asked for
          at += bytes.length;
          failures = 0;
          yield bytes;
          if (at === end) break;
        }
        if (at < end) throw new Error(`the answer ended at ${at} of ${end} bytes`);
      } finally {
        answer.destroy();
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (isPengiError(error)) throw error;
      const reason = reasonOf(error);
      if (++failures > retries)
        throw new PengiError('E_IO', `cannot be read: ${reason}`, { file: publicAddress(url), cause: error });
      say(`${reason}; trying again`);
      // The first attempt after progress comes at once; then 1, 2, 4 … seconds apart.
      if (failures > 1) await sleep(Math.min(30_000, 250 * 2 ** failures), undefined, signal && { signal });
    }
  }
}

function request(url: string, start: number, end: number, signal: AbortSignal | undefined) {
  return get(
    url,
    { 'accept-encoding': 'identity', 'user-agent': 'pengi', range: `bytes=${start}-${end - 1}` },
    signal,
  );
}

export function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return (message || code || String(error)).split('\n')[0]!; // of several addresses tried, the error has a code only
}
