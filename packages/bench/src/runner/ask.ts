/** Asks a model everything that a task needs, and keeps every answer as soon as it is there. */
import { isPengiError, type PengiError, type Progress } from '@pengi/core';
import { type ClipSource, failureOf } from '../clips.js';
import type { Clip, Predictor } from '../predictor.js';
import type { Json } from '../task.js';
import type { Evaluation, EvaluationItem } from './evaluation.js';
import { askClips, embedTexts, type Inquiry, toBase64 } from './inquiry.js';
import { answerKey } from './keys.js';
import { type Method, promptOf } from './methods.js';
import type { PredictionStore, StoredLine } from './store.js';

/** One of several processes that share the work, counted from 0. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

export interface AskSetup {
  readonly predictor: Predictor;
  /** `modelKey` of the predictor. */
  readonly model: string;
  readonly store: PredictionStore;
  readonly clips: ClipSource;
  /** What recordings are prepared by; part of every key. */
  readonly clipSettings: Json;
  readonly batchSize: number;
  readonly shard: Shard;
  readonly signal?: AbortSignal;
}

/** A recording that cannot be used. */
export interface FailedItem {
  readonly id: string;
  readonly code: string;
  readonly message: string;
}

export interface Asked {
  /** Item id → SHA-256 of its recording, of all items of this process that could be read. */
  readonly contents: Map<string, string>;
  /** By item id. */
  readonly failed: Map<string, FailedItem>;
  /** Answers that were not in the store. */
  fresh: number;
}

/** The key of the answer about a recording. */
export function clipKey(
  model: string,
  clipSettings: Json,
  content: string,
  inquiry: Inquiry,
  prompt: string,
): string {
  return answerKey(model, 'clip', clipSettings, content, { ...inquiry }, prompt);
}

/** The key of a text's embedding. */
export function textKey(model: string, text: string): string {
  return answerKey(model, 'text', text);
}

/**
 * Answers to one inquiry about all items of this process's share.
 * @throws PengiError what the predictor throws, E_INTERRUPTED; a recording that cannot be used is in `asked.failed`
 */
export async function askAll(
  evaluation: Evaluation,
  inquiry: Inquiry,
  { predictor, model, store, clips, clipSettings, batchSize, shard, signal }: AskSetup,
  asked: Asked,
  progress: Progress,
): Promise<void> {
  const mixed = inquiry.method === 'generate' && predictor.generateEach !== undefined;
  // The batches do not depend on what is in the store: numbers may depend on what else is in a batch, and a run that was
  // killed is to end with the same ones.
  const batches = batchesOf(evaluation, inquiry, batchSize, mixed).filter(
    (_, i) => i % shard.count === shard.index,
  );
  const total = batches.reduce((sum, batch) => sum + batch.length, 0);
  const prepare = (batch: readonly EvaluationItem[] | undefined) =>
    batch &&
    prepared(
      batch,
      (item, content) => clipKey(model, clipSettings, content, inquiry, promptOf(evaluation, item, inquiry)),
      store,
      clips,
      asked,
    );

  let done = 0;
  let next = prepare(batches[0]);
  for (const [i, batch] of batches.entries()) {
    signal?.throwIfAborted();
    const ready = (await next) as Prepared[];
    next = prepare(batches[i + 1]); // read while the model is at work
    next?.catch(() => undefined); // it is awaited above, unless this batch fails
    if (ready.some(({ key }) => !store.has(key))) {
      const ask = (some: readonly Prepared[]) =>
        askClips(
          predictor,
          inquiry,
          some.map(({ clip }) => clip),
          some.map(({ item }) => promptOf(evaluation, item, inquiry)),
        );
      const answers = await askOrDivide(ready, ask, asked);
      const lines = new Map<string, StoredLine>();
      ready.forEach(({ key, item }, j) => {
        const value = answers[j];
        if (value !== undefined && !store.has(key))
          lines.set(key, { key, task: evaluation.id, id: item.id, value });
      });
      await store.append([...lines.values()]);
      asked.fresh += lines.size;
    }
    done += batch.length;
    progress.update(done, total, asked.failed.size > 0 ? `${asked.failed.size} failed` : undefined);
  }
}

/**
 * Embeddings of texts, each kept. Batches are made of the list as it is, for the same reason as above.
 * @throws PengiError what the predictor throws
 */
export async function embedAll(
  texts: readonly string[],
  task: string,
  { predictor, model, store, signal }: Pick<AskSetup, 'predictor' | 'model' | 'store' | 'signal'>,
): Promise<number> {
  const distinct = [...new Set(texts)].filter((text) => text.trim() !== ''); // of nothing there is no meaning
  let fresh = 0;
  for (let start = 0; start < distinct.length; start += TEXT_BATCH) {
    signal?.throwIfAborted();
    const batch = distinct.slice(start, start + TEXT_BATCH);
    if (batch.every((text) => store.has(textKey(model, text)))) continue;
    const vectors = await embedTexts(predictor, batch);
    const lines = batch.flatMap((text, i): StoredLine[] => {
      const key = textKey(model, text);
      return store.has(key) ? [] : [{ key, task, id: text, value: toBase64(vectors[i] as Float32Array) }];
    });
    await store.append(lines);
    fresh += lines.length;
  }
  return fresh;
}

