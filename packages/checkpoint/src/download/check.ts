import { PengiError } from '@pengi/core';
import type { ArtefactFile } from './artefacts.js';
import { type Digests, digestFile } from './digest.js';

/** By what a file was recognised; `none` when nothing is published of it. */
export type Check = 'sha256' | 'md5' | 'none';

/**
 * Compares a file with what is published of it.
 * @throws PengiError E_CHECKPOINT that names both values
 */
export function verify(file: ArtefactFile, found: Digests, where: string, hint?: string): Check {
  const differs = (what: string, is: string | number, published: string | number) =>
    new PengiError('E_CHECKPOINT', `is not the published file: ${what} ${is}, published ${published}`, {
      file: where,
      hint:
        hint ??
        'what arrived is removed; run the command again, and if this stays so, the server has another file',
    });
  if (file.size !== undefined && found.bytes !== file.size) throw differs('bytes', found.bytes, file.size);
  if (file.sha256 !== undefined) {
    if (found.sha256 !== file.sha256) throw differs('sha256', found.sha256, file.sha256);
    return 'sha256';
  }
  if (file.md5 !== undefined) {
    if (found.md5 !== file.md5) throw differs('md5', found.md5, file.md5);
    return 'md5';
  }
  return 'none';
}

/**
 * Compares a file that lies here already with what is published of it.
 * @throws PengiError E_CHECKPOINT that names both values, E_NOT_FOUND, E_IO; the signal's reason
 */
export async function checkFile(
  path: string,
  file: ArtefactFile,
  { signal, hint }: { signal?: AbortSignal | undefined; hint?: string } = {},
): Promise<void> {
  verify(file, await digestFile(path, signal), path, hint);
}
