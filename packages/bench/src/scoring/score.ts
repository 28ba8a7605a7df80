import { PengiError, printable } from '@pengi/core';
import { cosineSimilarities, type ExternalScorer } from '@pengi/metrics';
import { chanceLevels } from '../chance.js';
import { clipKey, textKey } from '../runner/ask.js';
import type { Evaluation, EvaluationItem } from '../runner/evaluation.js';
import { fromBase64 } from '../runner/inquiry.js';
import type { AnsweredBy, TaskManifest } from '../runner/manifest.js';
import { METHODS, type Method, promptOf } from '../runner/methods.js';
import type { PredictionStore } from '../runner/store.js';
import { scoreCaptions } from './captions.js';
import { scoreClosed } from './closed.js';
import { scoreQuestions } from './questions.js';
import type { MethodResult, Scored, TaskResult } from './result.js';
import { scoreRetrieval } from './retrieval.js';

export interface ScoreTaskOptions {
  /** `Evaluation.part`, which is no data and so is not in the manifest. */
  readonly part?: (answer: string) => string;
  /** For METEOR, SPICE and SPIDEr. */
  readonly external?: ExternalScorer;
}

type Answers = Pick<PredictionStore, 'get' | 'has'>;

/**
 * The result of a task from what is stored: no model and no recording is needed.
 * @throws PengiError E_DATA when answers are missing, or every recording failed
 */
export async function scoreTask(
  manifest: TaskManifest,
  store: Answers,
  { part = (answer) => answer, external }: ScoreTaskOptions = {},
): Promise<TaskResult> {
  const evaluation: Evaluation = { ...manifest.evaluation, part };
  const { id, kind, metric, labels = [], items: all, official, published } = evaluation;
  const items = all.filter((item) => item.id in manifest.contents);
  if (items.length === 0)
    throw new PengiError('E_DATA', `task ${printable(id)}: none of ${all.length} recordings could be used`, {
      hint: `the first problem: ${manifest.failed[0]?.message ?? 'no item'}`,
    });
  const context = { manifest, evaluation, items, store, external };
  const [own, ...others] = manifest.answeredBy as [AnsweredBy, ...AnsweredBy[]];
  const scored = await scoredBy(own, context);
  const [best] = scored as [ScoredMethod, ...ScoredMethod[]];
  const beside = (await Promise.all(others.map((other) => scoredBy(other, context)))).flat();

  const closed = kind === 'single-label' || kind === 'multi-label';
  const positions = new Map(all.map((item, i) => [item.id, i]));
  const simple = closed
    ? manifest.baselines.map(({ name, scores }): ScoredMethod => {
        const rows = items.map((item) => scores[positions.get(item.id) as number] ?? null);
        return { system: name, method: 'baseline', ...scoreClosed({ kind, metric, labels }, items, rows) };
      })
    : [];
  const paper = published[0]?.value ?? null;
  const curves = [...scored, ...beside].flatMap(({ system, method, recall }) =>
    recall ? [{ name: `${system}, ${method}`, recall }] : [],
  );
  return {
    format: 1,
    id,
    version: evaluation.version,
    title: evaluation.title,
    kind,
    folder: evaluation.folder,
    metric,
    ...methodResult(best),
    n: items.length,
    nOfficial: official,
    failed: manifest.failed,
    unread: best.unread,
    chance: chanceOf(evaluation, items),
    methods: [...scored.map(methodResult), ...droppedBy(own, metric)],
    baselines: [...simple, ...beside].map(methodResult),
    published,
    paper,
    difference: paper === null || best.value === null ? null : best.value - paper,
    prompt: evaluation.prompt,
    settings: {
      batchSize: manifest.batchSize,
      audio: manifest.clipSettings,
    },
    ...(evaluation.labels && { labels: evaluation.labels }),
    notes: evaluation.notes,
    seconds: manifest.seconds,
    provenance: manifest.provenance,
    ...(best.perClass && { perClass: best.perClass }),
    ...(best.confusion && { confusion: best.confusion }),
    ...(curves.length > 0 && { recallCurves: curves }),
    items: best.items,
  };
}

/** Ways of answering that the model has, but not for these texts. */
function droppedBy({ name, dropped = {} }: AnsweredBy, metric: string): MethodResult[] {
  return Object.entries(dropped).map(([method, reason]) => ({
    system: name,
    method,
    value: null,
    metrics: {},
    notComputed: { [metric]: reason },
  }));
}

type ScoredMethod = Scored & Pick<MethodResult, 'system' | 'method'>;

