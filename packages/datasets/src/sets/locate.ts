import { existsSync, readdirSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { PengiError } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import { realFolder } from '../paths.js';
import type { DataSetFacts, Need } from './data-set.js';

/**
 * The folder of a data set: the one below `root` that is called so, or `root` itself when it holds a whole split.
 * @throws PengiError E_NOT_FOUND with the archive, where to get it and the layout
 */
export async function locate(facts: DataSetFacts, root: string): Promise<string> {
  const real = await realFolder(root);
  const named = await foldersCalled(facts.folders, real);
  // Archives bring a folder of their own, often into one that was made for them: SESA/SESA.
  const inner = (await Promise.all(named.map((folder) => foldersCalled(facts.folders, folder)))).flat();
  const folder = [...named, ...inner, real].find((folder) => isThere(facts, folder)) ?? named[0];
  if (folder === undefined)
    throw new PengiError(
      'E_NOT_FOUND',
      `holds no ${facts.title}: looked for ${facts.folders.map((name) => `${name}/`).join(', ')}`,
      { file: root, hint: howToGet(facts) },
    );
  return realFolder(folder);
}

async function foldersCalled(names: readonly string[], folder: string): Promise<string[]> {
  const wanted = names.map(plainName);
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw fileError(error, folder, 'read');
  });
  return entries
    .filter(
      (entry) => (entry.isDirectory() || entry.isSymbolicLink()) && wanted.includes(plainName(entry.name)),
    )
    .map(({ name }) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory())
    .sort();
}

/** Whether `root` holds the data set, whole or in part. */
export async function hasDataSet(facts: DataSetFacts, root: string): Promise<boolean> {
  try {
    await locate(facts, root);
    return true;
  } catch (error) {
    if ((error as PengiError).code === 'E_NOT_FOUND') return false;
    throw error;
  }
}

/** The error for a split that is not unpacked in full; undefined when all is there. */
export async function missingNeeds(
  facts: DataSetFacts,
  folder: string,
  split: string,
): Promise<PengiError | undefined> {
  const { needs, archives } = facts.splits[split] as DataSetFacts['splits'][string];
  const missing = needs.filter((need) => !isMet(need, folder));
  if (missing.length === 0) return undefined;
  return new PengiError(
    'E_NOT_FOUND',
    `the split "${split}" of ${facts.title} is not unpacked in full: lacks ${missing.map(needText).join('; ')}`,
    { file: folder, hint: howToGet(facts, archives) },
  );
}

/** "get ESC-50-master.zip from https://…; expected layout: …" */
export function howToGet({ source, layout }: DataSetFacts, archives = source.archives): string {
  const what = archives.length > 0 ? archives.join(', ') : 'it';
  return `get ${what} from ${source.url} and unpack it; expected layout: ${layout.join(', ')}`;
}

function isThere({ splits }: DataSetFacts, folder: string): boolean {
  return Object.values(splits).some(({ needs }) => needs.every((need) => isMet(need, folder)));
}

function isMet(need: Need, folder: string): boolean {
  return [need].flat().some((path) => {
    const inside = dirname(join(folder, path));
    if (!path.includes('*')) return existsSync(join(folder, path));
    const pattern = new RegExp(`^${basename(path).split('*').map(escapeRegExp).join('.*')}$`);
    return existsSync(inside) && readdirSync(inside).some((name) => pattern.test(name));
  });
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function needText(need: Need): string {
  return [need].flat().join(' or ');
}

function plainName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .replace(/(?:like|master|main)$/, '');
}
