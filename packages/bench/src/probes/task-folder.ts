import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { PengiError, printable, validate } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import { HEAR_SCORES, type HearScore } from '@pengi/metrics';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';

const scoreNames = Object.keys(HEAR_SCORES) as [HearScore, ...HearScore[]];

const numbers = z.array(z.number()).min(1);

/** `task_metadata.json`, as far as it is used; the rest is kept. */
const metadataSchema = z
  .looseObject({
    task_name: z.string(),
    version: z.string(),
    mode: z.string().optional(),
    embedding_type: z.enum(['scene', 'event']),
    prediction_type: z.enum(['multiclass', 'multilabel']),
    split_mode: z.enum(['trainvaltest', 'presplit_kfold', 'new_split_kfold']),
    splits: z.array(z.string()).min(3),
    nfolds: z.number().optional(),
    sample_duration: z.number().positive().nullable(),
    evaluation: z.array(z.enum(scoreNames)).min(1),
    use_scoring_for_early_stopping: z.boolean().default(true),
    evaluation_params: z
      .looseObject({
        event_postprocessing_grid: z.object({ median_filter_ms: numbers, min_duration: numbers }).optional(),
        task_specific_param_grid: z
          .strictObject({
            batch_size: numbers,
            check_val_every_n_epoch: numbers,
            dropout: numbers,
            hidden_dim: numbers,
            hidden_layers: numbers,
            lr: numbers,
            max_epochs: numbers,
            patience: numbers,
          })
          .partial()
          .optional(),
      })
      .default({}),
  })
  .refine(
    ({ embedding_type, prediction_type }) => embedding_type === 'scene' || prediction_type === 'multilabel',
    {
      path: ['prediction_type'],
      message: 'tasks of events are multilabel',
    },
  )
  .refine(
    ({ embedding_type, evaluation }) =>
      evaluation.every((name) => (HEAR_SCORES[name].of === 'scene') === (embedding_type === 'scene')),
    { path: ['evaluation'], message: 'scores of scenes and of events do not mix' },
  )
  .refine(
    ({ split_mode, splits }) =>
      split_mode !== 'trainvaltest' || ['train', 'valid', 'test'].every((name) => splits.includes(name)),
    {
      path: ['splits'],
      message: 'trainvaltest has the splits train, valid and test',
    },
  );

export type HearMetadata = z.infer<typeof metadataSchema>;

/** An event of a recording; times in milliseconds, as HEAR has them. */
export interface HearEvent {
  readonly label: string;
  readonly start: number;
  readonly end: number;
}

/** A recording: its labels in a task of scenes, its events in one of events; the other is empty. */
export interface HearClip {
  readonly file: string;
  readonly labels: readonly string[];
  readonly events: readonly HearEvent[];
}

/** A folder of HEAR's tasks, or of the embeddings made of it: what both have. */
export interface HearTask {
  readonly dir: string;
  /** The folder's name, such as "esc50-v2.0.0-full". */
  readonly id: string;
  readonly metadata: HearMetadata;
  /** By index. */
  readonly labels: readonly string[];
  readonly splits: ReadonlyMap<string, readonly HearClip[]>;
  /** sha256 of metadata, vocabulary and splits. */
  readonly fingerprint: string;
}

const sceneSplit = z.record(z.string(), z.array(z.union([z.string(), z.number()])));
const eventSplit = z.record(
  z.string(),
  z.array(
    z
      .object({ label: z.union([z.string(), z.number()]), start: z.number().min(0), end: z.number().min(0) })
      .refine(({ start, end }) => end >= start, { message: 'an event ends before it begins' }),
  ),
);

/**
 * Reads `task_metadata.json`, `labelvocabulary.csv` and the splits of a folder of HEAR's preprocessing.
 * @throws PengiError E_NOT_FOUND, E_IO, E_CONFIG for metadata and splits in another form, E_DATA for labels outside of the vocabulary,
 *   files in two splits, and clips with a number of labels that the task does not allow
 */
