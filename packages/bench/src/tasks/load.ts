import { PengiError, printable } from '@pengi/core';
import {
  DATA_SETS,
  type DataSet,
  hasDataSet,
  type Item,
  inWords,
  type Problem,
  questionPrompt,
} from '@pengi/datasets';
import type { AnswerVote, Evaluation, EvaluationItem, TrainingItem } from '../runner/evaluation.js';
import { type Choices, choiceNotes, withChoices } from './choices.js';
import type { BenchmarkTask } from './definition.js';
import { PAPER_RESULTS } from './paper.js';
import { BENCHMARK_TASKS } from './table.js';
import { checkWordings, type Wordings } from './wordings.js';

export interface LoadTaskOptions {
  /** Of the task's options, where not the default. */
  readonly choices?: Choices;
  /** In place of the task's. */
  readonly prompt?: string;
  /** Class -> wording, in place of the task's; see `readWordings`. */
  readonly wordings?: Wordings;
  /** Also read what simple baselines learn from, where it is there. Default false. */
  readonly training?: boolean;
}

export interface LoadedTask {
  readonly task: BenchmarkTask;
  readonly evaluation: Evaluation;
  /** Items that could not be used, and what is wrong with the copy. */
  readonly problems: readonly Problem[];
}

/** @throws PengiError E_USAGE for an unknown id */
export function benchmarkTask(id: string): BenchmarkTask {
  const found = BENCHMARK_TASKS.find((task) => task.id === id);
  if (found) return found;
  throw new PengiError('E_USAGE', `"${printable(id, 40)}" is no known task`, {
    hint: `known are ${BENCHMARK_TASKS.map((task) => task.id).join(', ')}`,
  });
}

/** Items of the official release; null where that is not published. */
export function officialItems({ dataSet, splits }: Pick<BenchmarkTask, 'dataSet' | 'splits'>): number | null {
  const set: DataSet = DATA_SETS[dataSet];
  const numbers = splits.map((split) => set.splits[split]?.official ?? null);
  return numbers.includes(null) ? null : numbers.reduce<number>((sum, n) => sum + (n ?? 0), 0);
}

/** The tasks whose data set lies in a data root, whole or in part. */
export async function tasksIn(root: string): Promise<BenchmarkTask[]> {
  const there = await Promise.all(BENCHMARK_TASKS.map(({ dataSet }) => hasDataSet(DATA_SETS[dataSet], root)));
  return BENCHMARK_TASKS.filter((_, i) => there[i]);
}

/**
 * A task with the data of a copy of its data set.
 * @throws PengiError as `DataSet.read`; E_CONFIG for wordings that do not fit the classes; E_DATA when no item can be used
 */
export async function loadTask(
  ofTable: BenchmarkTask,
  root: string,
  { choices = {}, prompt, wordings, training = false }: LoadTaskOptions = {},
): Promise<LoadedTask> {
  const task = withChoices(ofTable, choices);
  const set: DataSet = DATA_SETS[task.dataSet];
  const { folder, items: all, problems } = await set.read(root, { split: task.splits });
  const isAnswerable = classFilter(task, all);
  const items = all.filter((item) => (task.labels?.(item) ?? []).every(isAnswerable));
  const texts = await labelTexts(task, root, wordings);
  const found = items.flatMap((item) => toEvaluationItem(task, item) ?? []);
  const foreign = texts && found.flatMap(({ labels = [] }) => labels).find((name) => !texts.has(name));
  if (foreign !== undefined)
    throw new PengiError('E_DATA', `"${printable(foreign, 60)}" is no class of ${task.id}`, { file: folder });
  if (found.length === 0) throw new PengiError('E_DATA', `no item for ${task.id}`, { file: folder });
  const material = training ? await trainingOf(task, root, items) : undefined;

  return {
    task,
    problems,
    evaluation: {
      id: task.id,
      version: 1,
      title: task.title,
      kind: task.kind,
      prompt: prompt ?? task.prompt,
      metric: task.metric,
      ...(choices.answers !== undefined && { answers: choices.answers as AnswerVote }),
      folder,
      items: found,
      official: items.length < all.length ? null : officialItems(task),
      ...(texts && {
        labels: [...texts].map(([name, text]) => ({ name, text })).filter(({ name }) => isAnswerable(name)),
      }),
      ...(task.part && { part: task.part }),
      ...(material && { training: material }),
      published: publishedFor(task),
      notes: [...choiceNotes(task, choices), ...task.notes, ...problemCounts(problems)],
    },
  };
}

