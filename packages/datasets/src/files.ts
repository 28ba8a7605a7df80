import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { type ErrorCode, PengiError } from '@pengi/core';
import { fileError } from '@pengi/core/node';

/**
 * The bytes of a regular file.
 * @param tooLarge the error code for more than `limit` bytes
 * @throws PengiError E_NOT_FOUND, E_IO, and `tooLarge`
 */
export async function readRegularFile(path: string, limit: number, tooLarge: ErrorCode): Promise<Uint8Array> {
  try {
    // Before it is opened: opening a pipe waits for a writer, and a device might never end.
    const found = await stat(path);
    if (!found.isFile())
      throw new PengiError('E_NOT_FOUND', `is ${found.isDirectory() ? 'a folder' : 'no regular file'}`, {
        file: path,
      });
    if (found.size > limit)
      throw new PengiError(tooLarge, `has ${found.size} bytes; at most ${limit} are read`, {
        file: path,
        hint: 'cut it into smaller files',
      });
    return await readFile(path);
  } catch (error) {
    throw fileError(error, path, 'read');
  }
}

/** In hexadecimal. */
export function sha256(...parts: (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
