import { availableParallelism } from 'node:os';
import { createFrontend, type FrontendConfig } from '@pengi/audio-frontend';
import { createRng, PengiError, printable } from '@pengi/core';
import type { FeatureDtype } from '../feature-cache.js';
import { createGate, type Pass } from './limits.js';
import { createFeatures } from './loader-features.js';
import type { Draw, Mixture } from './mixture.js';
import type { ReadableExample } from './source.js';
import { type Augmentation, checkAugmentation, cropped, type Variation, vary } from './variation.js';

/** An example as a training step takes it. */
export interface LoadedExample {
  /** "set/id" of the text: it names the example in logs and seeds what a model draws for it. */
  readonly id: string;
  readonly set: string;
  readonly prompt: string;
  readonly target: string;
  /** dB, [frames, mels] */
  readonly logMel: Float32Array;
}

export interface ExampleLoader {
  readonly frames: number;
  readonly mels: number;
  /**
   * The examples of a step, in order: a function of the mixture, the options, `step` and `size`. The next steps are loaded
   * meanwhile.
   * @param part of several processes that train together: the batch is cut into `count` equal parts, of which `index` is wanted
   * @throws PengiError the first bad recording's error when those are refused; E_DATA when too many replacements are bad too;
   *   what the source throws; E_CANNOT_CREATE, E_DISK_FULL, E_IO of the cache; E_WORKER; E_USAGE
   */
  batch(step: number, size: number, part?: Part): Promise<LoadedExample[]>;
  /** Examples as they are: the first text, no augmentation, the front end's own crop. @throws PengiError as `batch` */
  load(draws: readonly Draw[]): Promise<LoadedExample[]>;
  readonly stats: Readonly<LoaderStats>;
  /** Ends the threads and what is under way. The sources stay open. */
  close(): Promise<void>;
}

export interface Part {
  readonly index: number;
  readonly count: number;
}

export interface LoaderStats {
  /** Examples given. */
  loaded: number;
  fromMemory: number;
  fromCache: number;
  /** Recordings that could not be used, each time that one was drawn. */
  bad: number;
}

/** A recording that could not be used. */
export interface BadExample {
  readonly id: string;
  readonly error: PengiError;
  /** Which example took its place; undefined where bad ones are refused. */
  readonly replacedBy?: string;
}

export interface ExampleLoaderOptions {
  readonly frontend: FrontendConfig;
  readonly seed: number;
  /**
   * Where in a longer recording the crop begins: as the front end's config says (the default), or 'random', by the step
   * and the example.
   */
  readonly crop?: 'frontend' | 'random';
  /** With 'random': of longer recordings only so much from the start takes part, in seconds; 120 by default. */
  readonly cropSeconds?: number;
  /** For all, or by set. */
  readonly augment?: Augmentation | ((set: string) => Augmentation);
  /** Where log-mels are kept on disk; null (the default) for nowhere. */
  readonly cacheDir?: string | null;
  /** Nothing more is put into the cache when it has so many bytes, but for what is under way then; no limit by default. */
  readonly cacheBytes?: number;
  /** Of the values, kept or not: 'float32' by default. */
  readonly dtype?: FeatureDtype;
  /** Log-mels of so many bytes are held in memory, those that come first; 1 GiB by default. */
  readonly memoryBytes?: number;
  /** Threads; as many as the machine has cores by default, 0 for the calling thread alone. */
  readonly workers?: number;
  /** Steps that are loaded in advance; 2 by default. */
  readonly ahead?: number;
  /** Recordings, and bytes of audio files, that are held at once while they are decoded; default 4 a thread, 256 MiB. */
  readonly maxItems?: number;
  readonly maxBytes?: number;
  /** What a bad recording does: end the work (the default), or let another of its source take its place, by the seed. */
  readonly onBad?: 'refuse' | 'replace';
  /** Told of each bad recording, every time that it is drawn. */
  readonly report?: (bad: BadExample) => void;
  readonly allowDamaged?: boolean;
  /** Longer recordings are bad; 600 by default. */
  readonly maxSeconds?: number;
}

