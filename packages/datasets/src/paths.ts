import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { PengiError, printable } from '@pengi/core';
import { fileError } from '@pengi/core/node';

/**
 * The file that `name` (relative to `root`, or absolute) really is, symbolic links followed. `realRoot` is the folder
 * that it may not leave, its own links followed.
 * @throws PengiError E_DATA for what does not exist, lies outside, or is no regular file. Nothing is opened, so pipes
 *   and devices cannot block.
 */
export async function fileInside(realRoot: string, name: string): Promise<string> {
  if (/^[a-z][a-z0-9+.-]*:\/\/|^(file|data):/i.test(name))
    throw new PengiError('E_DATA', `"${printable(name)}" is a URL, not a file: download it first`);
  const path = resolve(realRoot, name);
  let real: string;
  try {
    real = await realpath(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Before anything is said about what exists outside.
    if (!isInside(realRoot, path)) throw outside(realRoot, name);
    const what = code === 'ENOENT' || code === 'ENOTDIR' ? 'does not exist' : `cannot be read (${code})`;
    throw new PengiError('E_DATA', `"${printable(name)}" ${what} in ${printable(realRoot)}`);
  }
  if (!isInside(realRoot, real)) throw outside(realRoot, name);
  if (!(await stat(real)).isFile())
    throw new PengiError('E_DATA', `"${printable(name)}" is not a regular file`);
  return real;
}

/** @throws PengiError E_NOT_FOUND */
export async function realFolder(path: string): Promise<string> {
  try {
    const real = await realpath(path);
    if ((await stat(real)).isDirectory()) return real;
  } catch (error) {
    throw fileError(error, path, 'read');
  }
  throw new PengiError('E_NOT_FOUND', 'is a file, not a folder', { file: path });
}

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** Whether `fileInside` refused a path since it leads out of its folder. */
export function isOutside(error: PengiError): boolean {
  return error.message.includes('leads out of');
}

function outside(root: string, name: string): PengiError {
  return new PengiError(
    'E_DATA',
    `"${printable(name)}" leads out of ${printable(root)}: give a folder that holds all audio as root (--root)`,
  );
}