function toEvaluationItem(task: BenchmarkTask, item: Item): EvaluationItem | undefined {
  const labels = task.labels?.(item);
  const references = task.references?.(item);
  if (labels === undefined && references === undefined) return undefined;
  return {
    id: item.id,
    audio: item.audio,
    ...(item.question !== undefined && { prompt: questionPrompt(item.question) }),
    ...(labels && { labels }),
    ...(references && { references }),
  };
}

/** By name: whether a class can be answered. */
function classFilter({ classes = 'all', labels }: BenchmarkTask, items: readonly Item[]) {
  const [, low, high] = /^(\d+)-(\d+)$/.exec(classes) ?? [];
  if (low !== undefined) return (name: string) => Number(name) >= Number(low) && Number(name) <= Number(high);
  if (classes === 'all') return () => true;
  const present = new Set(items.flatMap((item) => labels?.(item) ?? []));
  return (name: string) => present.has(name);
}

/** Class -> text, in the order of the data set's classes. */
async function labelTexts(
  task: BenchmarkTask,
  root: string,
  given: Wordings | undefined,
): Promise<Map<string, string> | undefined> {
  if (task.wordings === undefined) return undefined;
  const names =
    task.wordings === 'vocabulary'
      ? ((await DATA_SETS[task.dataSet].vocabulary(root)) ?? [])
      : Object.keys(task.wordings);
  const own =
    task.wordings === 'vocabulary'
      ? Object.fromEntries(names.map((name) => [name, inWords(name)]))
      : task.wordings;
  const wordings = given ?? own;
  checkWordings(wordings, names, task.id);
  return new Map(names.map((name) => [name, wordings[name] as string]));
}

/** The training splits where they are there, or the items themselves by folds; one label each. */
async function trainingOf(
  task: BenchmarkTask,
  root: string,
  evaluated: readonly Item[],
): Promise<Evaluation['training'] | undefined> {
  const label = (item: Item) => task.labels?.(item)?.[0];
  const toTraining = (item: Item): TrainingItem[] => {
    const name = label(item);
    return name === undefined
      ? []
      : [{ audio: item.audio, label: name, ...(item.fold !== undefined && { fold: item.fold }) }];
  };
  if (task.kind !== 'single-label') return undefined;
  if (task.trainingSplits === undefined) {
    if (evaluated.some(({ fold }) => fold === undefined)) return undefined;
    return {
      items: evaluated.flatMap(toTraining),
      folds: new Map(evaluated.map(({ id, fold }) => [id, fold as number])),
    };
  }
  try {
    const { items } = await DATA_SETS[task.dataSet].read(root, { split: task.trainingSplits });
    return {
      items: items.flatMap((item) => toTraining({ ...item })).map(({ audio, label }) => ({ audio, label })),
    };
  } catch (error) {
    if ((error as PengiError).code === 'E_NOT_FOUND') return undefined; // evaluation splits alone are enough
    throw error;
  }
}

/** The paper's own number first, then the others in the reported metric. */
function publishedFor({ id, paper, metric, prompts }: BenchmarkTask): Evaluation['published'] {
  const others = PAPER_RESULTS.filter((result) => result.task === id && result.metric === metric);
  const isInTable3 = !['audioset', 'clotho-audio-to-text', 'audiocaps-audio-to-text'].includes(id);
  const source = id === 'clotho-text-to-audio' ? 'Table 6' : isInTable3 ? 'Table 3' : 'Table 11';
  return [
    ...(paper === null ? [] : [{ system: 'Pengi', value: paper, source }]),
    ...others
      .filter(({ system, source }) => system !== 'Pengi' || source === 'Table 4, all tasks')
      .map(({ system, value, source }) => ({ system, value, source })),
    ...Object.entries(prompts).map(([prompt, value]) => ({
      system: `Pengi, "${prompt}"`,
      value,
      source: 'Table 11',
    })),
  ];
}

function problemCounts(problems: readonly Problem[]): string[] {
  const counts = new Map<string, number>();
  for (const { kind } of problems) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => `data: ${count} ${kind}`);
}
