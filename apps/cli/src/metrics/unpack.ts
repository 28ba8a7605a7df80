import { createWriteStream } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isPengiError, PengiError } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import type { JavaDownload } from '@pengi/metrics/java';
import yauzl from 'yauzl';

/**
 * Puts the entries of a zip that are wanted below `folder`. The zip has been checked against its checksum, so its content is known;
 * yauzl refuses names that lead elsewhere all the same.
 * @returns how many files there were
 * @throws PengiError E_CHECKPOINT for a zip without them, E_IO, E_DISK_FULL, E_CANNOT_CREATE; the signal's reason
 */
export async function unpack(
  path: string,
  keep: JavaDownload['keep'],
  folder: string,
  signal?: AbortSignal,
): Promise<number> {
  let files = 0;
  try {
    const zip = await yauzl.openPromise(path, { lazyEntries: true, autoClose: false });
    try {
      for await (const entry of zip.eachEntry()) {
        signal?.throwIfAborted();
        const wanted = keep.find(({ from }) => entry.fileName.startsWith(from));
        if (!wanted || entry.fileName.endsWith('/')) continue;
        const target = join(folder, wanted.to + entry.fileName.slice(wanted.from.length));
        const partial = `${target}.partial`;
        await mkdir(dirname(target), { recursive: true });
        await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(partial, { flush: true }));
        await rename(partial, target);
        files++;
      }
    } finally {
      zip.close();
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (isPengiError(error)) throw error;
    if ((error as NodeJS.ErrnoException).code) throw fileError(error, folder, 'written');
    throw new PengiError('E_CHECKPOINT', `is no readable zip: ${(error as Error).message}`, {
      file: path,
      cause: error,
    });
  }
  if (files < keep.length)
    throw new PengiError('E_CHECKPOINT', `holds ${files} of at least ${keep.length} files that are wanted`, {
      file: path,
    });
  return files;
}
