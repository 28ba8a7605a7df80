/** What was asked of whom, beside the answers: all that scoring needs when the recordings and the model are far away. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PengiError, printable } from '@pengi/core';
import { fileError, writeFileAtomic } from '@pengi/core/node';
import type { Provenance } from '../record.js';
import type { Json } from '../task.js';
import type { FailedItem, Shard } from './ask.js';
import type { Evaluation } from './evaluation.js';
import type { Method } from './methods.js';

/** A model's share in a task's results. */
export interface AnsweredBy {
  readonly name: string;
  /** `modelKey`. */
  readonly model: string;
  /** The reported one first. */
  readonly methods: readonly Method[];
  /** Methods that the model has, but not for the texts of this task, and why: words that a small vocabulary lacks. */
  readonly dropped?: Readonly<Partial<Record<Method, string>>>;
}

/** A simple model's scores, [items, labels], in the order of the items. */
export interface SimpleBaseline {
  readonly name: string;
  readonly scores: readonly (readonly number[] | null)[];
}

export interface TaskManifest {
  readonly format: 1;
  readonly evaluation: Omit<Evaluation, 'training' | 'part'>;
  /** The model that is evaluated, then those it stands beside. */
  readonly answeredBy: readonly AnsweredBy[];
  readonly clipSettings: Json;
  readonly batchSize: number;
  /** Item id → SHA-256 of its recording. */
  readonly contents: Readonly<Record<string, string>>;
  readonly failed: readonly FailedItem[];
  readonly baselines: readonly SimpleBaseline[];
  /** Of asking, in the process that finished the task. */
  readonly seconds: number;
  readonly provenance: Provenance;
}

const FOLDER = 'tasks';

/** @throws PengiError E_CANNOT_CREATE, E_DISK_FULL, E_IO */
export async function writeManifest(run: string, manifest: TaskManifest, shard: Shard): Promise<void> {
  await writeFileAtomic(
    join(run, FOLDER, `${manifest.evaluation.id}${suffix(shard)}.json`),
    `${JSON.stringify(manifest)}\n`,
  );
}

/**
 * Takes tasks that were answered by another model out of the run, so that no table mixes two models. Their answers stay.
 * @throws PengiError E_IO
 */
export async function keepOnly(run: string, model: string): Promise<void> {
  const folder = join(run, FOLDER);
  for (const name of await readdir(folder)) {
    if (!NAME.test(name) || name.startsWith('.')) continue;
    const { answeredBy } = await readManifest(join(folder, name));
    if (answeredBy[0]?.model !== model) await rm(join(folder, name), { force: true });
  }
}

/** ".1-of-4" for the second of four processes, nothing for a process alone. */
export function suffix({ index, count }: Shard): string {
  return count === 1 ? '' : `.${index}-of-${count}`;
}

const NAME = /^(.+?)(?:\.(\d+)-of-(\d+))?\.json$/;

export interface RunManifests {
  readonly tasks: TaskManifest[];
  /** Tasks of which processes are not done yet, such as "esc50: 2 of 4". */
  readonly incomplete: string[];
}

/**
 * The tasks of a run, by the order of `order` where it names them; what several processes did is put together.
 * @throws PengiError E_NOT_FOUND for a folder that is no run, E_DATA for a file that cannot be read
 */
export async function readManifests(run: string): Promise<RunManifests> {
  const folder = join(run, FOLDER);
  const names = await readdir(folder).catch((error: unknown) => {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? new PengiError('E_NOT_FOUND', 'is no folder of a benchmark run', {
          file: run,
          hint: 'make one with pengi bench',
        })
      : fileError(error, folder, 'read');
  });
  const parts = new Map<string, { count: number; manifests: TaskManifest[] }>();
  for (const name of names.sort()) {
    const [, id, , count = '1'] = NAME.exec(name) ?? [];
    if (id === undefined || name.startsWith('.')) continue;
    const manifest = await readManifest(join(folder, name));
    const known = parts.get(id);
    // Of runs with another number of processes in the same folder, the one that is whole counts.
    if (known && known.count !== Number(count)) {
      if (known.count === known.manifests.length) continue;
      parts.delete(id);
    }
    const entry = parts.get(id) ?? { count: Number(count), manifests: [] };
    entry.manifests.push(manifest);
    parts.set(id, entry);
  }
  const tasks: TaskManifest[] = [];
  const incomplete: string[] = [];
  for (const [id, { count, manifests }] of parts)
    if (manifests.length === count) tasks.push(joined(manifests));
    else incomplete.push(`${printable(id)}: ${manifests.length} of ${count}`);
  return { tasks, incomplete };
}

async function readManifest(file: string): Promise<TaskManifest> {
  let manifest: TaskManifest;
  try {
    manifest = JSON.parse(await readFile(file, 'utf8')) as TaskManifest;
  } catch (error) {
    throw error instanceof SyntaxError
      ? new PengiError('E_DATA', 'is no valid JSON', { file, hint: 'remove it and run again' })
      : fileError(error, file, 'read');
  }
  if (manifest.format !== 1)
    throw new PengiError('E_DATA', `has format ${JSON.stringify(manifest.format)}; 1 is known here`, {
      file,
    });
  return manifest;
}

function joined(manifests: readonly TaskManifest[]): TaskManifest {
  const [first] = manifests as [TaskManifest];
  const failed = new Map(manifests.flatMap((one) => one.failed.map((item) => [item.id, item] as const)));
  const contents = manifests.flatMap((one) => Object.entries(one.contents));
  return {
    ...first,
    contents: Object.fromEntries(contents.filter(([id]) => !failed.has(id))),
    failed: [...failed.values()],
    seconds: manifests.reduce((sum, { seconds }) => sum + seconds, 0),
    baselines: manifests.find(({ baselines }) => baselines.length > 0)?.baselines ?? [],
  };
}
