import { BENCHMARK_TASKS, textTable } from '@pengi/bench';
import { PengiError, printable } from '@pengi/core';
import {
  DATA_SETS,
  type DataSet,
  type DataSetStats,
  findLeaks,
  hasDataSet,
  type Problem,
  statsOf,
  TRAINING_SETS,
  type Verification,
  verifyDataSet,
} from '@pengi/datasets';
import type { Command } from 'commander';
import { type Context, contextOf } from '../context.js';
import type { SetStatus } from '../status.js';

interface DataFlags {
  data?: string;
  split?: string[];
  decode?: boolean;
  maxSeconds?: number;
  show?: number;
}

export function addData(program: Command, setStatus: SetStatus): void {
  const data = program
    .command('data')
    .description(
      'the data sets that are trained on and evaluated: what is known, what is there, what is wrong with it',
    )
    .addHelpText(
      'after',
      `
The data root is a folder that holds each data set in a folder of its own, in its official layout, or one data set itself.

Examples:
  pengi data list
  pengi data verify esc50 --data datasets
  pengi data verify audiocaps --data datasets --split test --decode
  pengi data stats fsd50k --data datasets --json
  pengi data leaks wavcaps esc50 --data datasets`,
    );
  const root = ['--data <root>', 'the data root (default: PENGI_DATA)'] as const;
  const split = ['--split <names...>', 'only these splits'] as const;
  const name = 'a data set, or a task of the benchmark';

  data
    .command('list')
    .description('every data set that is known; with --data, which of them are there')
    .option(...root)
    .action(async (flags: DataFlags, command: Command) =>
      list(contextOf(command), flags.data ?? process.env.PENGI_DATA),
    );

  data
    .command('verify')
    .description('compare a copy with the official release; exit status 65 when it is not complete')
    .argument('<name>', name)
    .option(...root)
    .option(...split)
    .option('--decode', 'also decode every recording and look for twins')
    .option('--max-seconds <s>', 'with --decode: longer recordings are problems', Number, 600)
    .option('--show <n>', 'how many problems are printed; all with --json', Number, 20)
    .action(async (name: string, flags: DataFlags, command: Command) => {
      const context = contextOf(command);
      const { set, splits } = find(name);
      const { decode = false, maxSeconds = 600, show = 20 } = flags;
      const chosen = flags.split ?? splits;
      const found = await verifyDataSet(set, rootOf(flags), {
        decode,
        maxSeconds,
        progress: context.progress,
        ...(chosen && { split: chosen }),
      });
      context.data(found);
      for (const line of describe(set, found, show)) context.say(line);
      if (!found.isComplete) setStatus(65);
    });

  data
    .command('stats')
    .description('what a data set holds: items, labels, captions')
    .argument('<name>', name)
    .option(...root)
    .option(...split)
    .option('--show <n>', 'how many names of each kind are printed; all with --json', Number, 20)
    .action(async (name: string, flags: DataFlags, command: Command) => {
      const context = contextOf(command);
      const { set, splits } = find(name);
      const chosen = flags.split ?? splits;
      const { folder, items, problems } = await set.read(rootOf(flags), chosen ? { split: chosen } : {});
      const stats = statsOf(items);
      context.data({ set: set.id, folder, ...stats, problems: problems.length });
      context.say(`${set.title} in ${printable(folder)}`);
      for (const line of statsLines(stats, flags.show ?? 20)) context.say(line);
      if (problems.length > 0) context.warn(`${problems.length} problems: see pengi data verify ${set.id}`);
    });

  data
    .command('leaks')
    .description(
      'recordings of a training set that an evaluation set has too; exit status 65 when there are any',
    )
    .argument('<training>', 'the data set that is trained on: its training splits')
    .argument('<evaluation>', name)
    .option(...root)
    .option('--show <n>', 'how many are printed; all with --json', Number, 20)
    .action(async (training: string, evaluation: string, flags: DataFlags, command: Command) => {
      const context = contextOf(command);
      const from = TRAINING_SETS[training as keyof typeof TRAINING_SETS];
      if (!Object.hasOwn(TRAINING_SETS, training))
        throw new PengiError('E_USAGE', `"${printable(training, 40)}" is not trained on`, {
          hint: `training sets are ${Object.keys(TRAINING_SETS).join(', ')}`,
        });
      const { set, splits } = find(evaluation);
      const root = rootOf(flags);
      const trained = await find(training).set.read(root, {
        split: await present(training, from.splits, root),
      });
      const evaluated = await set.read(root, splits ? { split: splits } : {});
      const leaks = findLeaks(trained.items, evaluated.items);
      const silent = trained.items.filter(({ sources }) => sources === undefined).length;
      context.data({ leaks, training: trained.items.length, evaluation: evaluated.items.length, silent });
      context.say(
        `${leaks.length} leaks of ${trained.items.length} training items into ${evaluated.items.length} items`,
      );
      for (const leak of leaks.slice(0, flags.show ?? 20))
        context.say(`  ${printable(`${leak.source}: ${leak.training} is ${leak.evaluation}`)}`);
      if (silent > 0) context.warn(`${silent} training items do not say where they come from`);
      if (leaks.length > 0) setStatus(65);
    });
}

function rootOf({ data = process.env.PENGI_DATA }: DataFlags): string {
  if (data !== undefined && data !== '') return data;
  throw new PengiError('E_USAGE', 'no data root was named', { hint: 'give --data FOLDER or set PENGI_DATA' });
}

