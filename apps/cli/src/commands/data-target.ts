/** What `pengi data` takes for a name: a data set, a task of the benchmark, a manifest, or shards. */
import { readdirSync, statSync } from 'node:fs';
import { BENCHMARK_TASKS } from '@pengi/bench';
import { PengiError, printable } from '@pengi/core';
import {
  DATA_SETS,
  type DataSet,
  dataSetSource,
  type ExampleSource,
  type ExampleUnit,
  isShardName,
  manifestSource,
  type ShardCacheOptions,
  shardSource,
} from '@pengi/datasets';
import type { Context } from '../context.js';

export type Target =
  /** With the splits of a task, where one was named. */
  | { kind: 'set'; set: DataSet; splits?: readonly string[] }
  | { kind: 'manifest'; path: string }
  | { kind: 'shards'; pattern: string };

/** Options that several commands share. */
export interface DataFlags {
  data?: string;
  split?: string[];
  root?: string;
  cacheSize?: string;
  show?: number;
  json?: boolean;
}

export const NAME_HELP =
  'a data set, a task of the benchmark, a manifest (CSV or JSONL), or shards (a folder, *.tar, {00..12}.tar, URLs)';

/** @throws PengiError E_USAGE for what is none of them */
export function targetOf(name: string): Target {
  if (Object.hasOwn(DATA_SETS, name)) return { kind: 'set', set: DATA_SETS[name as keyof typeof DATA_SETS] };
  const task = BENCHMARK_TASKS.find(({ id }) => id === name);
  if (task) return { kind: 'set', set: DATA_SETS[task.dataSet], splits: task.splits };
  if (isShardName(name)) return { kind: 'shards', pattern: name };
  const found = statSync(name, { throwIfNoEntry: false });
  if (found?.isDirectory() && readdirSync(name).some((file) => file.endsWith('.tar')))
    return { kind: 'shards', pattern: name };
  if (found?.isFile() || /\.(csv|jsonl|ndjson)$/i.test(name)) return { kind: 'manifest', path: name };
  throw new PengiError(
    'E_USAGE',
    `"${printable(name, 60)}" is no data set, task, manifest or folder of shards`,
    {
      hint: `data sets are ${Object.keys(DATA_SETS).join(', ')}`,
    },
  );
}

export function rootOf({ data = process.env.PENGI_DATA }: Pick<DataFlags, 'data'>): string {
  if (data !== undefined && data !== '') return data;
  throw new PengiError('E_USAGE', 'no data root was named', { hint: 'give --data FOLDER or set PENGI_DATA' });
}

/** The name as what training draws from. @throws PengiError E_USAGE for a set that has no template */
export async function openSource(
  name: string,
  flags: DataFlags & { skipBad?: boolean },
  unit: ExampleUnit,
  context: Context,
): Promise<ExampleSource> {
  const target = targetOf(name);
  const splits = flags.split === undefined ? {} : { splits: flags.split };
  if (target.kind === 'manifest')
    return manifestSource(target.path, {
      unit,
      ...splits,
      ...(flags.root !== undefined && { root: flags.root }),
      skipBadRows: flags.skipBad ?? false,
    });
  if (target.kind === 'shards')
    return shardSource(target.pattern, {
      unit,
      cache: cacheOptions(flags, context),
      progress: context.progress,
    });
  return dataSetSource(target.set.id, rootOf(flags), { unit, ...splits });
}

export function cacheOptions(
  { cacheSize }: Pick<DataFlags, 'cacheSize'>,
  context: Context,
): ShardCacheOptions {
  return {
    say: context.warn,
    progress: context.progress,
    ...(cacheSize !== undefined && { maxBytes: bytesOf(cacheSize, '--cache-size') }),
  };
}

const UNITS: Record<string, number> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
};

/** "256MiB", "1.5 GB", "1000". @throws PengiError E_USAGE */
export function bytesOf(text: string, option: string): number {
  const [, digits = '', prefix = ''] = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?\s*$/i.exec(text) ?? [];
  const unit = UNITS[prefix.toLowerCase()];
  const bytes = Math.round(Number(digits) * (unit ?? Number.NaN));
  if (digits !== '' && unit !== undefined && bytes > 0) return bytes;
  throw new PengiError(
    'E_USAGE',
    `${option} takes a size such as 256MiB or 1GB, not "${printable(text, 40)}"`,
  );
}
