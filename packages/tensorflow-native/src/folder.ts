import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '@pengi/checkpoint/download';
import type { Variant } from './releases.js';

/** What is written down of an installation, in `install.json`. */
export interface Installed {
  readonly version: string;
  readonly variant: Variant;
  readonly arch: string;
  readonly wheel: string;
  /** How it came: parts of the wheel or the whole wheel over HTTPS, the user's pip, or a file. */
  readonly through: 'range' | 'https' | 'pip' | 'file';
}

export const RECORD = 'install.json';

/** The folder of the installation, of which there is one per cache. */
export function installFolder(cache: string = cacheFolder()): string {
  return join(cache, 'tensorflow-native');
}

/** What is installed in a folder; undefined when nothing is. */
export async function readInstalled(folder: string): Promise<Installed | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, RECORD), 'utf8')) as Installed;
  } catch {
    return undefined; // the record is written last, so without it there is nothing whole
  }
}
