/** The disks that a crash may leave, made of the calls before it. */
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import type { Rng } from '@pengi/core';
import type { DiskCall, WatchedDisk } from './disk.js';

/** Bytes of files by path, null for folders. */
export type Image = Map<string, Uint8Array | null>;

/** The disk after a kill: all that was called is there, and of the last write half when `torn`. */
export function killed({ before, calls }: WatchedDisk, at: number, torn = false): Image {
  const disk = replay(before, calls.slice(0, at));
  const last = calls[at - 1];
  if (torn && last?.kind === 'write') {
    const writes = disk.files.get(last.file)!;
    writes.push({ ...writes.pop()!, bytes: last.bytes.subarray(0, last.bytes.length >> 1) });
  }
  return imageOf(
    disk,
    () => true,
    (write) => write.bytes,
  );
}

/**
 * The disk after a loss of power: of what was not synced, anything may be missing or half there, in any order. Two things are
 * taken for granted: a rename happens or does not, and changes of one name in a folder happen in their order.
 */
export function powerLost({ before, calls }: WatchedDisk, at: number, rng: Rng): Image {
  const share = rng.uniform();
  const keeps = () => rng.uniform() < share;
  return imageOf(replay(before, calls.slice(0, at)), keeps, (write) =>
    keeps()
      ? write.bytes
      : rng.uniform() < 0.5
        ? write.bytes.subarray(0, rng.int(write.bytes.length + 1))
        : undefined,
  );
}

/** Makes the folder `target` such a disk. The lock in it is made that of a process that is dead, as its holder is. */
export function materialise(image: Image, target: string, lock = '.lock'): void {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  for (const [path, bytes] of image) {
    const place = join(target, path);
    if (bytes === null) {
      mkdirSync(place, { recursive: true });
      continue;
    }
    mkdirSync(dirname(place), { recursive: true });
    if (basename(path) !== lock) writeFileSync(place, bytes);
    else {
      writeFileSync(
        place,
        Buffer.from(bytes)
          .toString()
          .replace(/"pid":\d+/, `"pid":${2 ** 30}`),
      );
      utimesSync(place, 0, 0);
    }
  }
}

interface Write {
  at: number;
  bytes: Uint8Array;
  synced: boolean;
}

/** A change of names in a folder. */
interface Change {
  names: readonly string[];
  apply(entries: Map<string, Entry>): void;
  synced: boolean;
}

type Entry = { file: number } | { folder: Folder };

interface Folder {
  changes: Change[];
  /** As programs see it. */
  now: Map<string, Entry>;
}

interface Disk {
  root: Folder;
  files: Map<number, Write[]>;
}

function newFolder(): Folder {
  return { changes: [], now: new Map() };
}

function replay(before: WatchedDisk['before'], calls: readonly DiskCall[]): Disk {
  const disk: Disk = { root: newFolder(), files: new Map() };
  const folderAt = (path: string): Folder => {
    let folder = disk.root;
    for (const name of path === '' || path === '.' ? [] : path.split(sep)) {
      const entry = folder.now.get(name);
      if (!entry || !('folder' in entry)) throw new Error(`no folder ${path}`);
      folder = entry.folder;
    }
    return folder;
  };
  const change = (path: string, names: readonly string[], apply: Change['apply']) => {
    const folder = folderAt(dirname(path));
    folder.changes.push({ names, apply, synced: false });
    apply(folder.now);
  };
  const add = (path: string, entry: Entry) =>
    change(path, [basename(path)], (entries) => void entries.set(basename(path), entry));
  const remove = (path: string) =>
    change(path, [basename(path)], (entries) => void entries.delete(basename(path)));

  for (const [path, bytes] of [...before].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (bytes === null) add(path, { folder: newFolder() });
    else {
      // The numbers that `watchDisk` has given to them.
      const file = [...before].filter(([, content]) => content).findIndex(([name]) => name === path);
      disk.files.set(file, [{ at: 0, bytes, synced: true }]);
      add(path, { file });
    }
  }
  const settle = (folder: Folder): void => {
    for (const one of folder.changes) one.synced = true;
    for (const entry of folder.now.values()) if ('folder' in entry) settle(entry.folder);
  };
  settle(disk.root);

  for (const call of calls) {
    const { kind, path } = call;
    if (kind === 'create') {
      disk.files.set(call.file, []);
      add(path, { file: call.file });
    } else if (kind === 'mkdir') add(path, { folder: newFolder() });
    else if (kind === 'write')
      disk.files.get(call.file)!.push({ at: call.at, bytes: call.bytes, synced: false });
    else if (kind === 'sync') for (const write of disk.files.get(call.file)!) write.synced = true;
    else if (kind === 'syncFolder') for (const one of folderAt(path).changes) one.synced = true;
    else if (kind === 'unlink' || kind === 'rmdir') remove(path);
    else if (kind === 'rename') {
      if (dirname(path) !== dirname(call.to)) throw new Error('renames between folders are not modelled');
      const [from, to] = [basename(path), basename(call.to)];
      change(path, [from, to], (entries) => {
        const entry = entries.get(from);
        if (entry) entries.set(to, entry);
        entries.delete(from);
      });
    }
  }
  return disk;
}

/**
 * @param keeps whether a change of names that was not synced has come to the disk
 * @param kept what of a write that was not synced has
 */
function imageOf(disk: Disk, keeps: () => boolean, kept: (write: Write) => Uint8Array | undefined): Image {
  const image: Image = new Map();
  const contentOf = (file: number): Uint8Array => {
    const parts = disk.files.get(file)!.flatMap((write) => {
      const bytes = write.synced ? write.bytes : kept(write);
      return bytes ? [{ at: write.at, bytes }] : [];
    });
    const content = new Uint8Array(Math.max(0, ...parts.map(({ at, bytes }) => at + bytes.length)));
    for (const { at, bytes } of parts) content.set(bytes, at);
    return content;
  };
  const visit = (folder: Folder, path: string): void => {
    const entries = new Map<string, Entry>();
    const lost = new Set<string>();
    for (const { names, apply, synced } of folder.changes) {
      if (synced || (!names.some((name) => lost.has(name)) && keeps())) apply(entries);
      else for (const name of names) lost.add(name);
    }
    for (const [name, entry] of entries) {
      const place = join(path, name);
      image.set(place, 'folder' in entry ? null : contentOf(entry.file));
      if ('folder' in entry) visit(entry.folder, place);
    }
  };
  visit(disk.root, '');
  return image;
}
