import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ArtefactFile,
  cacheFolder,
  checkFile,
  fetchFile,
  mavenDownload,
  pipDownload,
} from '@pengi/checkpoint/download';
import { formatBytes, PengiError, type StartProgress } from '@pengi/core';
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
  readonly signal?: AbortSignal | undefined;
}

/** Which downloads have been unpacked in full, by their checksums. */
const RECORD = 'install.json';
/** What pip and Maven put down before it is checked, and what they keep for going on after an interruption. */
const STAGING = '.download';

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
      const archive = await obtain(download, { folder, say, signal, ...options });
      const files = await unpack(archive, download.keep, folder, signal);
      await writeFileAtomic(
        join(folder, RECORD),
        `${JSON.stringify([...(await recorded(folder)), download.sha256])}\n`,
      );
      await rm(archive);
      say(`${download.name}: sha256 as pinned, ${files} files kept`);
    }
    await rm(join(folder, STAGING), { recursive: true, force: true });
  };
  await withLock(join(folder, '.lock'), work, {
    activity: 'is installing this',
    ...(signal === undefined ? {} : { signal }),
    onWait: ({ pid, host }) => say(`process ${pid} on ${host} is installing; waiting`),
  });
}

/**
 * A download under its own name in the folder, its checksum as pinned: the file that was put there, or what the registry has, or
 * what pip and Maven bring from theirs.
 */
async function obtain(download: JavaDownload, options: InstallOptions): Promise<string> {
  const { name, size, sha256 } = download;
  const { folder, registries, progress, say, signal } = options;
  const file: ArtefactFile = { name, path: name, size, sha256 };
  const archive = join(folder, name);
  if (await stat(archive).catch(() => undefined)) {
    await checkFile(archive, file, {
      signal,
      hint: 'remove it, or put the published file in its place',
    });
    return archive;
  }
  const url = await locate(download, registries, signal);
  if (url !== undefined) {
    await fetchFile(url, archive, file, {
      retries: options.retries ?? 5,
      label: name,
      progress,
      say,
      signal,
    });
    return archive;
  }
  const found = await throughClient(download, options);
  try {
    await checkFile(found, file, { signal });
  } catch (error) {
    await rm(join(folder, STAGING), { recursive: true, force: true });
    throw error;
  }
  await rename(found, archive);
  return archive;
}

/** @returns the file, not yet checked */
async function throughClient(
  { name, size, sha256, source }: JavaDownload,
  { folder, say, signal }: InstallOptions,
): Promise<string> {
  const staging = join(folder, STAGING);
  await mkdir(staging, { recursive: true });
  const hint = `or put ${name} into ${folder}`;
  const [client, what, option] =
    source.registry === 'pypi'
      ? (['pip', 'Python package index', '--pypi-url'] as const)
      : (['Maven', 'Maven repository', '--maven-url'] as const);
  say(`${name}, ${formatBytes(size)}: asking ${client}, since no ${what} is set`);
  const found =
    source.registry === 'pypi'
      ? await pipDownload({ ...source, wheel: name, sha256 }, staging, { signal, hint })
      : await mavenDownload(source, staging, { signal, hint });
  if (found === undefined)
    throw new PengiError('E_NOT_FOUND', `no ${what} is set on this machine, and there is no ${client}`, {
      hint: `install ${client}, give ${option}, ${hint}`,
    });
  return found;
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
