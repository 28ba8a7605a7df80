import { mkdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { cacheFolder } from '@pengi/checkpoint/download';
import { isPengiError, PengiError, type StartProgress } from '@pengi/core';
import { fileError, writeFileAtomic } from '@pengi/core/node';
import { sha256 } from '../files.js';
import { isUrl } from './names.js';
import type { ShardCache } from './shard-cache.js';
import { encodeIndex, indexName, readIndex, type ShardIndex, scanShard } from './shard-index.js';

/** The index beside the shard, else the one that was made earlier, else a new one. */
export async function indexOf(
  shard: string,
  cache: ShardCache,
  progress: StartProgress,
): Promise<ShardIndex> {
  if (isUrl(shard)) {
    const beside = await cache.small(indexName(shard));
    if (beside !== undefined) return readIndex(beside);
    const made = join(cache.folder, 'index', `${sha256(shard).slice(0, 32)}.made.jsonl`);
    return keptIndex(made, async () => {
      const path = await cache.shard(shard, {});
      try {
        return await scanShard(path, shard, progress);
      } finally {
        cache.release(shard);
      }
    });
  }
  const { size, mtimeMs } = await stat(shard).catch((error: unknown) => {
    throw fileError(error, shard, 'read');
  });
  const beside = indexName(shard);
  if (await stat(beside).catch(() => undefined)) {
    const index = await readIndex(beside);
    if (index.bytes === size) return index;
    throw new PengiError(
      'E_DATA',
      `is the index of a shard of ${index.bytes} bytes; ${basename(shard)} has ${size}`,
      {
        file: beside,
        hint: 'the shard is not whole, or was made anew: get or make both again, or delete the index',
      },
    );
  }
  const key = sha256(JSON.stringify([await realpath(shard), size, mtimeMs]));
  return keptIndex(join(cacheFolder(), 'shards', 'index', `${key}.jsonl`), () =>
    scanShard(shard, shard, progress),
  );
}

/** An index in the cache folder, which is only a convenience: where it cannot be written, it is made each time. */
async function keptIndex(path: string, make: () => Promise<ShardIndex>): Promise<ShardIndex> {
  try {
    return await readIndex(path);
  } catch (error) {
    if (!isPengiError(error)) throw error;
  }
  const index = await make();
  await mkdir(dirname(path), { recursive: true })
    .then(() => writeFileAtomic(path, encodeIndex(index)))
    .catch(() => undefined);
  return index;
}
