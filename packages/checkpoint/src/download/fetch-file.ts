import { rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatBytes, isPengiError, PengiError, type StartProgress, silentProgress } from '@pengi/core';
import { fileError, syncFolder } from '@pengi/core/node';
import type { ArtefactFile } from './artefacts.js';
import { type Check, verify } from './check.js';
import { type Digests, digestFile } from './digest.js';
import { discard, lengthOf, type Transfer, transfer } from './transfer.js';

export interface FetchOptions {
  /** Attempts in a row that bring nothing new before giving up. */
  retries: number;
  label: string;
  progress?: StartProgress | undefined;
  /** Told what is worth knowing: a lost connection, for instance. */
  say: (line: string) => void;
  signal?: AbortSignal | undefined;
  /** A connection that gives nothing for so long is lost; a minute by default. */
  idleMs?: number | undefined;
  /** Count a server that cannot be reached among what is tried again, rather than give up at once. */
  retryOffline?: boolean | undefined;
}

/** Codes of errors that say: this machine does not reach that server. */
const OFFLINE = ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH', 'ETIMEDOUT'];

/**
 * Downloads one file, checks it, and only then gives it its name. An interrupted download is gone on with by the next call.
 * @throws PengiError E_IO, E_NOT_FOUND, E_CHECKPOINT (wrong bytes; they are removed), E_DISK_FULL, E_CANNOT_CREATE,
 *   E_INTERRUPTED
 */
export async function fetchFile(
  url: string,
  target: string,
  file: ArtefactFile,
  options: FetchOptions,
): Promise<Digests & { check: Check }> {
  const partial = join(dirname(target), `.${basename(target)}.partial`);
  const checked = file.sha256 !== undefined || file.md5 !== undefined;
  await receiveAll({ url, partial, size: file.size, checked }, target, options);
  options.signal?.throwIfAborted();
  const digests = await digestFile(partial, options.signal);
  let check: Check;
  try {
    check = verify(file, digests, url);
  } catch (error) {
    await discard(partial);
    throw error;
  }
  try {
    await rename(partial, target);
    await syncFolder(dirname(target));
  } catch (error) {
    throw fileError(error, target, 'written');
  }
  await discard(partial); // what is known of it
  return { ...digests, check };
}

/** Requests until the partial file is whole. */
async function receiveAll(what: Transfer, target: string, options: FetchOptions): Promise<void> {
  const { retries, signal, say } = options;
  const progress = (options.progress ?? silentProgress)(`${options.label}, MB`);
  let longest = await lengthOf(what.partial);
  let reached = false;
  const onBytes = (done: number, total: number | undefined) => {
    reached = true;
    progress.update(Math.round(done / 1e6), total && Math.round(total / 1e6));
  };
  try {
    for (let failures = 0; ; ) {
      try {
        await transfer(what, { signal, idleMs: options.idleMs, onBytes });
        return;
      } catch (error) {
        if (signal?.aborted) throw interrupted(signal.reason, await lengthOf(what.partial));
        if (isPengiError(error)) throw error;
        const length = await lengthOf(what.partial);
        failures = length > longest ? 0 : failures + 1;
        longest = Math.max(longest, length);
        const reason = reasonOf(error);
        const offline =
          !options.retryOffline && !reached && OFFLINE.includes((error as NodeJS.ErrnoException).code ?? '');
        if (offline || failures > retries) throw unreachable(error, what.url, target, length);
        say(`${options.label}: ${reason}; trying again (${formatBytes(length)} are there)`);
        // The first attempt after progress comes at once; then 1, 2, 4 … seconds apart.
        if (failures > 1)
          await sleep(Math.min(30_000, 500 * 2 ** (failures - 1)), undefined, signal && { signal }).catch(
            () => undefined,
          );
      }
    }
  } finally {
    progress.end();
  }
}

function interrupted(reason: unknown, length: number): unknown {
  if (!isPengiError(reason)) return reason;
  return new PengiError(reason.code, reason.message, {
    hint: `${formatBytes(length)} are kept; the same command goes on from there`,
    cause: reason,
  });
}

function unreachable(cause: unknown, url: string, target: string, length: number): PengiError {
  const kept = length === 0 ? '' : ` (${formatBytes(length)} are kept, the same command goes on from there)`;
  return new PengiError('E_IO', `cannot be downloaded from ${new URL(url).host}: ${reasonOf(cause)}${kept}`, {
    file: target,
    hint: `without a connection: fetch ${url} by other means, put it there, and run the same command, which checks it`,
    cause,
  });
}

function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return message || code || String(error); // of several addresses tried, the error has a code only
}
