import { randomBytes } from 'node:crypto';
import { mkdir, readdir, realpath, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { formatBytes, PengiError, printable } from '@pengi/core';
import { fileError, freeBytes, isAlive, makeFolder, syncFolder } from '@pengi/core/node';

export interface FolderOptions {
  /** Whether an existing folder with these entries may be replaced as a whole. An empty folder always may. */
  mayReplace?: (entries: readonly string[]) => boolean;
  /** What the folder is to be, for the message of a refusal: `model folder`. */
  kind?: string;
  /** How much `fill` is going to write, for the message when the disk is full. */
  bytes?: number;
}

/**
 * Makes a folder that is seen complete or not at all: `fill` writes into a temporary folder beside `dir` (with
 * `writeFileAtomic`, which syncs), which is then renamed. An existing folder stays until then; as no system call swaps
 * two folders, it is moved aside for the moment between two renames, and put back if the second fails or, after a
 * crash, by the next call. Leftovers of dead processes of this machine are removed. Parents are made.
 * @throws PengiError E_CANNOT_CREATE for a file or a folder that may not be replaced, E_DISK_FULL, E_IO, and what `fill`
 *   throws
 */
export async function writeFolderAtomic(
  dir: string,
  fill: (temporary: string) => Promise<void>,
  { mayReplace = () => false, kind = 'folder', bytes }: FolderOptions = {},
): Promise<void> {
  // A link to a folder stays a link; its target is what is replaced.
  const target = await realpath(dir).catch(() => resolve(dir));
  const parent = dirname(target);
  const leftover = join(parent, `${ownPrefix(target)}${process.pid}-${randomBytes(4).toString('hex')}`);
  const [temporary, aside] = [`${leftover}.tmp`, `${leftover}.old`];
  try {
    await makeFolder(parent);
    await cleanUp(target);
    await refuseForeign(target, dir, mayReplace, kind); // before the long work …
    await mkdir(temporary);
    await fill(temporary);
    await syncFolder(temporary);
    const existed = await refuseForeign(target, dir, mayReplace, kind); // … and before anything is moved
    if (existed) await rename(target, aside);
    try {
      await rename(temporary, target);
    } catch (error) {
      if (existed) await rename(aside, target);
      throw error;
    }
    await syncFolder(parent);
    // The new folder is in place; what cannot be removed now, a later call removes.
    await rm(aside, { recursive: true, force: true }).catch(() => undefined);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined); // the first error is the one to report
    throw withNeed(renamed(fileError(error, dir, 'written'), temporary, dir), bytes);
  }
}

/** The folder that an interrupted replacement of `dir` has moved aside, if there is one. */
export async function folderMovedAside(dir: string): Promise<string | undefined> {
  const target = resolve(dir);
  const names = await readdir(dirname(target)).catch(() => []);
  const found = names.find((name) => name.startsWith(`.${basename(target)}.`) && name.endsWith('.old'));
  return found === undefined ? undefined : join(dirname(dir), found);
}

/** The error about a file in the temporary folder, which is gone, as one about the same file in `dir`. */
function renamed(error: PengiError, temporary: string, dir: string): PengiError {
  if (!error.file?.startsWith(temporary)) return error;
  const { code, message, hint, cause } = error;
  return new PengiError(code, message, { file: dir + error.file.slice(temporary.length), hint, cause });
}

/** A full disk in numbers; what is free is asked for now that the half-written folder is gone. */
function withNeed(error: PengiError, bytes: number | undefined): PengiError {
  if (error.code !== 'E_DISK_FULL' || bytes === undefined) return error;
  const free = freeBytes(error.file ?? '.');
  const quota = (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EDQUOT';
  const there = quota || free === undefined ? `; ${error.message}` : `, ${formatBytes(free)} free`;
  return new PengiError(error.code, `needs ${formatBytes(bytes)}${there}`, error);
}

/** Leftovers carry the host: on a shared disk the process numbers of other machines mean nothing here. */
function ownPrefix(target: string): string {
  return `.${basename(target)}.${hostname()}.`;
}

/** Puts back what a process that died between the two renames has moved aside; removes other leftovers of the dead. */
async function cleanUp(target: string): Promise<void> {
  const parent = dirname(target);
  const prefix = ownPrefix(target);
  const names = await readdir(parent);
  let exists = names.includes(basename(target));
  for (const name of names) {
    const match = name.startsWith(prefix) && /^(\d+)-[0-9a-f]{8}\.(tmp|old)$/.exec(name.slice(prefix.length));
    if (!match || isAlive(Number(match[1]))) continue;
    if (match[2] === 'old' && !exists) {
      await rename(join(parent, name), target);
      exists = true;
    } else await rm(join(parent, name), { recursive: true, force: true });
  }
}

/** Whether there is a folder at `target`, after making sure that it may be replaced. */
async function refuseForeign(
  target: string,
  dir: string,
  mayReplace: (entries: readonly string[]) => boolean,
  kind: string,
): Promise<boolean> {
  let entries: string[];
  try {
    entries = await readdir(target);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return false;
    if (code !== 'ENOTDIR') throw error;
    throw new PengiError('E_CANNOT_CREATE', 'is a file, a folder was to be written', { file: dir });
  }
  if (entries.length === 0 || mayReplace(entries)) return true;
  const shown = entries.slice(0, 5).map((name) => printable(name, 40));
  const more = entries.length > shown.length ? ', …' : '';
  throw new PengiError('E_CANNOT_CREATE', `is no ${kind} to replace: it holds ${shown.join(', ')}${more}`, {
    file: dir,
    hint: 'name a new folder, or remove this one',
  });
}
