import { once } from 'node:events';
import { sha256File } from '@pengi/checkpoint';
import { PengiError } from '@pengi/core';
import { startWorker } from '@pengi/core/node';

/** Below this, starting a thread takes longer than hashing. */
const WORTH_A_THREAD = 0x8000000;

export interface Digest<Text = string> {
  /** In hexadecimal. @throws PengiError E_NOT_FOUND, E_IO, E_WORKER */
  readonly sha256: Promise<Text>;
  /** Ends the work, if it is not done. */
  stop(): Promise<void>;
}

/** Hashes a file beside other work: a large one in a thread of its own. */
export function digestOf(path: string, bytes: number, worthAThread = WORTH_A_THREAD): Digest {
  if (bytes < worthAThread) return guarded(sha256File(path), async () => {});
  const worker = startWorker(import.meta.url, 'hash-worker', { workerData: path });
  const answer = Promise.race([
    once(worker, 'message').then(([digest]) => digest as string),
    once(worker, 'exit').then(() => {
      throw new PengiError('E_WORKER', 'the thread ended before the checksum was known', { file: path });
    }),
  ]);
  return guarded(answer, async () => void (await worker.terminate()));
}

/** An error counts when the digest is waited for, not before. */
function guarded(sha256: Promise<string>, stop: () => Promise<void>): Digest {
  sha256.catch(() => undefined);
  return { sha256, stop };
}