const TEXT_BATCH = 64;

/**
 * Texts that are compared with generated ones or with recordings, in the lists in which they are embedded.
 * @param hasEncoder whether the model embeds texts; open answers are compared so where it does
 */
export function textsOf(
  { kind, labels = [], items, part = (answer: string) => answer }: Evaluation,
  generated: readonly string[],
  method: Method,
  hasEncoder: boolean,
): (readonly string[])[] {
  const references = items.flatMap((item) => item.references ?? []);
  switch (method) {
    case 'textMatching':
      return [labels.map(({ text }) => text), generated.map(part)];
    case 'embeddings':
      return [references];
    case 'captions':
      return [references, generated];
    case 'generation':
      return kind === 'question-answering' && hasEncoder ? [references, generated] : [];
    default:
      return [];
  }
}

interface Prepared {
  readonly item: EvaluationItem;
  readonly key: string;
  readonly clip: Clip;
}

/** What can be read of a batch; decoded only when an answer is missing. */
async function prepared(
  batch: readonly EvaluationItem[],
  keyOf: (item: EvaluationItem, content: string) => string,
  store: PredictionStore,
  clips: ClipSource,
  asked: Asked,
): Promise<Prepared[]> {
  const usable = batch.filter(({ id }) => !asked.failed.has(id));
  const found = await Promise.all(
    usable.map(async (item) => {
      const known = asked.contents.get(item.id);
      if (known !== undefined) return { item, content: known };
      const reply = await clips.read({ audio: item.audio, want: 'sha256' });
      if ('failure' in reply) return fail(asked, item, failureOf(reply.failure));
      asked.contents.set(item.id, reply.sha256);
      return { item, content: reply.sha256 };
    }),
  );
  const readable = found.filter((entry) => entry !== undefined);
  const keyed = readable.map(({ item, content }) => ({ item, key: keyOf(item, content) }));
  if (keyed.every(({ key }) => store.has(key)))
    return keyed.map(({ item, key }) => ({ item, key, clip: { audio: item.audio } }));

  const decoded = await Promise.all(
    keyed.map(async ({ item, key }): Promise<Prepared | undefined> => {
      const reply = await clips.read({ audio: item.audio, want: 'samples' });
      if ('failure' in reply) return fail(asked, item, failureOf(reply.failure));
      const { samples, sampleRate } = reply;
      const clip = { audio: item.audio, ...(samples && sampleRate && { samples: { samples, sampleRate } }) };
      return { item, key, clip };
    }),
  );
  return decoded.filter((entry) => entry !== undefined);
}

/** The batch's answers; when a recording or text is to blame, those of the others, and the culprits are named. */
async function askOrDivide(
  batch: readonly Prepared[],
  ask: (batch: readonly Prepared[]) => Promise<Json[]>,
  asked: Asked,
): Promise<(Json | undefined)[]> {
  try {
    return batch.length === 0 ? [] : await ask(batch);
  } catch (error) {
    if (!batch.some(({ item }) => blames(error, item))) throw error;
    const answers: (Json | undefined)[] = [];
    for (const one of batch) {
      try {
        answers.push(...(await ask([one])));
      } catch (cause) {
        if (!blames(cause, one.item)) throw cause;
        answers.push(fail(asked, one.item, cause));
      }
    }
    return answers;
  }
}

/** Whether it is the item's fault: its recording's, or its own question's. Other texts are those of all items. */
function blames(error: unknown, { prompt }: EvaluationItem): error is PengiError {
  if (!isPengiError(error)) return false;
  return error.code.startsWith('E_AUDIO_') || (error.code === 'E_TEXT' && prompt !== undefined);
}

function fail(asked: Asked, { id }: EvaluationItem, { code, message }: PengiError): undefined {
  asked.contents.delete(id);
  asked.failed.set(id, { id, code, message });
}

/** The items in groups of one prompt each, unless prompts may be mixed, in batches of at most `size`. */
function batchesOf(
  evaluation: Evaluation,
  inquiry: Inquiry,
  size: number,
  mixed: boolean,
): EvaluationItem[][] {
  const groups = new Map<string, EvaluationItem[]>();
  for (const item of evaluation.items) {
    const prompt = mixed ? '' : promptOf(evaluation, item, inquiry);
    const group = groups.get(prompt) ?? [];
    groups.set(prompt, group);
    group.push(item);
  }
  return [...groups.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / size) }, (_, i) => group.slice(i * size, (i + 1) * size)),
  );
}
