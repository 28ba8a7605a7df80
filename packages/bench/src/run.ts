import { PengiError, printable, type StartProgress, silentProgress } from '@pengi/core';
import type { Predictor } from './predictor.js';
import { bestIndex } from './ranking.js';
import type { Provenance, TaskRecord } from './record.js';
import type { Json, Outcome, Question, Task, TaskItem } from './task.js';

export interface AskOptions {
  /** Clips that are given to the predictor at once. Default 16. */
  readonly batchSize?: number;
  readonly progress?: StartProgress;
}

/** The same items' predictions of something simpler, in the items' order. */
export interface Baseline<Predicted extends Json = Json> {
  readonly name: string;
  readonly predictions: readonly (Predicted | null)[];
}

export interface ScoreOptions<Predicted extends Json = Json> {
  readonly provenance?: Provenance;
  readonly baselines?: readonly Baseline<Predicted>[];
}

/**
 * Asks the predictor about every item and scores the answers.
 * @throws PengiError as `collectAnswers` and `scoreAnswers`; what the predictor throws is passed on
 */
export async function runTask<Expected extends Json, Predicted extends Json>(
  task: Task<Expected, Predicted>,
  predictor: Predictor,
  options: AskOptions & ScoreOptions<Predicted> = {},
): Promise<TaskRecord> {
  return scoreAnswers(task, await collectAnswers(task, predictor, options), options);
}

/**
 * `runTask` for several tasks. Each distinct question about the same items is asked only once.
 * @param options.baselines by the task's id
 * @returns the records in the order of the tasks
 */
export async function runTasks(
  tasks: readonly Task[],
  predictor: Predictor,
  {
    baselines = {},
    provenance = {},
    ...asking
  }: AskOptions & {
    readonly provenance?: Provenance;
    readonly baselines?: Readonly<Record<string, readonly Baseline[]>>;
  } = {},
): Promise<TaskRecord[]> {
  const asked = new Map<string, Answers>();
  const records: TaskRecord[] = [];
  for (const task of tasks) {
    const key = JSON.stringify([
      task.question,
      task.items.map(({ id, audio, prompt }) => [id, audio, prompt ?? null]),
    ]);
    const answers = asked.get(key) ?? (await collectAnswers(task, predictor, asking));
    asked.set(key, answers);
    records.push(scoreAnswers(task, answers, { provenance, baselines: baselines[task.id] ?? [] }));
  }
  return records;
}

/** What a predictor said about the items of a task. Other tasks with the same items and question can be scored from it. */
export interface Answers {
  readonly predictor: string;
  readonly question: Question;
  readonly batchSize: number;
  readonly seconds: number;
  readonly answers: readonly Answer[];
}

export interface Answer {
  readonly id: string;
  readonly text: string;
  readonly scores?: readonly number[];
}

/**
 * The part that takes time: every item's answer. A question of `scoreLabels` or `zeroShot` is answered by the label with
 * the best score, the first of equals.
 * @throws PengiError E_USAGE when the predictor lacks the method, E_SHAPE when it returns too few or too many answers or
 * something else than text, E_NONFINITE when a score is no number
 */
export async function collectAnswers<Expected extends Json, Predicted extends Json>(
  task: Task<Expected, Predicted>,
  predictor: Predictor,
  { batchSize = 16, progress = silentProgress }: AskOptions = {},
): Promise<Answers> {
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new PengiError('E_USAGE', `a batch size of ${batchSize}; a positive integer is wanted`);
  const { items, question } = task;
  const ask = asker(predictor, question, task.id);
  const answers = new Map<string, Answer>();
  const started = performance.now();
  const report = progress(`${predictor.name}: ${task.id}`);
  try {
    for (const batch of batches(items, question, batchSize)) {
      const found = await ask(batch.items, batch.prompt);
      batch.items.forEach(({ id }, i) => {
        answers.set(id, { id, ...(found[i] as Omit<Answer, 'id'>) });
      });
      report.update(answers.size, items.length);
    }
  } finally {
    report.end();
  }
  return {
    predictor: predictor.name,
    question,
    batchSize,
    seconds: (performance.now() - started) / 1000,
    answers: items.map(({ id }) => answers.get(id) as Answer),
  };
}

/**
 * The record of answers that were collected earlier, by this task or by another one that asks the same of the same items.
 * @throws PengiError E_USAGE when they belong to other items or another question, E_SHAPE for a baseline of another length
 */
