import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faults, startServer, type TestServer } from '@pengi/checkpoint/testing/server';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { toneSource } from '../testing/clips.js';
import { failure, temporaryFolder } from '../testing/files.js';
import { createMixture } from '../training/mixture.js';
import type { ExampleSource } from '../training/source.js';
import { verifyShards } from '../training/verify-source.js';
import { packShards } from './pack.js';
import { createShardCache, type ShardCacheOptions } from './shard-cache.js';
import { readIndex } from './shard-index.js';
import { shardSource } from './shard-source.js';

const folder = temporaryFolder();
const TAR = 't-000000.tar';
let server: TestServer;
let packed: string;
let names: string[];
let open: ExampleSource[];

beforeAll(async () => {
  packed = await mkdtemp(join(tmpdir(), 'pengi-remote-'));
  const source = await toneSource(packed, 18, { unit: 'clip' });
  await packShards(source, { out: join(packed, 'shards'), shardBytes: 20_000, name: 't' });
});
afterAll(() => rm(packed, { recursive: true }));

beforeEach(async () => {
  for (const name of ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy']) {
    vi.stubEnv(name, undefined);
    vi.stubEnv(name.toUpperCase(), undefined);
  }
  vi.stubEnv('PENGI_CACHE', join(folder(), 'cache'));
  const files = await readdir(join(packed, 'shards'));
  names = files.filter((name) => name.endsWith('.tar')).sort();
  server = await startServer();
  for (const name of files) server.content.set(`/${name}`, await readFile(join(packed, 'shards', name)));
  open = [];
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(open.map((source) => source.close()));
  await server.close();
});

const pattern = () => `${server.url}/t-{000000..${names.at(-1)!.slice(2, 8)}}.tar`;

async function remote(cache: ShardCacheOptions = {}, window = 2): Promise<ExampleSource> {
  const source = await shardSource(pattern(), { window, cache: { retries: 1, ...cache } });
  open.push(source);
  return source;
}

/** What is read of a source: the texts and the audio's bytes of every example of two epochs, in order. */
async function everything(source: ExampleSource): Promise<[string, number][]> {
  const mixture = createMixture([source], { seed: 4 });
  const found: [string, number][] = [];
  for (const { index } of mixture.draw(0, 2 * source.length)) {
    const { id, readAudio } = await source.read(index);
    found.push([id, Buffer.from(await readAudio()).readUInt32LE(4)]);
  }
  return found;
}

const tarRequests = () => server.requests.filter((request) => request.includes('.tar'));

describe('shards of a server', () => {
  it('give the batches that local ones give, and each is downloaded once', async () => {
    const local = await shardSource(join(packed, 'shards'), { window: 2 });
    open.push(local);
    const source = await remote();
    expect(source.fingerprint).toBe(local.fingerprint);
    expect(await everything(source)).toEqual(await everything(local));
    expect(tarRequests().sort()).toEqual(names.map((name) => `GET /${name}`));
    server.requests.length = 0;
    expect(await everything(await remote())).toEqual(await everything(local));
    expect(server.requests).toEqual([]); // all of it is in the cache
  });

  it('are cached within a limit of bytes, and fetched again when they were dropped', async () => {
    const local = await shardSource(join(packed, 'shards'), { window: 1 });
    open.push(local);
    const maxBytes = 45_000; // two shards, and not three
    const source = await remote({ maxBytes }, 1);
    expect(await everything(source)).toEqual(await everything(local));
    expect(tarRequests().length).toBeGreaterThan(names.length);
    const files = join(folder(), 'cache', 'shards', 'files');
    const cached = (await readdir(files, { recursive: true })).filter((name) => name.endsWith('.tar'));
    const sizes = await Promise.all(cached.map(async (name) => (await stat(join(files, name))).size));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(maxBytes);
    const error = await failure(remote({ maxBytes }, 2));
    expect(error.line).toMatch(
      /^E_USAGE .*4 shards \(twice the window\) need \d+ bytes; the cache may have 45000/,
    );
  });

  it('come before they are needed: those of the next window while one is read', async () => {
    const source = await remote({}, 1);
    const [first] = createMixture([source], { seed: 4 }).draw(0, 1);
    await (await source.read(first!.index)).readAudio();
    await vi.waitFor(() => expect(tarRequests()).toHaveLength(2));
  });

  it('are verified like local ones', async () => {
    const { counts, splits } = await verifyShards(pattern(), { decode: true });
    expect([counts, splits]).toEqual([{}, [{ split: 'all', usable: 18, official: null }]]);
    const body = server.content.get(`/${TAR}`)!;
    const damaged = Buffer.from(body);
    damaged.fill(0, 512, 600);
    server.content.set(`/${TAR}`, damaged);
    vi.stubEnv('PENGI_CACHE', join(folder(), 'other'));
    expect((await verifyShards(pattern())).counts).toEqual({ 'bad-shard': 1 });
  });

  it('without an index are read once to make one', async () => {
    for (const name of [...server.content.keys()]) if (!name.endsWith('.tar')) server.content.delete(name);
    const local = await shardSource(join(packed, 'shards'), { window: 2 });
    open.push(local);
    const source = await remote();
    expect([source.length, source.fingerprint]).toEqual([local.length, local.fingerprint]);
    server.requests.length = 0;
    await remote();
    expect(tarRequests()).toEqual([]);
  });

  it.each([403, 404])('that say %d of an index are taken for shards without one', async (status) => {
    names = names.slice(0, 1);
    server.faults.push(faults.status(status));
    expect((await remote()).length).toBeGreaterThan(0);
    expect(server.requests).toEqual(['GET /t-000000.index.jsonl', 'GET /t-000000.tar']);
  });
});

