/** Which checkpoints stay: the newest few, the best one, and damaged ones under another name. */
import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileError, syncFolder } from '@pengi/core/node';
import { listCheckpoints, nameOf } from './checkpoint.js';
import { entriesOf } from './sweep.js';

/**
 * Removes all but the `keep` newest checkpoints and the one of `best`.
 * @throws PengiError E_CANNOT_CREATE, E_IO
 */
export async function pruneCheckpoints(
  folder: string,
  keep: number,
  best: number | undefined,
): Promise<void> {
  for (const step of (await listCheckpoints(folder)).slice(keep)) {
    if (step === best) continue;
    const dir = join(folder, nameOf(step));
    // Renamed first, and durably, or a crash would leave a checkpoint with missing files. The name is of the form that
    // `writeFolderAtomic` uses, so that one sweep finds both.
    const tail = `${hostname()}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
    const doomed = join(folder, `.${nameOf(step)}.${tail}`);
    try {
      await rename(dir, doomed);
      await syncFolder(folder);
      await rm(doomed, { recursive: true, force: true });
    } catch (error) {
      throw fileError(error, dir, 'written');
    }
  }
}

/**
 * Renames a damaged checkpoint, so that it neither counts as one nor is lost. Gives the new name.
 * @throws PengiError E_CANNOT_CREATE, E_IO
 */
export async function setAside(folder: string, step: number): Promise<string> {
  const names = await entriesOf(folder);
  const base = `damaged-${nameOf(step)}`;
  let name = base;
  for (let n = 2; names.includes(name); n++) name = `${base}-${n}`;
  await rename(join(folder, nameOf(step)), join(folder, name)).catch((error) => {
    throw fileError(error, join(folder, nameOf(step)), 'written');
  });
  await syncFolder(folder);
  return name;
}
