/**
 * What this process does to the files below a folder: counted call by call, failed or stopped at will, and played back as
 * the disk that a crash at any moment may leave. SQLite is tested in this way (sqlite.org/testing.html, "I/O error" and "crash testing").
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join, relative, resolve, sep } from 'node:path';

/** A call that changes the disk, or a look at it; paths are relative to the watched folder, '' itself. */
export type DiskCall =
  | { kind: 'look'; path: string }
  | { kind: 'create'; path: string; file: number }
  | { kind: 'mkdir'; path: string }
  | { kind: 'write'; path: string; file: number; at: number; bytes: Uint8Array }
  | { kind: 'sync'; path: string; file: number }
  | { kind: 'syncFolder'; path: string }
  | { kind: 'rename'; path: string; to: string }
  | { kind: 'unlink'; path: string }
  | { kind: 'rmdir'; path: string };

export interface WatchedDisk {
  /** What was there in the beginning: bytes of files, null for folders. */
  readonly before: ReadonlyMap<string, Uint8Array | null>;
  /** The calls that succeeded, in their order. */
  readonly calls: readonly DiskCall[];
  /** How many calls there were, those that failed included. */
  readonly count: number;
  /** Takes the hands off Node's functions. */
  stop(): void;
}

/**
 * Watches what is done through `node:fs/promises` below `root`, in this process, from here on.
 * @param before called before each call with its number from 0: a code such as 'ENOSPC' makes it fail (a write after half
 *   of its bytes)
 */
export function watchDisk(
  root: string,
  before: (call: DiskCall, index: number) => string | undefined = () => undefined,
): WatchedDisk {
  const calls: DiskCall[] = [];
  const initial = readTree(root);
  /** Numbers of files by path: a file keeps its number when it is renamed. */
  const files = new Map<string, number>();
  for (const [path, bytes] of initial) if (bytes) files.set(path, files.size);
  let [count, created] = [0, files.size];
  const real = { ...fs };

  /** The path relative to the root; undefined for those elsewhere. */
  const inside = (path: unknown): string | undefined => {
    if (typeof path !== 'string') return undefined;
    const found = relative(resolve(root), resolve(path));
    return found === '..' || found.startsWith(`..${sep}`) ? undefined : found;
  };
  const done = async <T>(
    call: DiskCall,
    run: () => Promise<T>,
    half?: () => Promise<unknown>,
  ): Promise<T> => {
    const code = before(call, count++);
    if (code !== undefined) {
      await half?.();
      throw Object.assign(new Error(`${code}: ${call.kind} of ${call.path} fails for a test`), { code });
    }
    const result = await run();
    if (call.kind !== 'look') calls.push(call);
    return result;
  };
  const looking =
    <A extends unknown[], T>(call: (path: string, ...rest: A) => Promise<T>) =>
    async (path: string, ...rest: A): Promise<T> => {
      const place = inside(path);
      if (place === undefined) return call(path, ...rest);
      return done({ kind: 'look', path: place }, () => call(path, ...rest));
    };

  const open = async (path: string, flags: string | number = 'r', mode?: number): Promise<FileHandle> => {
    const place = inside(path);
    if (place === undefined) return real.open(path, flags, mode);
    if (flags === 'r') {
      const handle = await done({ kind: 'look', path: place }, () => real.open(path, flags));
      return watched(handle, place, undefined, 0);
    }
    if (!['wx', 'w', 'a'].includes(String(flags)))
      throw new Error(`a file opened with ${flags} is not watched`);
    const known = files.get(place);
    if (known !== undefined && flags !== 'a') return real.open(path, flags, mode); // fails, or is not ours to watch
    const file = known ?? created++;
    const run = () => real.open(path, flags, mode);
    const handle =
      known === undefined
        ? await done({ kind: 'create', path: place, file }, run)
        : await done({ kind: 'look', path: place }, run);
    files.set(place, file);
    return watched(handle, place, file, known === undefined ? 0 : statSync(path).size);
  };

  /** A handle whose writes and syncs are counted. */
  const watched = (handle: FileHandle, path: string, file: number | undefined, size: number): FileHandle => {
    const own = { sync: handle.sync.bind(handle), write: handle.write.bind(handle) };
    let at = size;
    const sync = () =>
      file === undefined
        ? done({ kind: 'syncFolder', path }, own.sync)
        : done({ kind: 'sync', path, file }, own.sync);
    const write = async (given: Uint8Array | string, offset = 0, length?: number) => {
      const data = typeof given === 'string' ? Buffer.from(given) : given;
      const bytes = data.slice(offset, length === undefined ? undefined : offset + length);
      const call: DiskCall = { kind: 'write', path, file: file ?? -1, at, bytes };
      at += bytes.length;
      await done(
        call,
        () => own.write(bytes),
        () => own.write(bytes.subarray(0, bytes.length >> 1)),
      );
      return { bytesWritten: bytes.length, buffer: given };
    };
    return Object.assign(handle, { sync, datasync: sync, write, writeFile: write, appendFile: write });
  };

  const removeTree = async (path: string): Promise<void> => {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      for (const name of readdirSync(path)) await removeTree(join(path, name));
      await done({ kind: 'rmdir', path: inside(path)! }, () => real.rmdir(path));
    } else await patched.unlink(path);
  };
  const patched = {
    open,
    readdir: looking(real.readdir as (path: string) => Promise<unknown>),
    readFile: looking(real.readFile as (path: string) => Promise<unknown>),
    stat: looking(real.stat as (path: string) => Promise<unknown>),
    async mkdir(path: string, options?: { recursive?: boolean }): Promise<string | undefined> {
      if (inside(path) === undefined) return real.mkdir(path, options);
      if (options?.recursive) throw new Error('a recursive mkdir is not watched');
      await done({ kind: 'mkdir', path: inside(path)! }, () => real.mkdir(path));
      return undefined;
    },
    async rename(path: string, to: string) {
      if (inside(path) === undefined) return real.rename(path, to);
      const [from, target] = [inside(path)!, inside(to)!];
      await done({ kind: 'rename', path: from, to: target }, () => real.rename(path, to));
      for (const [name, file] of [...files])
        if (name === from || name.startsWith(`${from}${sep}`)) {
          files.delete(name);
          files.set(target + name.slice(from.length), file);
        }
    },
    async unlink(path: string) {
      if (inside(path) === undefined) return real.unlink(path);
      await done({ kind: 'unlink', path: inside(path)! }, () => real.unlink(path));
      files.delete(inside(path)!);
    },
    async rm(path: string, options?: { recursive?: boolean; force?: boolean }) {
      if (inside(path) === undefined) return real.rm(path, options);
      if (options?.force && !statSync(path, { throwIfNoEntry: false })) return;
      await removeTree(path);
    },
    async writeFile(path: string, data: string | Uint8Array, options?: { flag?: string } | string) {
      if (inside(path) === undefined) return real.writeFile(path, data, options as never);
      const handle = await open(path, (typeof options === 'object' && options.flag) || 'w');
      try {
        await handle.writeFile(data);
      } finally {
        await handle.close();
      }
    },
  };
  Object.assign(fs, patched);
  syncBuiltinESMExports();
  return {
    before: initial,
    calls,
    get count() {
      return count;
    },
    stop() {
      Object.assign(fs, real);
      syncBuiltinESMExports();
    },
  };
}

/** Files and folders below `root` by relative path. */
export function readTree(root: string): Map<string, Uint8Array | null> {
  const found = new Map<string, Uint8Array | null>();
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    found.set(relative(root, path), entry.isDirectory() ? null : readFileSync(path));
  }
  return found;
}
