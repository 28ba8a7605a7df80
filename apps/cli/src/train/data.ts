import { createHash } from 'node:crypto';
import type { FrontendConfig } from '@pengi/audio-frontend';
import { createRng, PengiError } from '@pengi/core';
import { createFeatureLoader, type Example, type FeatureLoader, readManifest } from '@pengi/datasets';
import type { Communicator } from '@pengi/train';
import type { Context } from '../context.js';
import type { TrainConfig } from './config.js';

export interface TrainData {
  training: Example[];
  validation: Example[];
}

/** The examples of a config, divided. */
export async function readExamples({ data, seed }: TrainConfig, context: Context): Promise<TrainData> {
  const read = async (path: string): Promise<Example[]> => {
    const root = data.root === undefined ? {} : { root: data.root };
    const { examples, problems } = await readManifest(path, { ...root, skipBadRows: data.skipBadRows });
    for (const { line, message } of problems) context.warn(`${path}:${line}: left out: ${message}`);
    return examples;
  };
  const divided = divide(await read(data.manifest), data.validation, seed);
  const found = typeof data.validation === 'string' ? await read(data.validation) : divided.validation;
  if (divided.training.length === 0)
    throw new PengiError('E_DATA', 'holds no example to train on', { file: data.manifest });
  return { training: divided.training, validation: found };
}

/** By the manifest's own column "split" where it marks examples for validation, else by chance. */
function divide(examples: readonly Example[], validation: string | number, seed: number): TrainData {
  const isMarked = ({ split }: Example) => split === 'valid' || split === 'validation';
  if (typeof validation === 'string' || examples.some(isMarked))
    return {
      training: examples.filter(({ split }) => split === undefined || split === 'train'),
      validation: examples.filter(isMarked),
    };
  return splitByAudio(examples, validation, seed);
}

/** No recording is on both sides. */
function splitByAudio(examples: readonly Example[], share: number, seed: number): TrainData {
  const files = createRng(seed)
    .fork('validation')
    .shuffle([...new Set(examples.map(({ audio }) => audio))]);
  const heldOut = new Set(files.slice(0, Math.floor(files.length * share)));
  return {
    training: examples.filter(({ audio }) => !heldOut.has(audio)),
    validation: examples.filter(({ audio }) => heldOut.has(audio)),
  };
}

/** An example with its log-mel [frames, mels]. */
export type ClipExample = Example & { logMel: Float32Array };

export interface Clips {
  /** The examples whose recordings can be used. */
  samples(data: TrainData): TrainData & { load(examples: readonly Example[]): Promise<ClipExample[]> };
  close(): Promise<void>;
}

/** Log-mels of up to this many bytes are held in memory; others are read from the cache when they are wanted. */
const MEMORY = 2 ** 30;
const AT_ONCE = 256;

/**
 * The log-mels of examples. Each is computed once before anything is trained, so that a bad recording is found then.
 * @throws PengiError for the first bad recording, unless bad ones are to be left out
 */
export async function openClips(
  frontend: FrontendConfig,
  examples: readonly Example[],
  { data }: TrainConfig,
  context: Context & { communicator?: Communicator | undefined; signal?: AbortSignal | undefined },
): Promise<Clips> {
  const loader = createFeatureLoader({ frontend, cacheDir: data.cache });
  const audios = [...new Set(examples.map(({ audio }) => audio))];
  if (context.communicator && data.cache !== null) await fillCache(loader, audios, context.communicator);
  const bad = new Set<string>();
  const held = new Map<string, Float32Array>();
  const progress = context.progress('log-mels');
  for (let from = 0; from < audios.length; from += AT_ONCE) {
    context.signal?.throwIfAborted();
    const chunk = audios.slice(from, from + AT_ONCE);
    const { logMels, failed, warnings, frames, mels } = await loader.load(chunk.map((audio) => ({ audio })));
    for (const { audio, message } of warnings) context.warn(`${audio}: ${message}`);
    for (const { audio, error } of failed) {
      if (!data.skipBadRows) throw error;
      context.warn(`left out: ${error.line}`);
      bad.add(audio);
    }
    if (audios.length * frames * mels * 4 <= MEMORY)
      for (const [i, audio] of chunk.entries()) held.set(audio, logMels[i]!);
    progress.update(Math.min(from + AT_ONCE, audios.length), audios.length);
  }
  progress.end();

  const usable = (chosen: readonly Example[]) => chosen.filter(({ audio }) => !bad.has(audio));
  return {
    samples: ({ training, validation }) => ({
      training: usable(training),
      validation: usable(validation),
      async load(chosen) {
        const missing = chosen.filter(({ audio }) => !held.has(audio)).map(({ audio }) => ({ audio }));
        const { logMels, failed } = await loader.load(missing);
        if (failed[0]) throw failed[0].error;
        const loaded = new Map(missing.map(({ audio }, i) => [audio, logMels[i]!]));
        return chosen.map((example) => ({
          ...example,
          logMel: held.get(example.audio) ?? loaded.get(example.audio)!,
        }));
      },
    }),
    close: () => loader.close(),
  };
}

/** Each process computes its share, so that all find most of what they need in the cache, if they share one. */
async function fillCache(
  loader: FeatureLoader,
  audios: readonly string[],
  { rank, size, allGather }: Communicator,
): Promise<void> {
  const share = audios.filter((_, i) => i % size === rank);
  for (let from = 0; from < share.length; from += AT_ONCE)
    await loader.load(share.slice(from, from + AT_ONCE).map((audio) => ({ audio }))); // failures are told below
  await allGather(Int32Array.of(rank)); // waits for all
}

/** What the examples say, in 64 hexadecimal digits: a run goes on with the same data only. */
export function sha256Of(examples: readonly Example[]): string {
  const hash = createHash('sha256');
  for (const { id, prompt, target } of examples) hash.update(JSON.stringify([id, prompt, target]));
  return hash.digest('hex');
}
