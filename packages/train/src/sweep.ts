/** What a process that died while writing has left behind. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError } from '@pengi/core/node';

/**
 * Removes the temporary files and folders `<name>.<pid>-<hex>.tmp` in `folder` whose process is dead.
 * @param isOurs of the name
 */
export async function sweepTemporaries(folder: string, isOurs: (name: string) => boolean): Promise<void> {
  for (const entry of await entriesOf(folder)) {
    const match = /^(.+)\.(\d+)-[0-9a-f]{8}\.tmp$/.exec(entry);
    if (!match || !isOurs(match[1]!) || isAlive(Number(match[2]))) continue;
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

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'; // EPERM: somebody else's process
  }
}
