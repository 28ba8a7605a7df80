import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cacheKey, createFeatureCache } from './feature-cache.js';
import { failure, temporaryFolder } from './testing/files.js';

const folder = temporaryFolder();
const key = cacheKey({ content: 'x' });
const feature = { logMel: Float32Array.of(-100, 0.1, Math.PI, -0), warnings: ['the end is missing'] };

async function entryPath(): Promise<string> {
  const [sub = ''] = await readdir(folder());
  const [name = ''] = await readdir(join(folder(), sub));
  return join(folder(), sub, name);
}

describe('the feature cache', () => {
  it('gives back what was written, bit for bit, and nothing for another key', async () => {
    const cache = createFeatureCache(folder(), 4, 'float32');
    expect(await cache.read(key)).toBeUndefined();
    await cache.write(key, feature);
    const found = await cache.read(key);
    expect(found).toEqual(feature);
    expect(Object.is(found?.logMel[3], -0)).toBe(true);
    expect(await cache.read(cacheKey({ content: 'y' }))).toBeUndefined();
  });

  it('takes no entry of which a single bit is changed', async () => {
    const cache = createFeatureCache(folder(), 4, 'float32');
    await cache.write(key, feature);
    const path = await entryPath();
    const intact = await readFile(path);
    for (let bit = 0; bit < intact.length * 8; bit++) {
      const damaged = Buffer.from(intact);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      await writeFile(path, damaged);
      expect(await cache.read(key), `bit ${bit}`).toBeUndefined();
    }
  });

  it('takes no entry that is cut or longer', async () => {
    const cache = createFeatureCache(folder(), 4, 'float32');
    await cache.write(key, feature);
    const path = await entryPath();
    const intact = await readFile(path);
    for (let length = 0; length < intact.length; length++) {
      await writeFile(path, intact.subarray(0, length));
      expect(await cache.read(key), `${length} bytes`).toBeUndefined();
    }
    await writeFile(path, Buffer.concat([intact, Buffer.of(0)]));
    expect(await cache.read(key)).toBeUndefined();
  });

  it('takes no entry of another key or another number of values', async () => {
    const cache = createFeatureCache(folder(), 4, 'float32');
    await cache.write(key, feature);
    const other = key.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'));
    await writeFile((await entryPath()).replace(key, other), await readFile(await entryPath()));
    expect(await cache.read(other)).toBeUndefined();
    expect(await createFeatureCache(folder(), 5, 'float32').read(key)).toBeUndefined();
  });

  it('makes its folder, and again when it was deleted', async () => {
    const cache = createFeatureCache(join(folder(), 'not', 'yet'), 4, 'float32');
    await cache.write(key, feature);
    await rm(join(folder(), 'not'), { recursive: true });
    expect(await cache.read(key)).toBeUndefined();
    await cache.write(key, feature);
    expect(await cache.read(key)).toEqual(feature);
  });

  it('leaves one whole entry and nothing else when many write the same', async () => {
    const caches = Array.from({ length: 8 }, () => createFeatureCache(folder(), 4, 'float32'));
    await Promise.all(caches.map((cache) => cache.write(key, feature)));
    expect(await caches[0]?.read(key)).toEqual(feature);
    expect(await readdir(join(folder(), key.slice(0, 2)))).toEqual([`${key}.logmel`]);
  });

  it('says so when it cannot be written', async () => {
    await writeFile(join(folder(), 'file'), '');
    const cache = createFeatureCache(join(folder(), 'file'), 4, 'float32');
    expect(await failure(cache.write(key, feature))).toMatchObject({ code: 'E_CANNOT_CREATE' });
    await mkdir(join(folder(), key.slice(0, 2), `${key}.logmel`, 'x'), { recursive: true });
    expect(await failure(createFeatureCache(folder(), 4, 'float32').write(key, feature))).toMatchObject({
      code: expect.stringMatching(/^E_(CANNOT_CREATE|IO)$/),
    });
  });
});

describe('a cache key', () => {
  it('depends on every value and not on the order of the keys', () => {
    const keys = [
      cacheKey({ a: 1, b: { c: 2, d: [1, 2] } }),
      cacheKey({ a: 1, b: { c: 2, d: [2, 1] } }),
      cacheKey({ a: 1, b: { c: 3, d: [1, 2] } }),
      cacheKey({ a: '1', b: { c: 2, d: [1, 2] } }),
      cacheKey({ a: 1, b: { c: null, d: [1, 2] } }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(cacheKey({ b: { d: [1, 2], c: 2 }, a: 1 })).toBe(keys[0]);
  });
});
