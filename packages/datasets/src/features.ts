import { availableParallelism } from 'node:os';
import { createFrontend, type FrontendConfig } from '@pengi/audio-frontend';
import { PengiError, type StartProgress, silentProgress } from '@pengi/core';
import { startWorker } from '@pengi/core/node';
import type { FeatureDtype } from './feature-cache.js';
import {
  createExtractor,
  type ExtractorSettings,
  type FileReply,
  type FileRequest,
  type Variant,
} from './feature-extractor.js';
import { createFeaturePool, type FeaturePool } from './feature-pool.js';

/** A recording, and how its log-mel is wanted. */
export interface FeatureItem {
  readonly audio: string;
  /**
   * Play it faster (or slower) so that it sounds this many semitones higher (or lower), -24 … 24; 0 by default.
   * Rounded as `spedUpRate` says: 2 cents at 44.1 kHz.
   */
  readonly speed?: number;
  /** Only this much from the start of the recording, at its own speed, is used; all by default. */
  readonly seconds?: number;
}

export interface LoadFeaturesOptions {
  /** Use what can be read of damaged files, with warnings, in place of failing. */
  readonly allowDamaged?: boolean;
  /** Longer recordings fail; 600 by default. */
  readonly maxSeconds?: number;
}

export interface Features {
  /** dB, [frames, mels] each, in the order of the items; empty for those that failed. Equal items share one array. */
  readonly logMels: Float32Array[];
  readonly frames: number;
  readonly mels: number;
  /** The files that could not be used, each once. */
  readonly failed: { readonly audio: string; readonly error: PengiError }[];
  readonly warnings: { readonly audio: string; readonly message: string }[];
  /** How many different log-mels were read rather than computed. */
  readonly fromCache: number;
}

export interface FeatureLoader {
  /**
   * @throws PengiError E_USAGE for items that make no sense; E_CANNOT_CREATE, E_DISK_FULL, E_IO when the cache cannot
   *   be written; E_WORKER when a thread ends before its time. What is wrong with a recording is in `failed` instead.
   */
  load(items: readonly FeatureItem[], options?: LoadFeaturesOptions): Promise<Features>;
  /** Ends the worker threads. */
  close(): Promise<void>;
}

export interface FeatureLoaderOptions {
  readonly frontend: FrontendConfig;
  /** Where log-mels are kept; null (the default) for nowhere. Made when it is missing. */
  readonly cacheDir?: string | null;
  /** Of the values, kept or not: 'float32' by default. */
  readonly dtype?: FeatureDtype;
  /** Threads; as many as the machine has cores by default, 0 for the calling thread alone. */
  readonly workers?: number;
  readonly progress?: StartProgress;
}

/**
 * Recordings to log-mels: decoded, resampled and analysed in worker threads, kept on disk. The numbers are the same
 * bit for bit with and without threads and cache.
 * @throws PengiError E_CONFIG for a front end that is wrong or that crops at random, E_USAGE
 */
export function createFeatureLoader(options: FeatureLoaderOptions): FeatureLoader {
  const { frontend, cacheDir = null, dtype = 'float32', progress = silentProgress } = options;
  const { workers = availableParallelism() } = options;
  const { frames } = createFrontend(frontend);
  if (frontend.crop === 'random')
    throw new PengiError('E_CONFIG', "crop is 'random', which gives another log-mel at every call", {
      hint: "use 'start' or 'centre'",
    });
  const { extract, close } = createPool({ frontend, cacheDir, dtype }, workers);

  return {
    async load(items, { allowDamaged = false, maxSeconds = 600 } = {}) {
      checkItems(items);
      const { requests, variantOfItem } = groupByFile(items, { allowDamaged, maxSeconds });
      const report = progress('log-mels');
      let done = 0;
      const replies = await mapInLanes(requests, Math.max(1, workers), async (request) => {
        const reply = await extract(request);
        report.update(++done, requests.length);
        return reply;
      }).finally(() => report.end());
      const found = new Map(requests.map(({ audio }, i) => [audio, replies[i] as FileReply]));
      const logMels = items.map(({ audio }, i) => logMelOf(found.get(audio), variantOfItem[i] ?? 0));
      return { logMels, frames, mels: frontend.mels, ...summary(found) };
    },
    close,
  };
}

/** An extractor on `workers` threads, or in this one. @throws PengiError E_CONFIG, E_USAGE */
export function createPool(settings: ExtractorSettings, workers: number): FeaturePool {
  if (!Number.isInteger(workers) || workers < 0)
    throw new PengiError('E_USAGE', `workers is ${workers}; it is a number of threads, 0 or more`);
  if (workers === 0) return { extract: createExtractor(settings), close: async () => {} };
  return createFeaturePool(workers, () =>
    startWorker(import.meta.url, 'feature-worker', { workerData: settings }),
  );
}

const MAX_SPEED = 24;

function checkItems(items: readonly FeatureItem[]): void {
  for (const { audio, speed = 0, seconds = 1 } of items) {
    if (!(Math.abs(speed) <= MAX_SPEED))
      throw new PengiError(
        'E_USAGE',
        `speed is ${speed}; -${MAX_SPEED} … ${MAX_SPEED} semitones are allowed`,
        {
          file: audio,
        },
      );
    if (!(seconds > 0))
      throw new PengiError('E_USAGE', `seconds is ${seconds}; it is a positive number`, { file: audio });
  }
}

/** One request for each file with all that is wanted of it, and for each item which variant of its file it is. */
function groupByFile(
  items: readonly FeatureItem[],
  options: Required<LoadFeaturesOptions>,
): { requests: FileRequest[]; variantOfItem: number[] } {
  const variantsOf = new Map<string, Variant[]>();
  const variantOfItem = items.map(({ audio, speed = 0, seconds = null }) => {
    const variants = variantsOf.get(audio) ?? [];
    variantsOf.set(audio, variants);
    const known = variants.findIndex((variant) => variant.speed === speed && variant.seconds === seconds);
    return known >= 0 ? known : variants.push({ speed, seconds }) - 1;
  });
  return {
    requests: [...variantsOf].map(([audio, variants]) => ({ audio, variants, ...options })),
    variantOfItem,
  };
}

function logMelOf(reply: FileReply | undefined, variant: number): Float32Array {
  return (reply && 'logMels' in reply && reply.logMels[variant]) || new Float32Array(0);
}

function summary(
  replies: ReadonlyMap<string, FileReply>,
): Pick<Features, 'failed' | 'warnings' | 'fromCache'> {
  const failed: Features['failed'] = [];
  const warnings: Features['warnings'] = [];
  let fromCache = 0;
  for (const [audio, reply] of replies) {
    if ('failure' in reply) {
      failed.push({ audio, error: reply.failure });
      continue;
    }
    warnings.push(...reply.warnings.map((message) => ({ audio, message })));
    fromCache += reply.fromCache;
  }
  return { failed, warnings, fromCache };
}

/** `map` over `items`, `lanes` at a time, in order. The first failure stops what has not been started. */
async function mapInLanes<T, R>(
  items: readonly T[],
  lanes: number,
  map: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      const i = next++;
      try {
        results[i] = await map(items[i] as T);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
  return results;
}
