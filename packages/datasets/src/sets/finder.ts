import { readdir, realpath } from 'node:fs/promises';
import { basename, extname, join, normalize, posix, relative, sep } from 'node:path';
import { isPengiError } from '@pengi/core';
import { fileInside, isOutside } from '../paths.js';

/** In the order in which they are preferred. */
const AUDIO_EXTENSIONS = ['.wav', '.flac', '.mp3', '.ogg', '.opus', '.au', '.m4a', '.mp4'];

export function isAudioName(name: string): boolean {
  return AUDIO_EXTENSIONS.includes(extname(name).toLowerCase());
}

/** A file name without the extension of an audio file; other dots belong to the name ("x_10.000_20.000"). */
export function audioStem(name: string): string {
  return isAudioName(name) ? name.slice(0, -extname(name).length) : name;
}

export interface Finder {
  /**
   * The recording of the first of `names` (relative to the root) that is there. Another audio extension and another
   * Unicode form of the name are taken for it. 'outside' when a name leads out of the root, else undefined.
   */
  find(names: readonly string[]): Promise<string | 'outside' | undefined>;
  /** The names in a folder, sorted; undefined when there is no such folder. */
  list(folder: string): Promise<readonly string[] | undefined>;
  /** Recordings beside those found that were never asked for, relative to the root. */
  unused(): string[];
}

interface Listing {
  readonly realFolder: string;
  /** By name and by stem, both in NFC. */
  readonly names: ReadonlyMap<string, string>;
  readonly links: ReadonlySet<string>;
  readonly all: readonly string[];
}

/**
 * Looks for recordings below a folder (its own links followed). Every folder is listed once instead of asking for each of
 * thousands of files; only symbolic links are followed one by one.
 */
export function createFinder(realRoot: string): Finder {
  const listings = new Map<string, Listing | 'outside' | undefined>();
  const found = new Map<string, Set<string>>();

  const listing = async (folder: string) => {
    if (!listings.has(folder))
      listings.set(folder, leadsOut(folder) ? 'outside' : await listFolder(realRoot, folder));
    return listings.get(folder);
  };

  return {
    async find(names) {
      let outside = false;
      for (const name of names) {
        const [folder, base] = splitPath(name);
        // Asked for thousands of names in few folders: waiting for what is known would take most of the time.
        const there = listings.has(folder) ? listings.get(folder) : await listing(folder);
        outside ||= there === 'outside';
        if (there === undefined || there === 'outside') continue;
        const real = there.names.get(base) ?? there.names.get(audioStem(base));
        if (real === undefined) continue;
        const path = join(there.realFolder, real);
        const target = there.links.has(real) ? await followLink(realRoot, path) : path;
        outside ||= target === 'outside';
        if (target === undefined || target === 'outside') continue;
        const seen = found.get(folder);
        if (seen) seen.add(real);
        else found.set(folder, new Set([real]));
        return path;
      }
      return outside ? 'outside' : undefined;
    },
    async list(folder) {
      const there = await listing(folder);
      return there === undefined || there === 'outside' ? undefined : there.all;
    },
    unused: () =>
      [...found].flatMap(([folder, used]) =>
        (listings.get(folder) as Listing).all
          .filter((name) => isAudioName(name) && !used.has(name))
          .map((name) => posix.join(folder, name)),
      ),
  };
}

/** The folder, "." for none, and the name in NFC. */
function splitPath(path: string): [folder: string, name: string] {
  const at = path.lastIndexOf('/');
  const name = path.slice(at + 1).normalize('NFC');
  return [at < 0 ? '.' : path.slice(0, at) || '/', name];
}

async function followLink(realRoot: string, path: string): Promise<string | 'outside' | undefined> {
  try {
    return await fileInside(realRoot, path);
  } catch (error) {
    if (!isPengiError(error)) throw error;
    return isOutside(error) ? 'outside' : undefined;
  }
}

/** `..`, an absolute path, a NUL or a URL in a folder that a file of the data set names. */
function leadsOut(folder: string): boolean {
  return (
    folder.includes('\0') ||
    /^(\/|\\|[a-z]:|[a-z][a-z0-9+.-]*:\/)/i.test(folder) ||
    folder.split(/[\\/]/).includes('..')
  );
}

async function listFolder(realRoot: string, folder: string): Promise<Listing | 'outside' | undefined> {
  const path = normalize(join(realRoot, folder));
  let realFolder: string;
  try {
    realFolder = await realpath(path);
    const way = relative(realRoot, realFolder);
    if (way === '..' || way.startsWith(`..${sep}`)) return 'outside';
    const entries = (await readdir(realFolder, { withFileTypes: true })).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    );
    const names = new Map<string, string>();
    const usable = entries.filter((entry) => entry.isFile() || entry.isSymbolicLink());
    const preference = ({ name }: { name: string }) => AUDIO_EXTENSIONS.indexOf(extname(name).toLowerCase());
    for (const { name } of [...usable].sort((a, b) => preference(a) - preference(b)))
      if (isAudioName(name)) {
        const stem = audioStem(basename(name)).normalize('NFC');
        if (!names.has(stem)) names.set(stem, name);
      }
    for (const { name } of usable) names.set(name.normalize('NFC'), name); // exact names win
    return {
      realFolder,
      names,
      links: new Set(usable.filter((entry) => entry.isSymbolicLink()).map(({ name }) => name)),
      all: entries.map(({ name }) => name),
    };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
