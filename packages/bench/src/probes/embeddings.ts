/** What the embedding stage left, for training. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { PengiError } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import { floatsOf } from './npy.js';
import { type HearTask, readHearTask } from './task-folder.js';

export interface SplitEmbeddings {
  /** n */
  readonly count: number;
  /** [n, D] */
  readonly x: Float32Array;
  /** [n, K], 0 or 1 */
  readonly y: Float32Array;
  /** Of each row, in a task of events. */
  readonly frames: readonly { readonly file: string; readonly time: number }[];
}

export interface TaskEmbeddings {
  readonly task: HearTask;
  /** D */
  readonly size: number;
  readonly splits: ReadonlyMap<string, SplitEmbeddings>;
}

/**
 * Reads a folder of `embedTask`, all of it into memory.
 * @throws PengiError as `readHearTask`; E_NOT_FOUND for missing files, E_SHAPE for files that do not fit each other, E_NONFINITE
 */
export async function readEmbeddings(dir: string): Promise<TaskEmbeddings> {
  const task = await readHearTask(dir);
  const splits = new Map<string, SplitEmbeddings>();
  const sizes = new Set<number>();
  for (const name of task.splits.keys()) {
    const { split, size } = await readSplit(task, name);
    splits.set(name, split);
    if (split.count > 0) sizes.add(size);
  }
  if (sizes.size !== 1)
    throw new PengiError(
      'E_SHAPE',
      `embeddings of ${[...sizes].join(', ') || 'no'} channels; all splits have the same`,
      {
        file: dir,
      },
    );
  return { task, size: [...sizes][0]!, splits };
}

async function readSplit(task: HearTask, name: string): Promise<{ split: SplitEmbeddings; size: number }> {
  const path = (end: string) => join(task.dir, `${name}.${end}`);
  const [count, size] = (await readJson(path('embedding-dimensions.json'))) as [number, number];
  const file = path('embeddings.npy');
  const x = floatsOf(await read(file), [count, size], file);
  if (!x.every(Number.isFinite)) throw new PengiError('E_NONFINITE', 'holds what is no number', { file });
  const labels = (await readJson(path('target-labels.json'))) as string[][];
  const frames =
    task.metadata.embedding_type === 'event'
      ? ((await readJson(path('filename-timestamps.json'))) as [string, number][]).map(([slug, time]) => ({
          file: basename(slug),
          time,
        }))
      : [];
  for (const [end, length] of [
    ['target-labels.json', labels.length],
    ...(task.metadata.embedding_type === 'event'
      ? ([['filename-timestamps.json', frames.length]] as const)
      : []),
  ] as const)
    if (length !== count)
      throw new PengiError('E_SHAPE', `${length} rows for ${count} embeddings`, { file: path(end) });
  return { split: { count, x, y: targets(task, labels, path('target-labels.json')), frames }, size };
}

function targets(
  { labels: vocabulary }: HearTask,
  rows: readonly (readonly string[])[],
  file: string,
): Float32Array {
  const index = new Map(vocabulary.map((label, k) => [label, k]));
  const y = new Float32Array(rows.length * vocabulary.length);
  for (const [i, row] of rows.entries())
    for (const label of row) {
      const k = index.get(String(label));
      if (k === undefined)
        throw new PengiError('E_DATA', `row ${i} has a label outside of the vocabulary`, { file });
      y[i * vocabulary.length + k] = 1;
    }
  return y;
}

async function read(path: string): Promise<Uint8Array> {
  return readFile(path).catch((error: unknown) => {
    throw fileError(error, path, 'read');
  });
}

async function readJson(path: string): Promise<unknown> {
  const bytes = await read(path);
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new PengiError('E_DATA', 'is no JSON', { file: path, cause });
  }
}
