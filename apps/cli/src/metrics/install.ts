import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, fetchFile } from '@pengi/checkpoint/download';
import type { StartProgress } from '@pengi/core';
import { fileError, withLock, writeFileAtomic } from '@pengi/core/node';
import { installedPrograms, JAVA_DOWNLOADS, type JavaDownload } from '@pengi/metrics/java';
import { locate, type Registries } from './sources.js';
import { unpack } from './unpack.js';

/** Where METEOR and SPICE lie. */
export function programsFolder(cache: string = cacheFolder()): string {
  return join(cache, 'metrics');
}

/** Where their results are kept. */
export function resultsFolder(cache: string = cacheFolder()): string {
  return join(programsFolder(cache), 'results');
}

export interface InstallOptions {
  readonly folder: string;
  readonly registries: Registries;
  readonly retries?: number;
  readonly progress?: StartProgress;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Which downloads have been unpacked in full, by their checksums. */
const RECORD = 'install.json';

/**
 * Downloads what is missing, checks it, and keeps what METEOR and SPICE need of it. Interrupted, it goes on where it was.
 * @throws PengiError E_IO, E_NOT_FOUND, E_CHECKPOINT, E_DISK_FULL, E_CANNOT_CREATE, E_USAGE, E_INTERRUPTED
 */
export async function installPrograms({ folder, signal, say, ...options }: InstallOptions): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw fileError(error, folder, 'written');
  }
  const work = async () => {
    for (const download of await missingDownloads(folder)) {
      signal?.throwIfAborted();
      const archive = join(folder, download.name);
      const url = await locate(download, options.registries, signal);
      await fetchFile(
        url,
        archive,
        { name: download.name, path: download.name, size: download.size, sha256: download.sha256 },
        { retries: options.retries ?? 5, label: download.name, progress: options.progress, say, signal },
      );
      const files = await unpack(archive, download.keep, folder, signal);
      await writeFileAtomic(
        join(folder, RECORD),
        `${JSON.stringify([...(await recorded(folder)), download.sha256])}\n`,
      );
      await rm(archive);
      say(`${download.name}: sha256 as pinned, ${files} files kept`);
    }
  };
  await withLock(join(folder, '.lock'), work, {
    activity: 'is installing this',
    ...(signal === undefined ? {} : { signal }),
    onWait: ({ pid, host }) => say(`process ${pid} on ${host} is installing; waiting`),
  });
}

/** What is still to be downloaded. */
export async function missingDownloads(folder: string): Promise<readonly JavaDownload[]> {
  const done = await recorded(folder);
  const { meteor, spice } = await installedPrograms(folder);
  return meteor && spice
    ? JAVA_DOWNLOADS.filter(({ sha256 }) => !done.includes(sha256))
    : JAVA_DOWNLOADS.filter(
        ({ sha256, keep }) => !done.includes(sha256) || isDamaged(keep, { meteor, spice }),
      );
}

/** Whether a download that was unpacked once is wanted again, since files of it are gone. */
function isDamaged(keep: JavaDownload['keep'], there: { meteor: boolean; spice: boolean }): boolean {
  const holds = (program: 'meteor' | 'spice') => keep.some(({ to }) => to.startsWith(`${program}/`));
  return (holds('meteor') && !there.meteor) || (holds('spice') && !there.spice);
}

async function recorded(folder: string): Promise<string[]> {
  try {
    const found: unknown = JSON.parse(await readFile(join(folder, RECORD), 'utf8'));
    return Array.isArray(found) ? found.filter((entry) => typeof entry === 'string') : [];
  } catch {
    return []; // none yet; a damaged one is written anew
  }
}
