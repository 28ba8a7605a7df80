/**
 * `pnpm bench:data`: how fast shards are read, recordings decoded, and log-mels had from the caches, on the small recordings of
 * PENGI_DATA (default ../shared/data/mini). Rounds alternate, so that what else the machine does falls on all alike; the median counts.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, stat, symlink } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { RELEASED_FRONTEND } from '@pengi/audio-frontend';
import { textTable } from '@pengi/bench';
import { createRng, PengiError } from '@pengi/core';
import {
  createExampleLoader,
  createMixture,
  DATA_SETS,
  type ExampleLoaderOptions,
  type ExampleSource,
  listSource,
  packShards,
  shardSource,
  type TextOfFile,
} from '@pengi/datasets';

const ROUNDS = 3;
const SETS = ['clotho', 'audiocaps', 'esc50', 'fsd50k', 'nsynth', 'gtzan-music-speech'] as const;

const root = resolve(process.env.PENGI_DATA ?? '../shared/data/mini');
if (!existsSync(root))
  throw new PengiError('E_NOT_FOUND', 'is not there', { file: root, hint: 'set PENGI_DATA' });
const folder = await mkdtemp(join(tmpdir(), 'pengi-bench-data-'));
process.env.PENGI_CACHE = join(folder, 'cache');
try {
  const rows: TextOfFile[] = [];
  for (const id of SETS)
    for (const { id: item, audio } of (await DATA_SETS[id].read(root)).items)
      rows.push({ id: `${id}/${item}`, audio, prompt: 'p', target: 't' });
  const files = listSource(rows, { name: 'mini', root, unit: 'clip' });
  console.log(
    `${files.length} recordings of ${SETS.join(', ')}; ${availableParallelism()} cores; medians of ${ROUNDS} rounds\n`,
  );
  await shards(files);
  // Every fourth: enough for a rate.
  const some = listSource(
    rows.filter((_, i) => i % 4 === 0),
    { name: 'some', root, unit: 'clip' },
  );
  await decoding(some);
  await halfPrecision(some);
} finally {
  await rm(folder, { recursive: true });
}

/** Shards of about 300 MB: each recording many times. */
async function shards(files: ExampleSource): Promise<void> {
  const once = join(folder, 'once');
  await packShards(files, { out: once });
  const bytesOnce = await bytesIn(once);
  const times = Math.ceil(300e6 / bytesOnce);
  const many: ExampleSource = {
    ...files,
    length: files.length * times,
    read: (index) => files.read(index % files.length),
    order: () => Uint32Array.from({ length: files.length * times }, (_, i) => i),
  };
  const out = join(folder, 'many');
  const packing = await timed(() => packShards(many, { out, shardBytes: 64e6, shuffle: null }));
  const bytes = await bytesIn(out);
  const found: Record<string, number[]> = { index: [], scan: [], inOrder: [], shuffled: [] };
  for (let round = 0; round < ROUNDS; round++) {
    await rm(join(folder, 'cache'), { recursive: true, force: true });
    const names = (await readdir(out)).filter((name) => name.endsWith('.tar')).map((name) => join(out, name));
    found.index!.push(await timed(() => shardSource(names, { unit: 'clip' })));
    const bare = join(folder, `bare-${round}`); // the same shards without their indices, which are made then
    await mkdir(bare);
    for (const name of names) await symlink(name, join(bare, basename(name)));
    found.scan!.push(await timed(() => shardSource(bare, { unit: 'clip' })));
    const source = await shardSource(names, { unit: 'clip' });
    const readAll = async (order: Iterable<number>) => {
      for (const index of order) await (await source.read(index)).readAudio();
    };
    found.inOrder!.push(await timed(() => readAll(Array(source.length).keys())));
    found.shuffled!.push(await timed(() => readAll(source.order(createRng(round)))));
    await source.close();
  }
  const rate = (seconds: number) =>
    `${Math.round(bytes / 1e6 / seconds)} MB/s, ${Math.round(many.length / seconds)} samples/s`;
  console.log(`shards: ${Math.round(bytes / 1e6)} MB, ${many.length} samples, page-cached`);
  console.log(
    textTable(
      ['', 'rate'],
      [
        ['packing (with fsync and sha256)', rate(packing)],
        ['opening, with the index beside them', `${(1000 * median(found.index!)).toFixed(0)} ms`],
        ['opening, without: one scan', rate(median(found.scan!))],
        ['reading all samples in order', rate(median(found.inOrder!))],
        ['reading all samples in an order of training', rate(median(found.shuffled!))],
      ],
    ),
  );
}

async function decoding(files: ExampleSource): Promise<void> {
  const cacheDir = join(folder, 'log-mels');
  const half = { cacheDir: join(folder, 'halves'), dtype: 'float16' as const };
  const ways: Record<string, Partial<ExampleLoaderOptions>> = {
    'decoded, in the calling thread': { workers: 0 },
    'decoded, 1 worker': { workers: 1 },
    'decoded, 2 workers': { workers: 2 },
    'disk cache float32, 2 workers': { workers: 2, cacheDir },
    'disk cache float16, 2 workers': { workers: 2, ...half },
    'memory, 0 workers': { workers: 0, memoryBytes: 2 ** 30 },
  };
  const seconds: Record<string, number[]> = {};
  for (let round = 0; round <= ROUNDS; round++)
    for (const [name, options] of Object.entries(ways)) {
      const loader = createExampleLoader(createMixture([files], { seed: round }), {
        frontend: RELEASED_FRONTEND,
        seed: 0,
        memoryBytes: 0,
        ahead: 0,
        ...options,
      });
      await loader.load([{ source: 0, index: 0 }]); // threads have started
      if (options.memoryBytes) await loader.batch(0, files.length);
      const took = await timed(() => loader.batch(1, files.length));
      await loader.close();
      if (round > 0) seconds[name] = [...(seconds[name] ?? []), took]; // the first fills caches
    }
  console.log(`\nlog-mels of ${files.length} recordings, 7 s at 44.1 kHz, 64 mels`);
  console.log(
    textTable(
      ['', 'clips/s', 'ms a clip'],
      Object.entries(seconds).map(([name, took]) => [
        name,
        (files.length / median(took)).toFixed(0),
        ((1000 * median(took)) / files.length).toFixed(2),
      ]),
    ),
  );
}

async function halfPrecision(files: ExampleSource): Promise<void> {
  const [exact, half] = await Promise.all(
    (['float32', 'float16'] as const).map(async (dtype) => {
      const loader = createExampleLoader(createMixture([files], { seed: 0 }), {
        frontend: RELEASED_FRONTEND,
        seed: 0,
        dtype,
      });
      const found = await loader.batch(0, files.length);
      await loader.close();
      return found;
    }),
  );
  let [largest, sum, count] = [0, 0, 0];
  exact!.forEach(({ logMel }, i) => {
    logMel.forEach((value, j) => {
      const error = Math.abs(value - (half![i]!.logMel[j] as number));
      largest = Math.max(largest, error);
      sum += error ** 2;
      count++;
    });
  });
  console.log(
    `\nfloat16 against float32, ${count} values: at most ${largest.toFixed(4)} dB, root mean square ${Math.sqrt(sum / count).toFixed(4)} dB`,
  );
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

async function bytesIn(path: string): Promise<number> {
  const sizes = await Promise.all(
    (await readdir(path)).map(async (name) => (await stat(join(path, name))).size),
  );
  return sizes.reduce((total, size) => total + size, 0);
}
