import { type FileHandle, open } from 'node:fs/promises';
import { PengiError } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import { isUrl } from './names.js';
import type { ShardCache } from './shard-cache.js';

/** Open shards; those of servers are downloaded when they are first read, or ahead of it. */
export function createShardFiles(
  shards: readonly string[],
  known: readonly { bytes: number; sha256?: string }[],
  cache: ShardCache,
  most: number,
) {
  const handles = new Map<number, Promise<FileHandle>>();
  const users = new Map<number, number>();
  const ahead = new Set<number>();
  const hasRoomAhead =
    (most + 1) * known.reduce((largest, { bytes }) => Math.max(largest, bytes), 0) <= cache.maxBytes;
  let queue = Promise.resolve();
  let isClosed = false;

  const openShard = async (shard: number): Promise<FileHandle> => {
    const name = shards[shard] as string;
    const path = isUrl(name) ? await cache.shard(name, known[shard] ?? {}) : name;
    try {
      const file = await open(path);
      const { size } = await file.stat();
      if (size === known[shard]?.bytes) return file;
      await file.close();
      throw new PengiError('E_DATA', `has ${size} bytes, its index says ${known[shard]?.bytes}`, {
        file: name,
      });
    } catch (error) {
      if (isUrl(name)) cache.release(name);
      throw fileError(error, name, 'read');
    }
  };

  const drop = async (shard: number) => {
    const handle = handles.get(shard);
    handles.delete(shard);
    const name = shards[shard] as string;
    if (handle === undefined) return;
    const file = await handle.catch(() => undefined);
    if (file === undefined) return;
    await file.close();
    if (isUrl(name)) cache.release(name);
  };

  const obtain = (shard: number): Promise<FileHandle> => {
    let handle = handles.get(shard);
    handles.delete(shard); // and put behind the others: the first is the one that was not used for longest
    if (handle === undefined) {
      const old = [...handles.keys()].slice(0, Math.max(0, handles.size - most + 1));
      const dropped = Promise.all(old.filter((other) => !users.has(other)).map(drop));
      handle = dropped.then(() => openShard(shard));
      handle.catch(() => handles.delete(shard)); // the next read tries again
    }
    handles.set(shard, handle);
    return handle;
  };

  return {
    async read(shard: number, start: number, length: number): Promise<Uint8Array> {
      if (isClosed) throw new PengiError('E_USAGE', 'the source was closed');
      users.set(shard, (users.get(shard) ?? 0) + 1);
      try {
        const file = await obtain(shard);
        const bytes = Buffer.allocUnsafeSlow(length);
        const { bytesRead } = await file.read(bytes, 0, length, start);
        return bytes.subarray(0, bytesRead);
      } catch (error) {
        throw fileError(error, shards[shard] as string, 'read');
      } finally {
        const left = (users.get(shard) ?? 0) - 1;
        if (left > 0) users.set(shard, left);
        else users.delete(shard);
      }
    },
    /** Brings a shard of a server here, one after the other, where the cache has room for it beside those that may be open. */
    prefetch(shard: number): void {
      const name = shards[shard] as string;
      if (!isUrl(name) || ahead.has(shard) || handles.has(shard) || !hasRoomAhead) return;
      ahead.add(shard);
      queue = queue.then(async () => {
        if (isClosed) return;
        await cache.shard(name, known[shard] ?? {}).then(
          () => cache.release(name),
          () => undefined, // who needs it will hear of it
        );
        ahead.delete(shard);
      });
    },
    async close() {
      isClosed = true;
      await Promise.all([...handles.keys()].map(drop));
    },
  };
}
