import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { printable } from '@pengi/core';
import {
  type EvaluationSources,
  type ExampleSource,
  evaluationSources,
  findLeaks,
  leakLines,
  type SourceLeak,
} from '@pengi/datasets';
import type { Context } from '../context.js';
import type { SetStatus } from '../status.js';
import { writeList } from './data-list-file.js';
import { type DataFlags, openSource, rootOf, targetOf } from './data-target.js';

export interface LeaksFlags extends DataFlags {
  train: string[];
  eval?: string[];
  content?: boolean;
  out?: string;
}

export async function findDataLeaks(
  context: Context,
  flags: LeaksFlags,
  setStatus: SetStatus,
): Promise<void> {
  const training: ExampleSource[] = [];
  // A recording counts once, however much is said of it.
  for (const name of flags.train)
    training.push(await openSource(name, { ...flags, skipBad: true }, 'clip', context));
  for (const { notes } of training) for (const note of notes) context.warn(note);
  const evaluation =
    flags.eval === undefined
      ? await evaluationSources(flags.data ?? process.env.PENGI_DATA)
      : await Promise.all(flags.eval.map((name) => givenSources(name, flags, context)));
  const check = await findLeaks(training, evaluation);
  const leaks = [...check.leaks];
  if (flags.content) {
    const byContent = await contentsOf(flags.eval ?? [], flags, context);
    for (const source of training) leaks.push(...(await sameContent(source, byContent, context)));
  }
  await Promise.all(training.map((source) => source.close()));
  if (flags.out !== undefined)
    await writeList<SourceLeak>(flags.out, ['training', 'source', 'evaluation', 'item'], leaks);
  const lists = evaluation.map(({ name, from, owners }) => ({ name, from, sources: owners.size }));
  context.data({ leaks, counts: check.counts, evaluation: lists });
  for (const line of leakLines(check, evaluation)) context.say(line);
  const total = check.counts.reduce((sum, { examples }) => sum + examples, 0);
  context.say(`${leaks.length} leaks of ${total} training recordings`);
  const { show = 20 } = flags;
  for (const leak of leaks.slice(0, show))
    context.say(printable(`  ${leak.source}: ${leak.training} is ${leak.evaluation} ${leak.item}`));
  if (leaks.length > show)
    context.say(`  … and ${leaks.length - show} more (--show ${leaks.length}, --out FILE or --json)`);
  if (leaks.length > 0) setStatus(65);
}

/** An evaluation set by name: all that it says of where its recordings come from. */
async function givenSources(name: string, flags: LeaksFlags, context: Context): Promise<EvaluationSources> {
  const target = targetOf(name);
  const owners = new Map<string, string>();
  if (target.kind === 'set') {
    for (const [item, sources] of await target.set.sourcesIn(rootOf(flags), target.splits))
      for (const source of sources) owners.set(source, item);
    return { name, from: 'copy', owners };
  }
  const source = await openSource(name, { ...flags, skipBad: true }, 'clip', context);
  for await (const { id, sources } of source.entries()) for (const origin of sources) owners.set(origin, id);
  await source.close();
  return { name, from: 'given', owners };
}

/** The recordings of manifests, shards and sets by their bytes. */
async function contentsOf(
  names: readonly string[],
  flags: LeaksFlags,
  context: Context,
): Promise<Map<string, { name: string; item: string }>> {
  const found = new Map<string, { name: string; item: string }>();
  for (const name of names) {
    const target = targetOf(name);
    if (target.kind === 'set') {
      const split = target.splits === undefined ? {} : { split: target.splits };
      const { items } = await target.set.read(rootOf(flags), split);
      for (const { id, audio } of items) found.set(digest(await readFile(audio)), { name, item: id });
      continue;
    }
    const source = await openSource(name, { ...flags, skipBad: true }, 'clip', context);
    for (let index = 0; index < source.length; index++) {
      const { id, readAudio } = await source.read(index);
      found.set(digest(await readAudio()), { name, item: id });
    }
    await source.close();
  }
  return found;
}

async function sameContent(
  source: ExampleSource,
  evaluation: ReadonlyMap<string, { name: string; item: string }>,
  context: Context,
): Promise<SourceLeak[]> {
  const leaks: SourceLeak[] = [];
  const report = context.progress(`comparing recordings of ${source.name}`);
  for (let index = 0; index < source.length; index++) {
    const { id, readAudio } = await source.read(index);
    const key = digest(await readAudio());
    const twin = evaluation.get(key);
    if (twin)
      leaks.push({
        training: `${source.name}/${id}`,
        source: `sha256:${key.slice(0, 16)}`,
        evaluation: twin.name,
        item: twin.item,
      });
    report.update(index + 1, source.length);
  }
  report.end();
  return leaks;
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
