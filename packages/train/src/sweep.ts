/** What processes that died while writing have left behind. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError } from '@pengi/core/node';

/**
 * Removes the temporary files and folders `.<name>.….<pid>-<hex>.tmp` in `folder`, whichever process they are of: the
 * caller has the folder for itself.
 * @param names what was to be written; a name that ends in "-" stands for all that begin with it. Default: anything
 * @throws PengiError E_CANNOT_CREATE, E_IO
 */
export async function sweepTemporaries(folder: string, names?: readonly string[]): Promise<void> {
  for (const entry of await entriesOf(folder)) {
    const isOurs =
      names?.some((name) => entry.startsWith(name.endsWith('-') ? `.${name}` : `.${name}.`)) ??
      entry.startsWith('.');
    if (!isOurs || !/\.\d+-[0-9a-f]{8}\.tmp$/.test(entry)) continue;
    const path = join(folder, entry);
    await rm(path, { recursive: true, force: true }).catch((error) => {
      throw fileError(error, path, 'written');
    });
  }
}

/** The names in `folder`; none where there is no such folder. */
export async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw fileError(error, folder, 'read');
  }
}
