import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type ArtefactFile, cacheFolder, fetchFile } from '@pengi/checkpoint/download';
import { formatBytes, isPengiError, PengiError, type StartProgress } from '@pengi/core';
import { fileError, withLock } from '@pengi/core/node';
import { sha256 } from '../files.js';

export interface ShardCacheOptions {
  /** `shards` in the user's cache folder by default (PENGI_CACHE, else XDG_CACHE_HOME/pengi, else ~/.cache/pengi). */
  readonly folder?: string;
  /** Shards of at most so many bytes are kept, 32 GiB by default; those not used for longest make room. */
  readonly maxBytes?: number;
  /** Attempts in a row that bring nothing before a download is given up; 8 by default, which is about two minutes. */
  readonly retries?: number;
  /** A connection that gives nothing for so long is lost; a minute by default. */
  readonly idleMs?: number;
  readonly progress?: StartProgress;
  /** Told what is worth knowing: a lost connection, for instance. */
  readonly say?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Shards of servers on this disk. Several processes can share the folder: each shard is downloaded once. */
export interface ShardCache {
  readonly folder: string;
  readonly maxBytes: number;
  /**
   * The local copy of a shard, which may be dropped once `release` was called.
   * @throws PengiError E_NOT_FOUND, E_IO (unreachable, refused), E_DATA (not the shard of the index), E_DISK_FULL,
   *   E_CANNOT_CREATE, E_USAGE when the cache is too small, E_INTERRUPTED
   */
  shard(url: string, known: Known): Promise<string>;
  release(url: string): void;
  /** The local copy of a small file; undefined when the server has none. */
  small(url: string): Promise<string | undefined>;
}

/** What an index says of a shard. */
export interface Known {
  readonly bytes?: number;
  readonly sha256?: string;
}

export function createShardCache(options: ShardCacheOptions = {}): ShardCache {
  const {
    folder = join(cacheFolder(), 'shards'),
    maxBytes = 2 ** 35,
    retries = 8,
    say = () => undefined,
  } = options;
  if (!(maxBytes > 0)) throw new PengiError('E_USAGE', `maxBytes is ${maxBytes}; it is a positive number`);
  const underWay = new Map<string, Promise<string>>();
  const users = new Map<string, number>();

  const release = (url: string) => {
    const left = (users.get(url) ?? 0) - 1;
    if (left > 0) users.set(url, left);
    else users.delete(url);
  };

  const download = async (url: string, target: string, file: Omit<ArtefactFile, 'name' | 'path'>) => {
    const { progress, signal, idleMs } = options;
    const what = { name: basename(target), path: url, ...file };
    try {
      await fetchFile(url, target, what, {
        retries,
        retryOffline: true,
        label: basename(target),
        say,
        progress,
        signal,
        idleMs,
      });
    } catch (error) {
      if (!isPengiError(error) || error.code !== 'E_CHECKPOINT') throw error;
      const hint =
        'the server has another file than the index says; make both anew, or delete what is cached of it';
      throw new PengiError('E_DATA', error.message, { file: url, hint, cause: error });
    }
  };

  const obtain = async (url: string, { bytes, sha256: published }: Known): Promise<string> => {
    const target = pathOf(folder, url);
    if (await isWhole(target, bytes)) return used(target);
    await mkdir(join(target, '..'), { recursive: true }).catch((error: unknown) => {
      throw fileError(error, target, 'written');
    });
    await withLock(
      `${target}.lock`,
      async () => {
        if (await isWhole(target, bytes)) return; // another process was faster
        if (bytes !== undefined) await makeRoom(bytes, target);
        await download(url, target, {
          ...(bytes !== undefined && { size: bytes }),
          ...(published && { sha256: published }),
        });
        if (bytes === undefined) await makeRoom(0, target);
      },
      { ...(options.signal && { signal: options.signal }) },
    );
    return used(target);
  };

  /** Drops what was not used for longest until `bytes` more fit. What this process reads from stays. */
  const makeRoom = async (bytes: number, target: string) => {
    const busy = new Set([...users.keys()].map((url) => pathOf(folder, url)));
    const kept = (await cachedFiles(folder)).sort((a, b) => a.usedAt - b.usedAt);
    let total = kept.reduce((sum, file) => sum + (file.path.startsWith(target) ? 0 : file.bytes), 0);
    if (bytes === 0) total += kept.find(({ path }) => path === target)?.bytes ?? 0;
    for (const { path, bytes: size } of kept) {
      if (total + bytes <= maxBytes) return;
      if (path === target || busy.has(path) || path.endsWith('.lock')) continue;
      await rm(path, { force: true });
      total -= size;
    }
    if (total + bytes > maxBytes)
      throw new PengiError(
        'E_USAGE',
        `the cache of shards may have ${formatBytes(maxBytes)}, but ${formatBytes(total + bytes)} are needed at once`,
        { file: folder, hint: 'allow it more bytes, or use smaller shards or a smaller window' },
      );
  };

  return {
    folder,
    maxBytes,
    async shard(url, known) {
      users.set(url, (users.get(url) ?? 0) + 1);
      let path = underWay.get(url);
      if (path === undefined) {
        path = obtain(url, known).finally(() => underWay.delete(url));
        underWay.set(url, path);
      }
      try {
        return await path;
      } catch (error) {
        release(url);
        throw error;
      }
    },
    release,
    async small(url) {
      const target = join(folder, 'index', `${sha256(url).slice(0, 32)}-${fileName(url)}`);
      if (await isWhole(target, undefined)) return target;
      await mkdir(join(folder, 'index'), { recursive: true }).catch((error: unknown) => {
        throw fileError(error, target, 'written');
      });
      try {
        await withLock(`${target}.lock`, async () => {
          if (!(await isWhole(target, undefined))) await download(url, target, {});
        });
        return target;
      } catch (error) {
        if (!isPengiError(error)) throw error;
        // Object stores say 403 of what is not there to who may not list.
        if (error.code === 'E_NOT_FOUND' || error.message.includes('HTTP 403')) return undefined;
        throw error;
      }
    },
  };
}

/** Each in a folder of its own, so that shards of the same name do not meet. */
function pathOf(folder: string, url: string): string {
  return join(folder, 'files', sha256(url).slice(0, 32), fileName(url));
}

/** The last part of a URL, for people. */
function fileName(url: string): string {
  const name = new URL(url).pathname.split('/').at(-1) ?? '';
  return name.replace(/[^A-Za-z0-9._-]/g, '_').slice(-100) || 'shard.tar';
}

/** A file gets its name only when it was checked. */
async function isWhole(path: string, bytes: number | undefined): Promise<boolean> {
  return stat(path).then(
    ({ size }) => bytes === undefined || size === bytes,
    () => false,
  );
}

/** Marks a shard as used, for whoever has to make room. */
async function used(path: string): Promise<string> {
  const now = new Date();
  await utimes(path, now, now).catch(() => undefined); // on a disk that may only be read, nothing is dropped either
  return path;
}

async function cachedFiles(folder: string): Promise<{ path: string; bytes: number; usedAt: number }[]> {
  const files = join(folder, 'files');
  const names = await readdir(files, { recursive: true }).catch(() => []);
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(files, name);
      const info = await stat(path).catch(() => undefined);
      return info?.isFile() ? [{ path, bytes: info.size, usedAt: info.mtimeMs }] : [];
    }),
  );
  return found.flat();
}
