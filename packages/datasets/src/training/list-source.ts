import { createHash } from 'node:crypto';
import { basename, extname, relative, resolve } from 'node:path';
import { PengiError } from '@pengi/core';
import { readRegularFile } from '../files.js';
import { type ManifestOptions, readManifest } from '../manifest.js';
import { type DataSetId, dataSet } from '../sets/index.js';
import {
  labelPairs,
  type PairOptions,
  TRAINING_SETS,
  type TrainingSetId,
  trainingPairs,
} from '../sets/pairs.js';
import {
  type ExampleEntry,
  type ExampleSource,
  type ExampleText,
  type ExampleUnit,
  shuffle,
} from './source.js';

/** A text with its recording: a `Pair` of a data set, or an `Example` of a manifest. */
export interface TextOfFile extends ExampleText {
  readonly set?: string;
  /** The audio file. */
  readonly audio: string;
  readonly sources?: readonly string[];
}

export interface ListSourceOptions {
  readonly name: string;
  /** The folder that names of recordings count from. */
  readonly root: string;
  /** 'text' by default. */
  readonly unit?: ExampleUnit;
  readonly notes?: readonly string[];
}

/**
 * Examples at hand, whose recordings are files.
 * @throws PengiError E_DATA when there are none
 */
export function listSource(rows: readonly TextOfFile[], options: ListSourceOptions): ExampleSource {
  const { name, root, unit = 'text', notes = [] } = options;
  if (rows.length === 0) throw new PengiError('E_DATA', 'holds no example to train on', { file: name });
  const clips = clipsOf(rows, name, root);
  const examples = unit === 'clip' ? clips : splitByText(clips);
  const hash = createHash('sha256');
  for (const { set, id, texts } of examples)
    hash.update(JSON.stringify([set, id, texts.map(({ prompt, target }) => [prompt, target])]));
  return {
    name,
    length: examples.length,
    fingerprint: hash.digest('hex'),
    notes,
    isFiles: true,
    order: (rng) => shuffle(Uint32Array.from(examples.keys()), rng),
    async *entries() {
      yield* examples;
    },
    async read(index) {
      const example = examples[index] as FileExample;
      return {
        ...example,
        readAudio: () => readRegularFile(example.file, MAX_AUDIO_BYTES, 'E_AUDIO_TOO_LONG'),
      };
    },
    close: async () => undefined,
  };
}

export const MAX_AUDIO_BYTES = 2 ** 30;

interface FileExample extends ExampleEntry {
  readonly file: string;
  readonly name: string;
}

function clipsOf(rows: readonly TextOfFile[], name: string, root: string): FileExample[] {
  const clips = new Map<string, FileExample & { texts: ExampleText[]; sources: string[] }>();
  for (const { set = name, audio, sources = [], ...row } of rows) {
    let clip = clips.get(audio);
    if (clip === undefined) {
      const path = relative(root, audio);
      clip = { set, id: path, texts: [], sources: [], clip: clips.size, file: audio, name: path };
      clips.set(audio, clip);
    }
    clip.texts.push(textOf(row));
    for (const source of sources) if (!clip.sources.includes(source)) clip.sources.push(source);
  }
  return [...clips.values()];
}

function splitByText(clips: readonly FileExample[]): FileExample[] {
  return clips.flatMap((clip) => clip.texts.map((text) => ({ ...clip, id: text.id, texts: [text] })));
}

function textOf({ id, prompt, target, start, end, fields }: ExampleText): ExampleText {
  return {
    id,
    prompt,
    target,
    ...(start !== undefined && { start }),
    ...(end !== undefined && { end }),
    ...(fields && Object.keys(fields).length > 0 && { fields }),
  };
}

export interface ManifestSourceOptions extends ManifestOptions {
  /** The manifest's file name without extension by default; a column `set` names the set of each row. */
  readonly name?: string;
  readonly unit?: ExampleUnit;
  /** Only rows of these splits. */
  readonly splits?: readonly string[];
}

