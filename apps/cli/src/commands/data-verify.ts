import { textTable } from '@pengi/bench';
import { printable } from '@pengi/core';
import {
  type Problem,
  type Verification,
  verifyDataSet,
  verifyManifest,
  verifyShards,
} from '@pengi/datasets';
import type { Context } from '../context.js';
import type { SetStatus } from '../status.js';
import { writeList } from './data-list-file.js';
import { cacheOptions, type DataFlags, rootOf, targetOf } from './data-target.js';

export interface VerifyFlags extends DataFlags {
  decode?: boolean;
  maxSeconds?: number;
  out?: string;
}

export async function verifyData(
  context: Context,
  name: string,
  flags: VerifyFlags,
  setStatus: SetStatus,
): Promise<void> {
  const { found, title, vanishes } = await verify(context, name, flags);
  if (flags.out !== undefined)
    await writeList<Problem>(flags.out, ['kind', 'file', 'line', 'split', 'message'], found.problems);
  context.data(found);
  for (const line of describe(title, found, flags)) context.say(line);
  if (vanishes && !found.isComplete)
    context.say('recordings of this data set vanish from where they were published');
  if (!found.isComplete) setStatus(65);
}

async function verify(
  context: Context,
  name: string,
  flags: VerifyFlags,
): Promise<{ found: Verification; title: string; vanishes: boolean }> {
  const { decode = false, maxSeconds = 600 } = flags;
  const options = { decode, maxSeconds, progress: context.progress };
  const target = targetOf(name);
  if (target.kind === 'manifest') {
    const root = flags.root === undefined ? {} : { root: flags.root };
    const found = await verifyManifest(target.path, { ...options, ...root });
    return { found, title: target.path, vanishes: false };
  }
  if (target.kind === 'shards') {
    const found = await verifyShards(target.pattern, { ...options, cache: cacheOptions(flags, context) });
    return { found, title: target.pattern, vanishes: false };
  }
  const { set } = target;
  const split = flags.split ?? target.splits;
  const found = await verifyDataSet(set, rootOf(flags), { ...options, ...(split && { split }) });
  return { found, title: set.title, vanishes: set.audioVanishes === true };
}

function describe(title: string, found: Verification, { show = 20, out }: VerifyFlags): string[] {
  const { folder, splits, folds, counts, problems, isComplete } = found;
  const isOfficial = splits.some(({ official }) => official !== null);
  const numbers = splits.map(({ split, usable, official }) => [
    split,
    String(usable),
    ...(isOfficial ? [official === null ? 'not published' : String(official)] : []),
    ...(isOfficial ? [official === null || official === usable ? '' : String(usable - official)] : []),
  ]);
  const header = ['split', 'usable', ...(isOfficial ? ['official', 'difference'] : [])];
  return [
    `${printable(title)} in ${printable(folder)}: ${isComplete ? 'complete' : 'not complete'}`,
    textTable(header, numbers),
    ...folds.map(({ fold, usable, official }) => `fold ${fold}: ${usable} of ${official}`),
    ...Object.entries(counts).map(([kind, count]) => `${kind}: ${count}`),
    ...problems.slice(0, show).map(problemLine),
    ...(problems.length > show
      ? [
          `… and ${problems.length - show} more (${out ? `in ${printable(out)}` : `--show ${problems.length}, --out FILE or --json`})`,
        ]
      : []),
  ];
}

function problemLine({ kind, file, line, split, message }: Problem): string {
  const where =
    file === undefined ? (split ?? '') : `${printable(file)}${line === undefined ? '' : `:${line}`}`;
  return `  ${kind} ${where}: ${message}`;
}