interface Context {
  readonly manifest: TaskManifest;
  readonly evaluation: Evaluation;
  readonly items: readonly EvaluationItem[];
  readonly store: Answers;
  readonly external: ExternalScorer | undefined;
}

function scoredBy(by: AnsweredBy, context: Context): Promise<ScoredMethod[]> {
  return Promise.all(
    by.methods.map(async (method) => ({
      system: by.name,
      method,
      ...(await scoreMethod(method, by, context)),
    })),
  );
}

async function scoreMethod(
  method: Method,
  { model }: AnsweredBy,
  { manifest, evaluation, items, store, external }: Context,
): Promise<Scored> {
  const { kind, metric, labels = [], part = (answer: string) => answer } = evaluation;
  const inquiry = METHODS[method].inquiry(labels.map(({ text }) => text));
  const answers = items.map((item) => {
    const content = manifest.contents[item.id] as string;
    return store.get(
      clipKey(model, manifest.clipSettings, content, inquiry, promptOf(evaluation, item, inquiry)),
    );
  });
  const embeddingOf = (text: string): Float32Array | null =>
    text.trim() === '' ? null : fromBase64(store.get(textKey(model, text)) as string);

  switch (kind) {
    case 'captioning':
      return scoreCaptions(metric, items, answers as string[], external);
    case 'question-answering': {
      const texts = [...(answers as string[]), ...items.flatMap(({ references = [] }) => references)];
      const areThere = texts.every((text) => text.trim() === '' || store.has(textKey(model, text)));
      return scoreQuestions(
        items,
        answers as string[],
        areThere ? (text) => embeddingOf(text) ?? undefined : undefined,
        evaluation.answers,
      );
    }
    case 'text-to-audio':
    case 'audio-to-text': {
      const generated = method === 'captions' ? (answers as string[]) : undefined;
      const recordings = generated?.map(embeddingOf) ?? answers.map((answer) => fromBase64(answer as string));
      return scoreRetrieval(kind, items, recordings, embeddingOf, generated);
    }
    default: {
      if (method !== 'textMatching')
        return scoreClosed({ kind, metric, labels }, items, answers as number[][]);
      const texts = answers as string[];
      const labelEmbeddings = labels.map(({ text }) => embeddingOf(text) as Float32Array);
      const distinct = [...new Set(texts)].flatMap((text) => {
        const embedding = embeddingOf(part(text));
        return embedding ? [{ text, embedding }] : [];
      });
      const table = cosineSimilarities(
        distinct.map(({ embedding }) => embedding),
        labelEmbeddings,
      );
      const cosines = new Map(distinct.map(({ text }, i) => [text, [...(table[i] as Float64Array)]]));
      const rows = texts.map((text) => cosines.get(text) ?? null);
      return scoreClosed({ kind, metric, labels }, items, rows, texts);
    }
  }
}

function methodResult({ system, method, value, interval, metrics, notComputed }: ScoredMethod): MethodResult {
  return {
    system,
    method,
    value,
    metrics,
    ...(interval && { interval }),
    ...(notComputed && { notComputed }),
  };
}

/** Scores of guessing, in the reported metric. */
function chanceOf(
  { kind, metric, labels = [] }: Evaluation,
  items: readonly EvaluationItem[],
): TaskResult['chance'] {
  switch (kind) {
    case 'single-label':
    case 'multi-label': {
      const names = labels.map(({ name }) => name);
      const counts = names.map((name) => items.filter((item) => item.labels?.includes(name)).length);
      // Average precision of scores in random order is about the share of positives.
      const present = counts.filter((count) => count > 0);
      if (metric === 'mAP')
        return {
          random: present.reduce((sum, n) => sum + n, 0) / items.length / present.length,
          constant: null,
        };
      if (metric !== 'accuracy' || kind === 'multi-label') return null;
      const expected = items.map((item) => item.labels?.[0] ?? '');
      const { random, constant } = chanceLevels(expected, names);
      return { random, constant };
    }
    case 'question-answering': {
      const all = items.map(({ references = [] }) => references);
      const answers = [...new Set(all.flat())];
      const share = (answer: string) =>
        all.reduce((sum, given) => sum + given.filter((one) => one === answer).length / given.length, 0) /
        all.length;
      return { random: null, constant: Math.max(...answers.map(share)) };
    }
    case 'text-to-audio':
    case 'audio-to-text': // any caption is as likely to be one of the recording's own
      return { random: 1 / items.length, constant: null };
    default:
      return null;
  }
}