export function scoreAnswers<Expected extends Json, Predicted extends Json>(
  task: Task<Expected, Predicted>,
  { predictor, question, batchSize, seconds, answers }: Answers,
  { provenance = {}, baselines = [] }: ScoreOptions<Predicted> = {},
): TaskRecord {
  const { id, version, title, items, metrics, chance } = task;
  const fits =
    JSON.stringify(question) === JSON.stringify(task.question) &&
    answers.length === items.length &&
    items.every((item, i) => item.id === answers[i]?.id);
  if (!fits)
    throw new PengiError('E_USAGE', `task ${printable(id)}: the answers are to another question or items`);

  const readings = answers.map(({ text }) => task.read(text));
  const outcomes = judge(task, readings);
  const scores = Object.entries(metrics).map(([name, metric]) => ({ name, ...metric(outcomes) }));
  const [reported] = scores;
  if (reported === undefined) throw new PengiError('E_CONFIG', `task ${printable(id)}: no metrics`);
  const score = metrics[reported.name] as NonNullable<(typeof metrics)[string]>;

  return {
    format: 1,
    task: { id, version, title },
    predictor,
    metric: reported.name,
    value: reported.value,
    ...(reported.interval && { interval: reported.interval }),
    metrics: Object.fromEntries(scores.map(({ name, value }) => [name, value])),
    ...(chance && { chance }),
    baselines: baselines.map(({ name, predictions }) => ({ name, ...score(judge(task, predictions)) })),
    items: items.length,
    unread: readings.filter((reading) => reading === null).length,
    seconds,
    settings: { ...question, batchSize },
    provenance,
    predictions: outcomes.map(({ expected, prediction, correct }, i) => {
      const { id, text, scores } = answers[i] as Answer;
      return { id, expected, answer: text, prediction, correct, ...(scores && { scores }) };
    }),
  };
}

function judge<Expected extends Json, Predicted extends Json>(
  { id, items, correct }: Task<Expected, Predicted>,
  predictions: readonly (Predicted | null)[],
): Outcome<Expected, Predicted>[] {
  if (predictions.length !== items.length)
    throw new PengiError(
      'E_SHAPE',
      `task ${printable(id)}: ${predictions.length} predictions for ${items.length} items`,
    );
  return items.map(({ expected }, i) => {
    const prediction = predictions[i] ?? null;
    return { expected, prediction, correct: prediction !== null && correct(prediction, expected) };
  });
}

type Ask = (
  clips: readonly TaskItem<Json>[],
  prompt: string,
) => Promise<readonly { text: string; scores?: readonly number[] }[]>;

function asker(predictor: Predictor, question: Question, task: string): Ask {
  const blame = `${printable(predictor.name)}, asked to ${question.method} for task ${printable(task)},`;
  const sized = <T>(values: readonly T[], wanted: number): readonly T[] => {
    if (values.length === wanted) return values;
    throw new PengiError('E_SHAPE', `${blame} gave ${values.length} values where ${wanted} are expected`);
  };
  const choose = (labels: readonly string[]) => (scores: readonly number[]) => {
    if (!sized(scores, labels.length).every(Number.isFinite))
      throw new PengiError('E_NONFINITE', `${blame} gave scores that are no numbers`);
    return { text: labels[bestIndex(scores)] as string, scores: [...scores] };
  };

  const { generate, scoreLabels, zeroShot } = predictor;
  if (question.method === 'generate' && generate)
    return async (clips, prompt) =>
      sized(await generate.call(predictor, clips, prompt), clips.length).map((text) => {
        if (typeof text === 'string') return { text };
        throw new PengiError('E_SHAPE', `${blame} gave ${typeof text} where text is expected`);
      });
  if (question.method === 'scoreLabels' && scoreLabels)
    return async (clips, prompt) =>
      sized(await scoreLabels.call(predictor, clips, question.labels, prompt), clips.length).map(
        choose(question.labels),
      );
  if (question.method === 'zeroShot' && zeroShot)
    return async (clips) =>
      sized(await zeroShot.call(predictor, clips, question.labels), clips.length).map(
        choose(question.labels),
      );
  throw new PengiError('E_USAGE', `${printable(predictor.name)} cannot ${question.method}`, {
    hint: `task ${printable(task)} needs it`,
  });
}

/** The items in groups of one prompt each, in batches of at most `size`. */
function batches<Expected extends Json>(
  items: readonly TaskItem<Expected>[],
  question: Question,
  size: number,
): { items: TaskItem<Expected>[]; prompt: string }[] {
  const groups = new Map<string, TaskItem<Expected>[]>();
  for (const item of items) {
    const prompt = question.method === 'zeroShot' ? '' : (item.prompt ?? question.prompt);
    const group = groups.get(prompt) ?? [];
    groups.set(prompt, group);
    group.push(item);
  }
  return [...groups].flatMap(([prompt, group]) =>
    Array.from({ length: Math.ceil(group.length / size) }, (_, i) => ({
      prompt,
      items: group.slice(i * size, (i + 1) * size),
    })),
  );
}
