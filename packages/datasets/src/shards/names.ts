import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { PengiError, printable } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import { expand } from 'brace-expansion';

const MAX_SHARDS = 100_000;

/** Whether a name is meant for shards: a tar, a pattern of tars, or a URL. */
export function isShardName(name: string): boolean {
  return isUrl(name) || /\.tar(\?.*)?$/i.test(name) || /\.tar\b/i.test(basename(name));
}

export function isUrl(name: string): boolean {
  return /^https?:\/\//i.test(name);
}

/**
 * The shards that patterns name, in the order of the patterns: a folder with tars in it, a file, `*` and `?` in the last part
 * of a path, braces as in a shell (`train-{000000..000127}.tar`, `{a,b}`), or URLs, with braces only.
 * @throws PengiError E_NOT_FOUND for what is not there, E_USAGE for a pattern that names nothing or too much
 */
export async function expandShards(patterns: string | readonly string[]): Promise<string[]> {
  const names: string[] = [];
  for (const pattern of [patterns].flat()) {
    const expanded = expand(pattern, { max: MAX_SHARDS + 1 });
    if (expanded.length > MAX_SHARDS)
      throw new PengiError('E_USAGE', `"${printable(pattern, 80)}" names more than ${MAX_SHARDS} shards`);
    for (const name of expanded)
      names.push(...(isUrl(name) ? [new URL(name).href] : await filesCalled(name)));
  }
  const repeated = names.find((name, i) => names.indexOf(name) < i);
  if (repeated !== undefined)
    throw new PengiError('E_USAGE', 'is named twice: its examples would count twice', { file: repeated });
  if (names.length === 0) throw new PengiError('E_USAGE', 'no shard was named');
  return names;
}

async function filesCalled(name: string): Promise<string[]> {
  const path = resolve(name);
  if (/[*?]/.test(basename(path))) return inFolder(dirname(path), matcher(basename(path)), name);
  try {
    const found = await stat(path);
    if (found.isDirectory()) return await inFolder(path, /\.tar$/i, name);
    if (found.isFile()) return [path];
  } catch (error) {
    throw fileError(error, name, 'read');
  }
  throw new PengiError('E_NOT_FOUND', 'is no regular file', { file: name });
}

async function inFolder(folder: string, pattern: RegExp, shown: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw fileError(error, folder, 'read');
  });
  const found = names.filter((name) => !name.startsWith('.') && pattern.test(name)).sort();
  if (found.length > 0) return found.map((name) => join(folder, name));
  throw new PengiError('E_NOT_FOUND', 'no tar is there', {
    file: shown,
    hint: 'shards are called NAME-000000.tar',
  });
}

function matcher(glob: string): RegExp {
  const source = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`);
}