describe('a server with faults', () => {
  const cacheOf = (options: ShardCacheOptions = {}) =>
    createShardCache({ folder: join(folder(), 'c'), retries: 1, ...options });
  const shardUrl = () => `${server.url}/${TAR}`;
  const body = () => server.content.get(`/${TAR}`)!;
  const known = async () => readIndex(join(packed, 'shards', TAR.replace('.tar', '.index.jsonl')));

  it.each([
    ['breaks the connection', faults.hangUp],
    ['is unavailable for a moment', faults.status(503)],
    ['has too many requests', faults.status(429)],
  ])('that %s is asked again', async (_, fault) => {
    server.faults.push(fault);
    expect(await readFile(await cacheOf().shard(shardUrl(), await known()))).toEqual(body());
    expect(server.requests).toHaveLength(2);
  });

  it('that promises more bytes than the index says is refused', async () => {
    server.faults.push(faults.lieAboutLength(10 ** 6));
    expect(await failure(cacheOf().shard(shardUrl(), await known()))).toMatchObject({ code: 'E_DATA' });
  });

  it('that sends less than it promises is asked for the rest', async () => {
    server.faults.push(faults.lieAboutLength(body().length + 100));
    expect(await readFile(await cacheOf().shard(shardUrl(), {}))).toEqual(body());
    expect(server.requests).toHaveLength(2);
  });

  it('that stalls is left after the time allowed, and the rest fetched', async () => {
    server.faults.push(faults.stall(5000));
    const path = await cacheOf({ idleMs: 300, retries: 5 }).shard(shardUrl(), await known());
    expect(await readFile(path)).toEqual(body());
    expect(server.requests.length).toBeGreaterThan(1);
  });

  it('that sends other bytes than the index says is not believed, and nothing is kept', async () => {
    server.faults.push(faults.corrupt);
    const cache = cacheOf();
    const error = await failure(cache.shard(shardUrl(), await known()));
    expect(error.line).toMatch(/^E_DATA http.*t-000000\.tar: is not the published file: sha256/);
    expect(await readFile(await cache.shard(shardUrl(), await known()))).toEqual(body());
  });

  it('that has a shard of another length is refused', async () => {
    const { sha256 = '', bytes } = await known();
    expect(await failure(cacheOf().shard(shardUrl(), { bytes: bytes + 512, sha256 }))).toMatchObject({
      code: 'E_DATA',
    });
  });

  it('that ignores ranges, or gives wrong ones, is read from the start', async () => {
    for (const fault of [faults.ignoreRange, faults.wrongRange]) {
      server.faults.push(faults.stall(5000), fault);
      const cache = createShardCache({
        folder: join(folder(), String(server.faults.length), fault.toString().slice(0, 9).replace(/\W/g, '')),
        idleMs: 300,
        retries: 5,
      });
      expect(await readFile(await cache.shard(shardUrl(), await known()))).toEqual(body());
      server.faults.length = 0;
    }
  });

  it('that cannot be reached, or has no such shard, is named', async () => {
    expect(await failure(cacheOf().shard(`${server.url}/no.tar`, {}))).toMatchObject({ code: 'E_NOT_FOUND' });
    server.faults.push(faults.hangUp, faults.hangUp);
    expect((await failure(cacheOf().shard(shardUrl(), await known()))).message).toMatch(
      /^cannot be downloaded from 127\.0\.0\.1/,
    );
  });

  it('is asked once when many want the same shard', async () => {
    const caches = [cacheOf(), cacheOf()];
    const paths = await Promise.all(
      caches.flatMap((cache) => [cache.shard(shardUrl(), {}), cache.shard(shardUrl(), {})]),
    );
    expect(new Set(paths).size).toBe(1);
    expect(server.requests).toEqual([`GET /${TAR}`]);
  });

  it('does not empty a cache that is in use', async () => {
    const size = body().length;
    const cache = cacheOf({ maxBytes: size + 10 });
    await cache.shard(shardUrl(), { bytes: size });
    const other = `${server.url}/${names[1]}`;
    const bytes = server.content.get(`/${names[1]}`)!.length;
    expect(await failure(cache.shard(other, { bytes }))).toMatchObject({ code: 'E_USAGE' });
    cache.release(shardUrl());
    await cache.shard(other, { bytes });
    server.requests.length = 0;
    cache.release(other);
    await cache.shard(shardUrl(), { bytes: size });
    expect(server.requests).toEqual([`GET /${TAR}`]);
  });
});
