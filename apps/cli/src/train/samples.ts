/** From opened data to the samples of a step: recordings as log-mels, or the texts of recordings. */
import type { FrontendConfig } from '@pengi/audio-frontend';
import { isPengiError } from '@pengi/core';
import {
  type Augmentation,
  createExampleLoader,
  type Draw,
  type ExampleEntry,
  type ExampleLoader,
  type LoadedExample,
  type Mixture,
  movedPitch,
} from '@pengi/datasets';
import { type Communicator, type Part, partOf } from '@pengi/train';
import type { Context } from '../context.js';
import type { RunConfig } from './config.js';
import { defined, type HeldExample, type TrainData } from './data.js';

/** What batches are made of. */
export interface Samples<Loaded> {
  /** Of step `step`; with `part`, those of one process. */
  batch(step: number, size: number, part?: Part): Promise<readonly Loaded[]>;
  /** Validation samples: what is known of them without hearing them. */
  readonly held: readonly HeldExample[];
  /** Some of them by their place there. */
  loadHeld(places: readonly number[]): Promise<readonly Loaded[]>;
  close(): Promise<void>;
}

/**
 * Recordings as log-mels, each time heard a little differently.
 * @throws PengiError for a bad recording, unless bad ones are to be left out: before the training, where the config says so
 */
export async function openClips(
  frontend: FrontendConfig,
  { training, validation }: TrainData,
  { data, seed }: RunConfig,
  context: ClipsContext,
): Promise<Samples<LoadedExample>> {
  const common = {
    frontend,
    seed,
    cacheDir: data.cache,
    dtype: data.cacheDtype,
    onBad: data.skipBadRows ? 'replace' : 'refuse',
  } as const;
  const told = new Set<string>();
  const loader = createExampleLoader(training, {
    ...common,
    crop: data.crop,
    augment: (set) => augmentationOf(data.augment, set),
    report({ id, error, replacedBy }) {
      if (replacedBy !== undefined && !told.has(id)) context.warn(`left out: ${error.line}`);
      told.add(id);
    },
  });
  const heldOut = validation && createExampleLoader(validation.mixture, common);
  const close = async () => {
    await Promise.all([loader.close(), heldOut?.close()]);
  };
  try {
    const hasShards = Object.values(data.sources).some((source) => 'shards' in source);
    if (data.prepare ?? !hasShards) await hearAll(loader, await firstOfClips(training), data, context);
    const bad = validation ? await hearAll(heldOut!, validation.examples, data, context) : new Set<number>();
    const usable = validation?.examples.filter((_, i) => !bad.has(i)) ?? [];
    return {
      batch: (step, size, part) => loader.batch(step, size, part),
      held: usable,
      loadHeld: async (places) => (await heldOut?.load(places.map((place) => usable[place]!))) ?? [],
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

export type ClipsContext = Pick<Context, 'warn' | 'progress'> & {
  communicator?: Communicator | undefined;
  signal?: AbortSignal | undefined;
};

/** One example of each recording. */
async function firstOfClips({ sources }: Mixture): Promise<Draw[]> {
  const draws: Draw[] = [];
  for (const [source, { entries }] of sources.entries()) {
    const seen = new Set<number>();
    let index = 0;
    for await (const { clip } of entries()) {
      if (!seen.has(clip)) draws.push({ source, index });
      seen.add(clip);
      index++;
    }
  }
  return draws;
}

const AT_ONCE = 256;

/**
 * Hears recordings once, which fills the cache; each of several processes has its share first, so that all find most of what
 * they need there, if they share one.
 * @returns the places of those that cannot be used
 * @throws PengiError for the first bad one, unless bad ones are to be left out
 */
async function hearAll(
  loader: ExampleLoader,
  draws: readonly Draw[],
  { skipBadRows, cache }: RunConfig['data'],
  { communicator, signal, warn, progress: begin }: ClipsContext,
): Promise<Set<number>> {
  const hear = async (places: readonly number[]): Promise<Set<number>> => {
    const bad = new Set<number>();
    const progress = begin('log-mels');
    for (let from = 0; from < places.length; from += AT_ONCE) {
      signal?.throwIfAborted();
      const chunk = places.slice(from, from + AT_ONCE);
      const heard = await Promise.allSettled(chunk.map((place) => loader.load([draws[place]!])));
      for (const [i, one] of heard.entries()) {
        if (one.status === 'fulfilled') continue;
        if (!skipBadRows || !isPengiError(one.reason)) throw one.reason;
        warn(`left out: ${one.reason.line}`);
        bad.add(chunk[i]!);
      }
      progress.update(Math.min(from + AT_ONCE, places.length), places.length);
    }
    progress.end();
    return bad;
  };
  const all = [...draws.keys()];
  if (communicator && cache !== null) {
    const { rank, size, allGather } = communicator;
    // What fails is told below, in all processes.
    await hear(all.filter((place) => place % size === rank)).catch(() => undefined);
    await allGather(Int32Array.of(rank)); // waits for all
  }
  return hear(all);
}

function augmentationOf({ bySource = {}, ...all }: RunConfig['data']['augment'], set: string): Augmentation {
  const { movePitch, ...augmentation } = { ...all, ...bySource[set] };
  return { ...defined(augmentation), ...(movePitch && { retarget: movedPitch }) };
}

/** What is said of one recording. */
export interface Document {
  readonly id: string;
  readonly texts: readonly string[];
}

/** The texts of each recording. The data are opened with the unit "clip". */
export async function openDocuments({ training, validation }: TrainData): Promise<Samples<Document>> {
  const bySource: Document[][] = [];
  for (const { entries } of training.sources) {
    const documents: Document[] = [];
    for await (const entry of entries()) documents.push(documentOf(entry));
    bySource.push(documents);
  }
  return {
    async batch(step, size, part) {
      const draws = partOf(training.draw(step, size), part);
      return draws.map(({ source, index }) => bySource[source]![index]!);
    },
    held: validation?.examples ?? [],
    loadHeld: async (places) => places.map((place) => documentOf(validation!.examples[place]!)),
    close: async () => undefined,
  };
}

function documentOf({ set, id, texts }: ExampleEntry): Document {
  return { id: `${set}/${id}`, texts: texts.map(({ target }) => target) };
}