export async function readHearTask(dir: string): Promise<HearTask> {
  const hash = createHash('sha256');
  const text = async (name: string) => {
    const path = join(dir, name);
    const found = await readFile(path, 'utf8').catch((error: unknown) => {
      throw fileError(error, path, 'read');
    });
    hash.update(name).update('\0').update(found).update('\0');
    return found;
  };
  const json = async (name: string): Promise<unknown> => {
    const found = await text(name);
    try {
      return JSON.parse(found);
    } catch (cause) {
      throw new PengiError('E_CONFIG', 'is no JSON', { file: join(dir, name), cause });
    }
  };

  const file = join(dir, 'task_metadata.json');
  const metadata = validate(metadataSchema, await json('task_metadata.json'), { file });
  const labels = vocabulary(await text('labelvocabulary.csv'), join(dir, 'labelvocabulary.csv'));
  const splits = new Map<string, readonly HearClip[]>();
  const homes = new Map<string, string>();
  for (const split of metadata.splits) {
    const name = `${split}.json`;
    if (basename(split) !== split)
      throw new PengiError('E_CONFIG', `no name of a split: ${printable(split)}`, { file });
    const clips = clipsOf(await json(name), metadata, join(dir, name));
    for (const clip of clips) check(clip, join(dir, name));
    for (const clip of clips) {
      if (homes.has(clip.file))
        throw new PengiError('E_DATA', `"${printable(clip.file)}" is in ${homes.get(clip.file)} as well`, {
          file: join(dir, name),
          hint: 'a recording that trains and tests makes the score worthless',
        });
      homes.set(clip.file, split);
    }
    splits.set(split, clips);
  }
  return { dir, id: basename(join(dir)), metadata, labels, splits, fingerprint: hash.digest('hex') };

  function check(clip: HearClip, splitFile: string): void {
    const { file: name } = clip;
    if (basename(name) !== name || name.includes('\\'))
      throw new PengiError('E_DATA', `"${printable(name)}" is no name of a file`, { file: splitFile });
    const unknown = [...clip.labels, ...clip.events.map(({ label }) => label)].find(
      (one) => !labels.includes(one),
    );
    if (unknown !== undefined)
      throw new PengiError(
        'E_DATA',
        `"${printable(name)}" has the label "${printable(unknown)}", which labelvocabulary.csv has not`,
        {
          file: splitFile,
        },
      );
    if (
      metadata.embedding_type === 'scene' &&
      metadata.prediction_type === 'multiclass' &&
      clip.labels.length !== 1
    )
      throw new PengiError(
        'E_DATA',
        `"${printable(name)}" has ${clip.labels.length} labels; a multiclass task has one`,
        {
          file: splitFile,
        },
      );
  }
}

/** `idx,label`, in any order, without gaps. */
function vocabulary(text: string, file: string): string[] {
  const rows = rowsOf(text, file);
  const labels: string[] = [];
  for (const { idx, label } of rows) {
    const index = Number(idx);
    if (
      !idx ||
      label === undefined ||
      !Number.isInteger(index) ||
      index < 0 ||
      index >= rows.length ||
      labels[index] !== undefined
    )
      throw new PengiError(
        'E_DATA',
        `the row idx ${printable(String(idx))} does not fit ${rows.length} labels`,
        {
          file,
          hint: 'each row is idx,label, and idx counts from 0 without gaps',
        },
      );
    labels[index] = label;
  }
  if (labels.length === 0 || new Set(labels).size !== labels.length)
    throw new PengiError('E_DATA', labels.length === 0 ? 'holds no labels' : 'holds a label twice', { file });
  return labels;
}

function rowsOf(text: string, file: string): { idx?: string; label?: string }[] {
  try {
    return parse(text, { columns: true, skip_empty_lines: true, bom: true });
  } catch (cause) {
    throw new PengiError('E_DATA', `is no CSV: ${(cause as Error).message}`, { file, cause });
  }
}

function clipsOf(value: unknown, { embedding_type }: HearMetadata, file: string): HearClip[] {
  if (embedding_type === 'scene')
    return Object.entries(validate(sceneSplit, value, { file })).map(([name, labels]) => ({
      file: name,
      labels: labels.map(String),
      events: [],
    }));
  return Object.entries(validate(eventSplit, value, { file })).map(([name, events]) => ({
    file: name,
    labels: [],
    events: events.map((event) => ({ ...event, label: String(event.label) })),
  }));
}

/** The folders of tasks below `root`, or `root` itself where it is one. @throws PengiError E_NOT_FOUND */
export async function findHearTasks(root: string): Promise<string[]> {
  const isTask = async (dir: string) => (await names(dir)).includes('task_metadata.json');
  if (await isTask(root)) return [root];
  const found: string[] = [];
  for (const place of [root, join(root, 'tasks')])
    for (const name of await names(place)) if (await isTask(join(place, name))) found.push(join(place, name));
  if (found.length === 0)
    throw new PengiError('E_NOT_FOUND', 'holds no task of HEAR', {
      file: root,
      hint: 'a task is a folder with task_metadata.json, such as tasks/esc50-v2.0.0-full of the archives at zenodo.org/record/5885750',
    });
  return found;
}

async function names(dir: string): Promise<string[]> {
  return (await readdir(dir).catch(() => [])).sort();
}

/**
 * The folder of recordings that a model of this rate should hear: its own rate's, or else the next higher one, of which nothing is
 * lost, or else the highest.
 * @throws PengiError E_NOT_FOUND
 */
export async function hearRate(task: HearTask, wanted: number): Promise<number> {
  const rates = (await names(task.dir))
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
  const rate = rates.find((one) => one >= wanted) ?? rates.at(-1);
  if (rate === undefined)
    throw new PengiError('E_NOT_FOUND', 'holds no recordings', {
      file: task.dir,
      hint: 'they lie in folders by their rate, such as 48000/fold00/clip.wav',
    });
  return rate;
}
