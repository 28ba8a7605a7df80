/** From a config's data to the examples of a step. */
import type { FrontendConfig } from '@pengi/audio-frontend';
import { createRng, isPengiError, PengiError } from '@pengi/core';
import {
  type Augmentation,
  createExampleLoader,
  createMixture,
  type Draw,
  dataSetSource,
  type ExampleEntry,
  type ExampleLoader,
  type ExampleSource,
  type ExampleUnit,
  evaluationSources,
  findLeaks,
  holdOut,
  type LoadedExample,
  leakLines,
  type Mixture,
  manifestSource,
  movedPitch,
  shardSource,
  withoutExamples,
} from '@pengi/datasets';
import { type Communicator, type Part, partOf } from '@pengi/train';
import type { Context } from '../context.js';
import type { RunConfig, SourceConfig, Sources } from './config.js';

/** What a stage trains on. */
export interface TrainData {
  readonly training: Mixture;
  /** Examples that are not trained on; undefined where there are none. */
  readonly validation: ValidationData | undefined;
  /** All prompts and targets of both. */
  texts(): Promise<{ prompts: string[]; answers: string[] }>;
  close(): Promise<void>;
}

export interface ValidationData {
  readonly mixture: Mixture;
  /** Those that are used: where each is, and what it says. */
  readonly examples: readonly HeldExample[];
}

export type HeldExample = ExampleEntry & Draw;

/**
 * Opens the sources of a config, leaves out what evaluation sets have, too, and holds out what is validated with.
 * @throws PengiError E_USAGE where no folder for data sets is named, E_DATA for leaks that are to be refused, and what the
 *   sources throw
 */
export async function openData(
  { data, seed }: RunConfig,
  unit: ExampleUnit,
  context: Pick<Context, 'warn'>,
): Promise<TrainData> {
  const open = async (sources: Sources) => {
    const opened: ExampleSource[] = [];
    for (const [name, source] of Object.entries(sources)) {
      const one = await openSource(name, source, data, unit);
      for (const note of one.notes) context.warn(note);
      opened.push(one);
    }
    return opened;
  };
  const found = await guarded(await open(data.sources), data, context);
  const given = typeof data.validation === 'number' ? undefined : await open(data.validation);
  const parts = await Promise.all(found.map((source) => divided(source, data.validation, seed)));
  const training = createMixture(
    parts.map((part) => part.training),
    { seed, weights: data.weights },
  );
  const held = given ?? parts.flatMap((part) => part.validation ?? []);
  return {
    training,
    validation: held.length === 0 ? undefined : await validationOf(held, data.validationLimit, seed),
    async texts() {
      const prompts = new Set<string>();
      const answers = new Set<string>();
      for (const source of [...training.sources, ...held])
        for await (const { texts } of source.entries())
          for (const { prompt, target } of texts) {
            prompts.add(prompt);
            answers.add(target);
          }
      return { prompts: [...prompts], answers: [...answers] };
    },
    async close() {
      await Promise.all([...found, ...(given ?? [])].map((source) => source.close()));
    },
  };
}

async function openSource(
  name: string,
  source: SourceConfig,
  { sets = process.env.PENGI_DATA, skipBadRows }: RunConfig['data'],
  unit: ExampleUnit,
): Promise<ExampleSource> {
  if ('manifest' in source) {
    const { manifest, ...options } = source;
    return manifestSource(manifest, { name, unit, skipBadRows, ...defined(options) });
  }
  if ('shards' in source) return shardSource(source.shards, { name, unit });
  const { set, root = sets, ...options } = source;
  if (root === undefined)
    throw new PengiError('E_USAGE', `nothing says where the data set ${set} of "${name}" lies`, {
      hint: 'set PENGI_DATA, give --sets FOLDER, or name it in the config as data.sets',
    });
  return dataSetSource(set, root, { name, unit, ...defined(options) });
}

/** Without the members that are undefined. */
function defined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

/** What evaluation sets have, too, is left out or refused, as the config says. */
async function guarded(
  sources: readonly ExampleSource[],
  { leaks, sets = process.env.PENGI_DATA }: RunConfig['data'],
  context: Pick<Context, 'warn'>,
): Promise<readonly ExampleSource[]> {
  if (leaks.found === 'ignore') return sources;
  const evaluation = await evaluationSources(sets, { except: leaks.except });
  const check = await findLeaks(sources, evaluation);
  if (check.leaks.length === 0) return sources;
  const lines = leakLines(check, evaluation);
  if (leaks.found === 'refuse')
    throw new PengiError(
      'E_DATA',
      `recordings of evaluation sets are among the training data: ${lines.join('; ')}`,
      {
        hint: 'leave them out (data.leaks.found: "leave-out"); pengi data leaks lists them',
      },
    );
  for (const line of lines) context.warn(line);
  return sources.map((source, i) => withoutExamples(source, check.leaking[i]!));
}

async function divided(source: ExampleSource, validation: RunConfig['data']['validation'], seed: number) {
  if (typeof validation !== 'number') return { training: source, validation: undefined };
  const held = await holdOut(source, { share: validation, seed });
  const all = Array.from({ length: source.length }, (_, index) => index);
  const others = new Set(all.filter((index) => !held.validation.has(index)));
  return {
    training: withoutExamples(source, new Set([...held.validation, ...held.unused])),
    validation: held.validation.size === 0 ? undefined : withoutExamples(source, others),
  };
}

async function validationOf(
  sources: readonly ExampleSource[],
  limit: number,
  seed: number,
): Promise<ValidationData> {
  const examples: HeldExample[] = [];
  for (const [source, { entries }] of sources.entries()) {
    let index = 0;
    for await (const entry of entries()) examples.push({ ...entry, source, index: index++ });
  }
  const drawn = createRng(seed)
    .fork('validation examples')
    .shuffle([...examples.keys()])
    .slice(0, limit)
    .sort((a, b) => a - b);
  return { mixture: createMixture(sources, { seed }), examples: drawn.map((i) => examples[i]!) };
}

/** What batches are made of. */
export interface Samples<Loaded> {
  /** Of step `step`; with `part`, those of one process. */
  batch(step: number, size: number, part?: Part): Promise<readonly Loaded[]>;
  /** Validation samples: what is known of them without hearing them. */
  readonly held: readonly HeldExample[];
  /** Some of them by their place there. */
  validation(indices: readonly number[]): Promise<readonly Loaded[]>;
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
      validation: async (indices) => (await heldOut?.load(indices.map((i) => usable[i]!))) ?? [],
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
    validation: async (indices) => indices.map((i) => documentOf(validation!.examples[i]!)),
    close: async () => undefined,
  };
}

function documentOf({ set, id, texts }: ExampleEntry): Document {
  return { id: `${set}/${id}`, texts: texts.map(({ target }) => target) };
}
