import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { fileError } from '@pengi/core/node';

/** The SHA-256 of a file in hexadecimal; read in pieces. @throws PengiError E_NOT_FOUND or E_IO */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path, { highWaterMark: 0x100000 }), hash);
  } catch (error) {
    throw fileError(error, path, 'read');
  }
  return hash.digest('hex');
}
