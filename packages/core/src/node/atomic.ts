import { randomBytes } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { formatBytes } from '../bytes.js';
import { isPengiError, PengiError, printable } from '../errors.js';

/**
 * Writes a file so that at every moment either the old content or the whole new one is there: a temporary file in the
 * same folder, fsync, rename, fsync of the folder. What fails leaves no temporary file behind.
 * @param content bytes, text, or a function that writes to the handle
 * @throws PengiError E_CANNOT_CREATE, E_DISK_FULL or E_IO
 */
export async function writeFileAtomic(
  path: string,
  content: Uint8Array | string | ((file: FileHandle) => Promise<void>),
): Promise<void> {
  const temporary = join(
    dirname(path),
    `.${basename(path)}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`,
  );
  let file: FileHandle | undefined;
  try {
    file = await open(temporary, 'wx');
    if (typeof content === 'function') await content(file);
    else await file.writeFile(content);
    await file.sync();
    await file.close();
    file = undefined;
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await file?.close().catch(() => undefined); // the first error is the one to report
    await rm(temporary, { force: true }).catch(() => undefined);
    throw fileError(error, path, 'written');
  }
}

/**
 * Makes a folder and those above it that are missing, durably.
 * @throws PengiError E_CANNOT_CREATE, E_DISK_FULL or E_IO
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    // One after the other: of what is in the way, Node's recursive mkdir often gives another reason.
    const missing: string[] = [];
    for (let path = resolve(folder); !(await isFolder(path)); path = dirname(path)) missing.unshift(path);
    for (const path of missing) {
      await mkdir(path).catch(async (error) => {
        if (!(await isFolder(path))) throw error; // else another process was faster
      });
      await syncFolder(dirname(path));
    }
  } catch (error) {
    throw fileError(error, folder, 'written');
  }
}

/** @throws the system's error for anything but a folder and nothing */
async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch((error) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (found?.isDirectory() === false) throw Object.assign(new Error('EEXIST'), { code: 'EEXIST' });
  return found !== undefined;
}

/** Makes the names in a folder durable. Windows cannot open folders; its renames are journalled. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The typed error for what Node's file functions throw; a `PengiError` is passed through. */
export function fileError(error: unknown, file: string, verb: 'read' | 'written'): PengiError {
  if (isPengiError(error)) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const options = { file, cause: error };
  switch (code) {
    case 'ENOENT':
      return verb === 'read'
        ? new PengiError('E_NOT_FOUND', 'does not exist', { ...options, hint: pathHint(file) })
        : new PengiError('E_CANNOT_CREATE', 'its folder does not exist', {
            ...options,
            hint: `create ${printable(dirname(file))}`,
          });
    case 'EISDIR':
      return new PengiError(
        verb === 'read' ? 'E_NOT_FOUND' : 'E_CANNOT_CREATE',
        'is a folder, not a file',
        options,
      );
    case 'ENOTDIR':
      return new PengiError(
        verb === 'read' ? 'E_NOT_FOUND' : 'E_CANNOT_CREATE',
        'a part of the path is no folder',
        options,
      );
    case 'ELOOP':
    case 'ENAMETOOLONG':
      return new PengiError(
        verb === 'read' ? 'E_NOT_FOUND' : 'E_CANNOT_CREATE',
        `is no path that can be followed (${code})`,
        options,
      );
    case 'EEXIST':
      return new PengiError('E_CANNOT_CREATE', 'something else is in its place', options);
    case 'ENOSPC':
      return new PengiError('E_DISK_FULL', `no space left${freeText(file)}`, {
        ...options,
        hint: 'free some space and run again',
      });
    case 'EDQUOT':
      return new PengiError('E_DISK_FULL', "the user's share of this disk (quota) is used up", {
        ...options,
        hint: 'free some space of yours and run again',
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new PengiError(
        verb === 'read' ? 'E_NOT_FOUND' : 'E_CANNOT_CREATE',
        `may not be ${verb} (${code})`,
        {
          ...options,
          hint:
            code === 'EROFS'
              ? 'the disk is read-only: make it writable, or choose another folder'
              : 'look at the permissions of it and of its folder',
        },
      );
    default:
      return new PengiError('E_IO', `cannot be ${verb}: ${message ?? String(error)}`, {
        ...options,
        hint: 'look after the disk or its connection, and run again',
      });
  }
}

/** Bytes free on the disk of `path`, which may not be there yet; undefined where the system does not say. */
export function freeBytes(path: string): number | undefined {
  for (let place = resolve(path); ; place = dirname(place)) {
    try {
      const { bavail, bsize, blocks } = statfsSync(place);
      return blocks === 0 ? undefined : bavail * bsize;
    } catch {
      if (place === dirname(place)) return undefined;
    }
  }
}

function freeText(path: string): string {
  const free = freeBytes(path);
  return free === undefined ? '' : `: ${formatBytes(free)} free`;
}

/** A relative path that is wrong is often right, from another folder. */
function pathHint(file: string): string {
  return isAbsolute(file)
    ? 'check its spelling'
    : `relative paths count from the current folder, ${printable(process.cwd())}`;
}