/** A data set by its id, or by a task's: then only the task's splits. */
function find(name: string): { set: DataSet; splits?: readonly string[] } {
  if (Object.hasOwn(DATA_SETS, name)) return { set: DATA_SETS[name as keyof typeof DATA_SETS] };
  const task = BENCHMARK_TASKS.find(({ id }) => id === name);
  if (task) return { set: DATA_SETS[task.dataSet], splits: task.splits };
  throw new PengiError('E_USAGE', `"${printable(name, 40)}" is neither a data set nor a task`, {
    hint: `data sets are ${Object.keys(DATA_SETS).join(', ')}`,
  });
}

/** Those splits that are there; when none is, all, so that the error names them. */
async function present(id: string, splits: readonly string[], root: string): Promise<readonly string[]> {
  const { set } = find(id);
  const there = (await set.read(root)).splits.filter((split) => splits.includes(split));
  return there.length > 0 ? there : splits;
}

async function list(context: Context, root: string | undefined): Promise<void> {
  const rows = await Promise.all(
    Object.values<DataSet>(DATA_SETS).map(async (set) => ({
      set,
      here: root === undefined ? undefined : await hasDataSet(set, root),
    })),
  );
  context.data(rows.map(({ set, here }) => ({ ...facts(set), ...(here !== undefined && { here }) })));
  const header = ['id', 'data set', 'items', 'use', ...(root === undefined ? [] : ['here'])];
  const cells = rows.map(({ set, here }) => [
    set.id,
    set.title,
    Object.entries(set.splits)
      .map(([name, { official }]) => `${name} ${official?.toLocaleString('en') ?? '?'}`)
      .join(', '),
    facts(set).use.join(', '),
    ...(here === undefined ? [] : [here ? 'yes' : '']),
  ]);
  context.say(textTable(header, cells));
  context.say('\n--json tells licences, archives, addresses and layouts');
}

function facts({ id, title, licence, source, folders, layout, splits, notes = [] }: DataSet) {
  const isTrained = Object.hasOwn(TRAINING_SETS, id);
  const isEvaluated = BENCHMARK_TASKS.some(({ dataSet }) => dataSet === id);
  return {
    id,
    title,
    licence,
    source,
    folders,
    layout,
    splits: Object.fromEntries(Object.entries(splits).map(([name, { official }]) => [name, official])),
    use: [...(isTrained ? ['training'] : []), ...(isEvaluated ? ['evaluation'] : [])],
    notes,
  };
}

function describe(set: DataSet, found: Verification, show: number): string[] {
  const { folder, splits, folds, counts, problems, isComplete } = found;
  const numbers = splits.map(({ split, usable, official }) => [
    split,
    String(usable),
    official === null ? 'not published' : String(official),
    official === null || official === usable ? '' : String(usable - official),
  ]);
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return [
    `${set.title} in ${printable(folder)}: ${isComplete ? 'complete' : 'not complete'}`,
    textTable(['split', 'usable', 'official', 'difference'], numbers),
    ...folds.map(({ fold, usable, official }) => `fold ${fold}: ${usable} of ${official}`),
    ...Object.entries(counts).map(([kind, count]) => `${kind}: ${count}`),
    ...problems.slice(0, show).map(problemLine),
    ...(total > show ? [`… and ${total - show} more (--show ${total} or --json)`] : []),
    ...(set.audioVanishes && !isComplete
      ? ['recordings of this data set vanish from where they were published']
      : []),
  ];
}

function problemLine({ kind, file, line, split, message }: Problem): string {
  const where =
    file === undefined ? (split ?? '') : `${printable(file)}${line === undefined ? '' : `:${line}`}`;
  return `  ${kind} ${where}: ${message}`;
}

const BAR = 30;

function statsLines(stats: DataSetStats, show: number): string[] {
  const { items, recordings, captions, distinctCaptions, labelsPerItem, captionWords } = stats;
  const spread = (what: string, value: DataSetStats['captionWords']) =>
    value === null ? [] : [`${what}: ${value.min} … ${value.max}, mean ${value.mean.toFixed(2)}`];
  const kinds = [
    'splits',
    'folds',
    'labels',
    'genres',
    'pitches',
    'velocities',
    'qualities',
    'answers',
  ] as const;
  return [
    `${items} items on ${recordings} recordings`,
    ...spread('labels of an item', labelsPerItem),
    ...(captions > 0 ? [`${captions} captions, ${distinctCaptions} distinct`] : []),
    ...spread('words of a caption', captionWords),
    ...kinds.flatMap((kind) => bars(kind, stats[kind], show)),
  ];
}

/** A bar for each name, as long as its share of the largest. */
function bars(kind: string, counts: Readonly<Record<string, number>>, show: number): string[] {
  const entries = Object.entries(counts);
  if (entries.length === 0) return [];
  const largest = Math.max(...entries.map(([, count]) => count));
  const shown = entries.slice(0, show).map(([name, count]) => ({ name: printable(name, 40), count }));
  const width = Math.max(...shown.map(({ name }) => name.length));
  return [
    `${kind} (${entries.length})`,
    ...shown.map(({ name, count }) => {
      const bar = '#'.repeat(Math.max(1, Math.round((count / largest) * BAR)));
      return `  ${name.padEnd(width)}  ${String(count).padStart(String(largest).length)}  ${bar}`;
    }),
    ...(entries.length > show ? [`  … and ${entries.length - show} more`] : []),
  ];
}
