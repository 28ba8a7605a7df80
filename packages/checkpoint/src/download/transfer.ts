import { type FileHandle, open, readFile, rm, stat, statfs } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import { formatBytes, PengiError, printable } from '@pengi/core';
import { fileError, writeFileAtomic } from '@pengi/core/node';
import { get } from './http.js';

/** What is downloaded, and where to. */
export interface Transfer {
  url: string;
  /** The unfinished file; what is in it is gone on from. `.json` beside it says of which version of the file it is. */
  partial: string;
  /** The published size. */
  size: number | undefined;
  /** A published checksum will judge the bytes, so a rest may be put on bytes of unknown origin. */
  checked: boolean;
}

export interface TransferOptions {
  signal?: AbortSignal | undefined;
  /** A connection that gives nothing for so long is lost. */
  idleMs?: number | undefined;
  /** Told the length of the file so far, and the whole when it is known. */
  onBytes: (done: number, total: number | undefined) => void;
}

/** The version of the server's file that the bytes at hand belong to. */
interface Origin {
  url: string;
  etag?: string;
}

/**
 * One request for what is missing of a file. When it returns, the partial file is as long as the server says.
 * @throws PengiError where trying again is of no use; any other error where it is
 */
export async function transfer(what: Transfer, { signal, idleMs, onBytes }: TransferOptions): Promise<void> {
  const { url, partial, size } = what;
  const origin = await readOrigin(partial);
  const etag = origin?.url === url ? origin.etag : undefined;
  let have = etag !== undefined || what.checked ? await lengthOf(partial) : 0;
  if (size !== undefined && have > size) have = 0;
  if (have > 0 && have === size) return;

  const range = have === 0 ? {} : { range: `bytes=${have}-`, ...(etag && { 'if-range': etag }) };
  const identity = { 'accept-encoding': 'identity', 'user-agent': 'pengi' };
  const answer = await get(url, { ...identity, ...range }, signal, idleMs);
  try {
    const { statusCode: status, headers } = answer;
    const given = contentRange(headers);
    if (status === 416 && given?.total === have) return;
    if (status === 416 || (status === 206 && given?.start !== have)) {
      await discard(partial);
      throw new Error(`a wrong range in the answer (HTTP ${status}); starting anew`);
    }
    refuseFailure(answer, url);

    if (status === 200) have = 0; // the server ignores ranges, or its file is another one by now
    const total = given?.total ?? announced(headers, have);
    if (total !== undefined && size !== undefined && total !== size)
      throw new PengiError('E_CHECKPOINT', `the server has ${total} bytes, the published file ${size}`, {
        file: url,
        hint: 'it is another file; the server or mirror is at fault',
      });
    if (total !== undefined) await refuseTooLarge(partial, total - have);
    if (have === 0) await begin(partial, url, headers.etag);

    const wanted = total ?? size;
    const done = await receive(answer, what, have, wanted, onBytes);
    if (wanted !== undefined && done < wanted)
      throw new Error(`the answer ended at ${done} of ${wanted} bytes`);
  } finally {
    answer.destroy(); // closes what an error has left open
  }
}

/** Removes a partial file and what is known of it. */
export async function discard(partial: string): Promise<void> {
  await rm(partial, { force: true });
  await rm(`${partial}.json`, { force: true });
}

/** The length of a file, 0 when there is none. */
export async function lengthOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Writes the body to the partial file from `have` on, and gives the length of the file. */
async function receive(
  body: IncomingMessage,
  { partial, url }: Transfer,
  have: number,
  total: number | undefined,
  onBytes: TransferOptions['onBytes'],
): Promise<number> {
  const file = await disk(partial, () => open(partial, 'r+'));
  let done = have;
  try {
    onBytes(done, total);
    for await (const chunk of body) {
      const bytes = chunk as Uint8Array;
      if (total !== undefined && done + bytes.length > total)
        throw new PengiError('E_CHECKPOINT', `the server sends more than the ${total} bytes it should have`, {
          file: url,
        });
      await disk(partial, () => writeAll(file, bytes, done));
      done += bytes.length;
      onBytes(done, total);
    }
    await disk(partial, () => file.sync());
    return done;
  } catch (error) {
    await file.sync().catch(() => undefined); // the first error is the one to report
    throw error;
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** What the disk refuses is final; everything else that goes wrong meanwhile is the network's. */
async function disk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, path, 'written');
  }
}

function refuseFailure({ statusCode: status = 0, headers }: IncomingMessage, url: string): void {
  if (status === 404 || status === 410)
    throw new PengiError('E_NOT_FOUND', `the server has no such file (HTTP ${status})`, { file: url });
  if ([408, 425, 429].includes(status) || status >= 500) throw new Error(`HTTP ${status}`);
  if (status !== 200 && status !== 206)
    throw new PengiError('E_IO', `the server refuses (HTTP ${status})`, { file: url });
  const type = headers['content-type'] ?? '';
  if (type.startsWith('text/html'))
    throw new PengiError('E_IO', `the server gives a web page (${printable(type, 40)}), not the file`, {
      file: url,
      hint: 'a login page of the network may be in between',
    });
}

async function refuseTooLarge(partial: string, missing: number): Promise<void> {
  const folder = dirname(partial);
  const { bavail, bsize } = await disk(folder, () => statfs(folder));
  if (missing <= bavail * bsize) return;
  throw new PengiError(
    'E_DISK_FULL',
    `needs ${formatBytes(missing)} more, ${formatBytes(bavail * bsize)} are free`,
    { file: folder, hint: 'free some space, or name a folder of another disk with PENGI_CACHE' },
  );
}

/** The length of the whole file by Content-Length, which says nothing about a body that is packed on the way. */
function announced(headers: IncomingHttpHeaders, have: number): number | undefined {
  const length = headers['content-length'];
  return length === undefined || headers['content-encoding'] ? undefined : have + Number(length);
}

/** `bytes 5-9/10` or, with 416, a star for the range; a star for the total when the server does not know it. */
function contentRange(headers: IncomingHttpHeaders): { start?: number; total?: number } | undefined {
  const match = /^bytes (?:(\d+)-\d+|\*)\/(?:(\d+)|\*)$/.exec(headers['content-range'] ?? '');
  if (!match) return undefined;
  return {
    ...(match[1] === undefined ? {} : { start: Number(match[1]) }),
    ...(match[2] === undefined ? {} : { total: Number(match[2]) }),
  };
}

async function readOrigin(partial: string): Promise<Origin | undefined> {
  try {
    const { url, etag } = JSON.parse(await readFile(`${partial}.json`, 'utf8')) as Record<string, unknown>;
    if (typeof url !== 'string') return undefined;
    return { url, ...(typeof etag === 'string' ? { etag } : {}) };
  } catch {
    return undefined; // without it the bytes are of unknown origin
  }
}

/** Empties the partial file, and writes down what will be in it. */
async function begin(partial: string, url: string, etag: string | undefined): Promise<void> {
  await disk(partial, async () => (await open(partial, 'w')).close());
  // Weak tags do not promise the same bytes.
  const origin: Origin = { url, ...(etag === undefined || etag.startsWith('W/') ? {} : { etag }) };
  await writeFileAtomic(`${partial}.json`, `${JSON.stringify(origin)}\n`);
}