/** Of an example within a step: never which process it is in. */
interface Place {
  readonly step: number;
  readonly place: number;
}

/** Bad examples in a row that are replaced for one place. */
const MAX_REPLACEMENTS = 10;

/**
 * Draws of a mixture to log-mels with their texts: read, decoded and analysed in threads, some steps in advance, within
 * bounds of memory. The numbers are the same bit for bit with any number of threads or processes, and with or without caches.
 * @throws PengiError E_CONFIG, E_USAGE
 */
export function createExampleLoader(mixture: Mixture, options: ExampleLoaderOptions): ExampleLoader {
  const settings = checked(options);
  const { frontend: config, seed, ahead, onBad, report } = settings;
  const { frames } = createFrontend(config);
  const features = createFeatures(settings);
  const gate = createGate(settings.maxItems, settings.maxBytes);
  const root = createRng(seed).fork('example');
  const stats: LoaderStats = { loaded: 0, fromMemory: 0, fromCache: 0, bad: 0 };
  const size = { frames, mels: config.mels, topDb: config.topDb };
  const running = new Set<Promise<unknown>>();
  let isClosed = false;

  /** One draw; what takes its place comes from the same source, at random but by the step and the place in the batch. */
  const loadOne = async (draw: Draw, at?: Place): Promise<LoadedExample> => {
    const pass = await gate.enter();
    try {
      if (isClosed) throw new PengiError('E_USAGE', 'the loader was closed before its work was done');
      return await loadInside(draw, pass, at);
    } finally {
      pass.leave();
    }
  };

  const loadAll = (loads: readonly Promise<LoadedExample>[]): Promise<LoadedExample[]> => {
    const settled = Promise.allSettled(loads).finally(() => running.delete(settled));
    running.add(settled);
    return Promise.all(loads);
  };

  const loadInside = async (draw: Draw, pass: Pass, at?: Place): Promise<LoadedExample> => {
    const source = mixture.sources[draw.source]!;
    const rng = at && root.fork(at.step).fork(at.place);
    const failed: { id: string; error: PengiError }[] = [];
    for (let { index } = draw; ; index = rng!.fork(`replacement ${failed.length}`).int(source.length)) {
      const example = await source.read(index);
      const variation = rng
        ? vary(example.texts, rng.fork(`${example.set}/${example.id}`), settings.augmentOf(example.set))
        : plain(example, config);
      const id = `${example.set}/${variation.text.id}`;
      const found = await features.find(draw.source, example, variation, pass);
      if (!('failure' in found)) {
        for (const bad of failed) report({ ...bad, replacedBy: id });
        stats.loaded++;
        if (found.from !== 'file') stats[found.from]++;
        const { prompt, target } = variation.text;
        return { id, set: example.set, prompt, target, logMel: cropped(found.logMel, size, variation) };
      }
      stats.bad++;
      failed.push({ id, error: found.failure });
      if (rng === undefined || onBad === 'refuse') {
        report({ id, error: found.failure });
        throw found.failure;
      }
      if (failed.length > MAX_REPLACEMENTS) throw hopeless(failed, source.name);
    }
  };

  const start = (step: number, count: number, part: Part): Promise<LoadedExample[]> => {
    const { from, to } = rangeOf(count, part);
    const draws = mixture.draw(step, count).slice(from, to);
    const batch = loadAll(draws.map((draw, i) => loadOne(draw, { step, place: from + i })));
    batch.catch(() => undefined); // whoever takes the batch hears of it
    return batch;
  };

  const underWay = new Map<string, { of: number; batch: Promise<LoadedExample[]> }>();
  return {
    frames,
    mels: config.mels,
    stats,
    async batch(step, count, part = { index: 0, count: 1 }) {
      const keyOf = (wanted: number) => [wanted, count, part.index, part.count].join();
      const { batch } = underWay.get(keyOf(step)) ?? { batch: start(step, count, part) };
      underWay.delete(keyOf(step));
      // Other parts of this very step may be still to come.
      for (const [key, { of }] of underWay) if (of < step || of > step + ahead) underWay.delete(key);
      for (let of = step + 1; of <= step + ahead; of++)
        if (!underWay.has(keyOf(of))) underWay.set(keyOf(of), { of, batch: start(of, count, part) });
      return batch;
    },
    load: (draws) => loadAll(draws.map((draw) => loadOne(draw))),
    async close() {
      isClosed = true;
      underWay.clear();
      await features.close();
      await Promise.all(running);
    },
  };
}

