import { readFile } from 'node:fs/promises';
import { formatBytes, printable } from '@pengi/core';
import { writeFileAtomic } from '@pengi/core/node';
import {
  type DataSetStats,
  type ExampleText,
  type Item,
  measureRecordings,
  type RecordingStats,
  statsOf,
  type TextStats,
  textStats,
} from '@pengi/datasets';
import type { Context } from '../context.js';
import { type Chart, type ChartSection, chartPage } from './data-charts.js';
import { type DataFlags, openSource, rootOf, targetOf } from './data-target.js';

export interface StatsFlags extends DataFlags {
  plots?: string;
  recordings?: number;
}

interface Found {
  name: string;
  title: string;
  folder?: string;
  /** What a data set's adapter knows of its items. */
  items?: DataSetStats;
  texts: TextStats;
  recordings: RecordingStats;
  /** Examples by set, where one source has several. */
  sets: Readonly<Record<string, number>>;
  problems: number;
}

export async function showStats(
  context: Context,
  names: readonly string[],
  flags: StatsFlags,
): Promise<void> {
  const all: Found[] = [];
  for (const name of names) all.push(await statsOfName(context, name, flags));
  const machine = all.map(({ title: _, items, name, ...found }) => ({ ...items, set: name, ...found }));
  context.data(machine.length === 1 ? machine[0] : machine);
  for (const found of all) {
    context.say(`${found.title}${found.folder === undefined ? '' : ` in ${printable(found.folder)}`}`);
    for (const line of lines(found, flags.show ?? 20)) context.say(line);
    if (found.problems > 0) context.warn(`${found.problems} problems: see pengi data verify ${found.name}`);
  }
  if (flags.plots === undefined) return;
  const page = chartPage(`Data: ${all.map(({ title }) => title).join(', ')}`, sections(all));
  await writeFileAtomic(flags.plots, page);
  context.say(`plots in ${printable(flags.plots)}, ${formatBytes(Buffer.byteLength(page))}`);
}

async function statsOfName(context: Context, name: string, flags: StatsFlags): Promise<Found> {
  const target = targetOf(name);
  const measuring = { most: flags.recordings ?? 200, progress: context.progress };
  if (target.kind === 'set') {
    const { set } = target;
    const split = flags.split ?? target.splits;
    const { folder, items, problems } = await set.read(rootOf(flags), split ? { split } : {});
    const audios = [...new Set(items.map(({ audio }) => audio))];
    return {
      name: set.id,
      title: set.title,
      folder,
      items: statsOf(items),
      texts: textStats(items.flatMap(textsOfItem)),
      recordings: await measureRecordings(
        audios.map((audio) => ({ read: () => readFile(audio) })),
        measuring,
      ),
      sets: { [set.id]: items.length },
      problems: problems.length,
    };
  }
  const source = await openSource(name, { ...flags, skipBad: true }, 'clip', context);
  const texts: ExampleText[] = [];
  const sets: Record<string, number> = {};
  for await (const entry of source.entries()) {
    texts.push(...entry.texts);
    sets[entry.set] = (sets[entry.set] ?? 0) + entry.texts.length;
  }
  const recordings = Array.from({ length: source.length }, (_, index) => ({
    read: async () => (await source.read(index)).readAudio(),
  }));
  const measured = await measureRecordings(recordings, measuring);
  await source.close();
  return {
    name,
    title: name,
    texts: textStats(texts),
    recordings: measured,
    sets,
    problems: source.notes.length,
  };
}

function textsOfItem({
  captions = [],
  answers = [],
  question,
}: Item): Pick<ExampleText, 'prompt' | 'target'>[] {
  return [
    ...captions.map((target) => ({ prompt: 'caption', target })),
    ...answers.map((target) => ({ prompt: `question: ${question}`, target })),
  ];
}

const KINDS = [
  'splits',
  'folds',
  'labels',
  'genres',
  'pitches',
  'velocities',
  'qualities',
  'answers',
] as const;

