import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { fileError } from '@pengi/core/node';

export interface Digests {
  readonly bytes: number;
  /** In hexadecimal. */
  readonly sha256: string;
  readonly md5: string;
}

/** Both checksums of a file, read once and in pieces. @throws PengiError E_NOT_FOUND or E_IO; the signal's reason */
export async function digestFile(path: string, signal?: AbortSignal): Promise<Digests> {
  const sha256 = createHash('sha256');
  const md5 = createHash('md5');
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 0x100000 })) {
      signal?.throwIfAborted();
      sha256.update(chunk as Buffer);
      md5.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw fileError(error, path, 'read');
  }
  return { bytes, sha256: sha256.digest('hex'), md5: md5.digest('hex') };
}
