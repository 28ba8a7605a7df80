import { createRng, PengiError, type Rng } from '@pengi/core';
import { sha256 } from '../files.js';

/** What is said of a recording, or of a part of it: a prompt in, a text out. */
export interface ExampleText {
  /** Unique within the source. */
  readonly id: string;
  readonly prompt: string;
  readonly target: string;
  /** The part of the recording that is meant, in seconds; all of it by default. */
  readonly start?: number;
  readonly end?: number;
  /** What else is known of the row that it comes from. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** An example without its audio. */
export interface ExampleEntry {
  /** The data set, for logs. */
  readonly set: string;
  /** Unique within the source. */
  readonly id: string;
  /** At least one; of several, one is drawn each time. */
  readonly texts: readonly ExampleText[];
  /** Where the recording comes from, as `Item.sources`: "freesound:1234". */
  readonly sources: readonly string[];
  /** The number of the recording within its source: examples that share one share their audio. */
  readonly clip: number;
}

export interface ReadableExample extends ExampleEntry {
  /** The recording, for messages. */
  readonly file: string;
  /** Relative to the source, for provenance. */
  readonly name: string;
  /** The bytes of the audio file. @throws PengiError E_NOT_FOUND, E_IO, E_AUDIO_TOO_LONG */
  readAudio(): Promise<Uint8Array>;
}

/** What training draws from: a list of examples, wherever they are kept. */
export interface ExampleSource {
  readonly name: string;
  /** The number of examples; at least one. */
  readonly length: number;
  /** 64 hexadecimal digits that change with the examples and their texts, so that a run can refuse to go on with others. */
  readonly fingerprint: string;
  /** What was left out on opening and why, for people. */
  readonly notes: readonly string[];
  /** Whether each recording is a file of its own, which `read` names. */
  readonly isFiles: boolean;
  /** All indices in an order drawn by `rng`, which depends on nothing else. Sources in shards keep neighbours near. */
  order(rng: Rng): Uint32Array;
  /** All examples by index, without touching audio where that can be helped. */
  entries(): AsyncIterable<ExampleEntry>;
  /** @throws PengiError E_DATA, E_NOT_FOUND, E_IO when it cannot be read */
  read(index: number): Promise<ReadableExample>;
  /** Ends what is open or under way. */
  close(): Promise<void>;
}

/**
 * What counts as an example: each text of a recording (as the paper counts its 3.4 M pairs), or each recording, of whose
 * texts one is drawn every time.
 */
export type ExampleUnit = 'text' | 'clip';

/** The source without some of its examples. The rest keep their order. */
export function withoutExamples(source: ExampleSource, excluded: ReadonlySet<number>): ExampleSource {
  if (excluded.size === 0) return source;
  const kept = Uint32Array.from({ length: source.length }, (_, i) => i).filter((i) => !excluded.has(i));
  if (kept.length === 0)
    throw new PengiError('E_DATA', `none of ${source.length} examples of ${source.name} is left`);
  const placeOf = new Map<number, number>();
  kept.forEach((index, place) => {
    placeOf.set(index, place);
  });
  return {
    ...source,
    length: kept.length,
    fingerprint: sha256(source.fingerprint, JSON.stringify([...excluded].sort((a, b) => a - b))),
    order: (rng) =>
      source
        .order(rng)
        .filter((index) => placeOf.has(index))
        .map((index) => placeOf.get(index) as number),
    async *entries() {
      let index = 0;
      for await (const entry of source.entries()) if (placeOf.has(index++)) yield entry;
    },
    read: (place) => source.read(kept[place] as number),
  };
}

/** Which examples are held out for validation. */
export interface HeldOut {
  /** Indices within the source. */
  readonly validation: ReadonlySet<number>;
  /** Of those that are for neither, such as the rows of a split "test". */
  readonly unused: ReadonlySet<number>;
}

/**
 * Divides a source for training and validation, without touching audio. Where texts have a field `split` that says "valid" or
 * "validation", these are held out, and what is of other splits than "train" is for neither; else the share of the recordings
 * that is given, drawn by the seed. No recording is on both sides.
 */
export async function holdOut(
  source: ExampleSource,
  { share, seed }: { readonly share: number; readonly seed: number },
): Promise<HeldOut> {
  const clips: number[] = [];
  const splits: (string | undefined)[] = [];
  for await (const { clip, texts } of source.entries()) {
    clips.push(clip);
    splits.push(texts[0]?.fields?.split);
  }
  const indices = (chosen: (index: number) => boolean) => new Set([...clips.keys()].filter(chosen));
  const isMarked = (index: number) => ['valid', 'validation'].includes(splits[index] ?? '');
  if (splits.some((_, index) => isMarked(index)))
    return {
      validation: indices(isMarked),
      unused: indices((index) => !isMarked(index) && !['train', undefined].includes(splits[index])),
    };
  const order = createRng(seed)
    .fork('validation')
    .fork(source.name)
    .shuffle([...new Set(clips)]);
  const drawn = new Set(order.slice(0, Math.floor(order.length * share)));
  return { validation: indices((index) => drawn.has(clips[index] as number)), unused: new Set() };
}

/** Fisher-Yates, in place. */
export function shuffle(values: Uint32Array, rng: Rng): Uint32Array {
  for (let i = values.length - 1; i > 0; i--) {
    const j = rng.int(i + 1);
    const value = values[i] as number;
    values[i] = values[j] as number;
    values[j] = value;
  }
  return values;
}