function lines({ items, texts, recordings, sets }: Found, show: number): string[] {
  const { measured, seconds, undecodable } = recordings;
  const total = seconds.reduce((sum, value) => sum + value, 0);
  const spread = (what: string, value: DataSetStats['captionWords']) =>
    value === null ? [] : [`${what}: ${value.min} … ${value.max}, mean ${value.mean.toFixed(2)}`];
  return [
    ...(items
      ? [
          `${items.items} items on ${items.recordings} recordings`,
          ...spread('labels of an item', items.labelsPerItem),
          ...(items.captions > 0 ? [`${items.captions} captions, ${items.distinctCaptions} distinct`] : []),
          ...spread('words of a caption', items.captionWords),
          ...KINDS.flatMap((kind) => bars(kind, items[kind], show)),
        ]
      : [
          `${texts.texts} texts on ${recordings.recordings} recordings, ${texts.distinct} distinct`,
          ...bars('sets', Object.keys(sets).length > 1 ? sets : {}, show),
          ...bars('prompts', texts.prompts, show),
        ]),
    ...(texts.texts > 0 ? bars('words', texts.words, show) : []),
    ...(measured > 0
      ? [
          `${measured} of ${recordings.recordings} recordings measured: ${(total / Math.max(1, seconds.length)).toFixed(2)} s on average${undecodable > 0 ? `, ${undecodable} cannot be decoded` : ''}`,
          ...bars('sample rates', recordings.sampleRates, show),
          ...bars('formats', recordings.formats, show),
        ]
      : []),
  ];
}

const BAR = 30;

/** A bar for each name, as long as its share of the largest. */
function bars(kind: string, counts: Readonly<Record<string, number>>, show: number): string[] {
  const entries = Object.entries(counts).sort(([, a], [, b]) => b - a);
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

function sections(all: readonly Found[]): ChartSection[] {
  const shares = all.flatMap(({ sets }) => Object.entries(sets));
  return [
    ...(shares.length > 1
      ? [
          {
            title: 'Shares',
            text: 'Examples of each set: items of data sets, texts of manifests and shards.',
            charts: [barChart('Examples', Object.fromEntries(shares))],
          },
        ]
      : []),
    ...all.map((found) => ({ title: found.title, text: summary(found), charts: charts(found) })),
  ];
}

function summary({ items, texts, recordings }: Found): string {
  const count = (value: number) => value.toLocaleString('en');
  const said = texts.texts > 0 ? `, ${count(texts.texts)} texts (${count(texts.distinct)} distinct)` : '';
  const hours = recordings.seconds.reduce((sum, value) => sum + value, 0) / 3600;
  const measured =
    recordings.measured === 0
      ? ''
      : recordings.measured < recordings.recordings
        ? ` Lengths and rates are of ${count(recordings.measured)} of them, drawn at random.`
        : ` ${hours < 1 ? `${(60 * hours).toFixed(1)} minutes` : `${hours.toFixed(1)} hours`} in all.`;
  return `${items ? `${count(items.items)} items on ` : ''}${count(recordings.recordings)} recordings${said}.${measured}`;
}

function charts({ items, texts, recordings }: Found): Chart[] {
  const { seconds, undecodable } = recordings;
  const bad = undecodable > 0 ? { note: `${undecodable} cannot be decoded` } : {};
  return [
    { kind: 'histogram', title: 'Length of recordings', unit: 'seconds', values: seconds, ...bad },
    barChart('Sample rate, Hz', recordings.sampleRates),
    barChart('Format', recordings.formats),
    barChart('Channels', recordings.channels),
    ...(items
      ? [
          barChart('Split', items.splits),
          barChart('Label', items.labels),
          barChart('Genre', items.genres),
          numbersChart('Pitch', 'MIDI', items.pitches),
          barChart('Velocity', items.velocities),
          barChart('Quality', items.qualities),
          barChart('Answer', items.answers),
        ]
      : [barChart('Prompt', texts.prompts), barChart('Most frequent text', repeated(texts.targets))]),
    { kind: 'histogram', title: 'Length of texts', unit: 'words', values: texts.lengths },
    barChart('Word', texts.words),
  ];
}

function barChart(title: string, counts: Readonly<Record<string, number>>): Chart {
  return { kind: 'bars', title, rows: Object.entries(counts).sort(([, a], [, b]) => b - a) };
}

function numbersChart(title: string, unit: string, counts: Readonly<Record<string, number>>): Chart {
  const values = Object.entries(counts).flatMap(([value, count]) => Array<number>(count).fill(Number(value)));
  return { kind: 'histogram', title, unit, values };
}

/** Texts that occur once say little in a chart. */
function repeated(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 1));
}