type Settings = Required<Omit<ExampleLoaderOptions, 'augment' | 'cacheBytes'>> & {
  cacheBytes: number | undefined;
  augmentOf(set: string): Augmentation;
};

function checked({ augment = {}, cacheBytes, ...options }: ExampleLoaderOptions): Settings {
  const { crop = 'frontend', frontend } = options;
  const workers = options.workers ?? availableParallelism();
  if (frontend.crop === 'random')
    throw new PengiError('E_CONFIG', "the front end's crop is 'random', which no seed is given for", {
      hint: "use 'start' or 'centre' there, and the loader's crop: 'random'",
    });
  if (crop === 'random' && frontend.channels === 'concatenate')
    throw new PengiError('E_CONFIG', "crops at random need the front end's channels 'mix' or 'left'");
  if (typeof augment === 'object') checkAugmentation(augment);
  const settings = {
    crop,
    workers,
    cropSeconds: 120,
    cacheDir: null,
    dtype: 'float32' as const,
    memoryBytes: 2 ** 30,
    ahead: 2,
    maxItems: 4 * Math.max(1, workers),
    maxBytes: 2 ** 28,
    onBad: 'refuse' as const,
    report: () => undefined,
    allowDamaged: false,
    maxSeconds: 600,
    ...options,
  };
  const { ahead, cropSeconds, memoryBytes, maxItems, maxBytes } = settings;
  for (const [name, value] of Object.entries({ ahead, memoryBytes, cacheBytes: cacheBytes ?? 0 }))
    if (!(value >= 0)) throw new PengiError('E_USAGE', `${name} is ${value}; it is a number from 0 on`);
  for (const [name, value] of Object.entries({ cropSeconds, maxItems, maxBytes }))
    if (!(value > 0)) throw new PengiError('E_USAGE', `${name} is ${value}; it is a positive number`);
  const bySet = new Map<string, Augmentation>();
  return {
    ...settings,
    cacheBytes,
    augmentOf(set) {
      if (typeof augment === 'object') return augment;
      let found = bySet.get(set);
      if (found === undefined) {
        found = augment(set);
        checkAugmentation(found);
        bySet.set(set, found);
      }
      return found;
    },
  };
}

/** What evaluation hears. */
function plain({ texts }: ReadableExample, { crop }: FrontendConfig): Variation {
  return { text: texts[0]!, speed: 0, gainDb: 0, response: [], crop: crop === 'centre' ? 0.5 : 0 };
}

function rangeOf(size: number, { index, count }: Part): { from: number; to: number } {
  const each = size / count;
  if (!(Number.isInteger(each) && each > 0 && index >= 0 && index < count))
    throw new PengiError('E_USAGE', `a batch of ${size} cannot be divided among ${count} processes`, {
      hint: `choose a batch size that is a multiple of ${count}`,
    });
  return { from: index * each, to: (index + 1) * each };
}

function hopeless(failed: readonly { id: string; error: PengiError }[], source: string): PengiError {
  const names = failed.slice(0, 3).map(({ id }) => printable(id, 60));
  return new PengiError(
    'E_DATA',
    `${failed.length} recordings of ${source} in a row cannot be used (${names.join(', ')}, …): ${failed[0]!.error.line}`,
    { hint: 'run pengi data verify --decode, and leave out what it lists' },
  );
}