/**
 * The examples of a manifest. A column `sources` (such as "freesound:1234", several apart by blanks) is what the leak guard
 * compares.
 * @throws PengiError as `readManifest`
 */
export async function manifestSource(
  path: string,
  options: ManifestSourceOptions = {},
): Promise<ExampleSource> {
  const { name = basename(path, extname(path)), unit = 'text', splits, ...reading } = options;
  const { examples, problems } = await readManifest(path, reading);
  const rows = examples
    .filter(({ split }) => splits === undefined || (split !== undefined && splits.includes(split)))
    .map(
      ({ fields: { set, sources, ...fields }, split, ...example }): TextOfFile => ({
        ...example,
        ...(set && { set }),
        sources: sources?.split(/\s+/).filter((source) => source !== '') ?? [],
        fields: { ...fields, ...(split && { split }) },
      }),
    );
  return listSource(rows, {
    name,
    unit,
    root: resolve(reading.root ?? resolve(path, '..')),
    notes: problems.map(({ line, message }) => `${path}:${line}: left out: ${message}`),
  });
}

export interface DataSetSourceOptions extends PairOptions {
  /** The set's id by default. */
  readonly name?: string;
  readonly unit?: ExampleUnit;
  /** Those of the paper's training splits that are there by default; all that are there, of a set that it only evaluates on. */
  readonly splits?: readonly string[];
  /** Only items of these folds, counted from 1: the others stay for the test. */
  readonly folds?: readonly number[];
  /**
   * What is asked about the set's labels, in place of its template; needed for the sets that the paper only evaluates on, which
   * have none. With several prompts each item makes a pair for each.
   */
  readonly prompts?: readonly string[];
  /** With `prompts`: labels in other words than the set's own, such as "seven" for "7". */
  readonly wording?: Readonly<Record<string, string>>;
}

/**
 * The training pairs of a data set: Table 1's templates, or `prompts`.
 * @throws PengiError as `DataSet.read`; E_USAGE for a set that has neither template nor prompts, for folds of a set without any
 */
export async function dataSetSource(
  id: string,
  root: string,
  { name, unit = 'text', splits, folds, prompts, wording, ...options }: DataSetSourceOptions = {},
): Promise<ExampleSource> {
  const set = dataSet(id);
  const template = prompts ? undefined : trainingSet(id);
  const wanted = splits ?? (template && (await presentSplits(template, root)));
  const read = await set.read(root, wanted ? { split: wanted } : {});
  if (folds && read.items.every(({ fold }) => fold === undefined))
    throw new PengiError('E_USAGE', `${set.id} has no folds`, { hint: 'name splits instead' });
  const items = folds
    ? read.items.filter(({ fold }) => fold !== undefined && folds.includes(fold))
    : read.items;
  const { pairs, leftOut } = template
    ? trainingPairs(template, items, options)
    : labelPairs(items, prompts ?? [], { ...options, ...(wording && { wording }) });
  const counts: Record<string, number> = { ...leftOut };
  for (const { kind } of read.problems) counts[kind] = (counts[kind] ?? 0) + 1;
  return listSource(pairs, {
    name: name ?? set.id,
    unit,
    root: read.folder,
    notes: Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => `${set.id}: ${kind}: ${count}`),
  });
}

/** @throws PengiError E_USAGE for a set without a template */
export function trainingSet(id: string): TrainingSetId {
  const set: DataSetId = dataSet(id).id as DataSetId;
  if (Object.hasOwn(TRAINING_SETS, set)) return set as TrainingSetId;
  throw new PengiError('E_USAGE', `"${set}" is not trained on`, {
    hint: `training sets are ${Object.keys(TRAINING_SETS).join(', ')}`,
  });
}

/** The training splits that are there; when none is, all, so that the error names them. */
async function presentSplits(set: TrainingSetId, root: string): Promise<readonly string[]> {
  const wanted: readonly string[] = TRAINING_SETS[set].splits;
  const there = await dataSet(set).splitsIn(root);
  const found = wanted.filter((split) => there.includes(split));
  return found.length > 0 ? found : wanted;
}
