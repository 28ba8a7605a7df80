import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isPengiError, type Progress, type StartProgress, silentProgress } from '@pengi/core';
import { acquireLock, fileError } from '@pengi/core/node';
import type { ClipSource } from '../clips.js';
import type { Predictor } from '../predictor.js';
import type { Provenance } from '../record.js';
import type { Json } from '../task.js';
import { type Asked, askAll, clipKey, embedAll, type Shard, textsOf } from './ask.js';
import type { Evaluation } from './evaluation.js';
import type { Inquiry } from './inquiry.js';
import { type ModelIdentity, modelKey } from './keys.js';
import { type AnsweredBy, keepOnly, type SimpleBaseline, suffix, writeManifest } from './manifest.js';
import { lackingFor, METHODS, METHODS_OF, type Method, methodsFor, promptOf } from './methods.js';
import { openStore, type PredictionStore } from './store.js';

/** A predictor, and what tells it from all others. */
export interface Contestant {
  readonly predictor: Predictor;
  readonly identity: ModelIdentity;
}

export interface BenchOptions extends Contestant {
  /** The run's folder; made when it is missing. Answers that are in it are not asked for again. */
  readonly run: string;
  readonly evaluations: readonly Evaluation[];
  /** Others to stand beside it, in what they can do without generating: a CLAP, say. */
  readonly beside?: readonly Contestant[];
  readonly clips: ClipSource;
  /** What `clips` was made with, as far as it changes what is heard. */
  readonly clipSettings?: Json;
  /** One method in place of all that the model can do, for the kinds of tasks that have it. */
  readonly method?: Method;
  /** Clips that are given to the predictor at once. Default 16. */
  readonly batchSize?: number;
  /** The part of the work that this process does; default: all of it. */
  readonly shard?: Shard;
  /** Predictions of simple models for a task. */
  readonly baselines?: (evaluation: Evaluation) => Promise<readonly SimpleBaseline[]>;
  readonly provenance?: Provenance;
  readonly progress?: StartProgress;
  readonly warn?: (message: string) => void;
  readonly signal?: AbortSignal;
}

export interface BenchOutcome {
  /** Answers that had to be asked for; the others were there. */
  readonly fresh: number;
  /** By task id. */
  readonly failed: Readonly<Record<string, number>>;
}

/**
 * Asks the model all that the tasks need. Every batch of answers is kept when it is there: after an end of any kind the same
 * call goes on, with one batch to do again at most. `scoreRun` makes tables of it.
 * @throws PengiError E_USAGE, before anything runs, when the model lacks what a task needs; E_BUSY when another process is at
 *   work in the folder; what the predictor throws
 */
export async function runBench(options: BenchOptions): Promise<BenchOutcome> {
  const { run, evaluations, predictor, identity, beside = [], method, warn } = options;
  const { shard = { index: 0, count: 1 } } = options;
  const plans = evaluations.map((evaluation) => ({
    evaluation,
    contestants: [
      { predictor, model: modelKey(identity), methods: methodsFor(predictor, evaluation, method) },
      ...beside.map((other) => ({
        predictor: other.predictor,
        model: modelKey(other.identity),
        methods: METHODS_OF[evaluation.kind].filter(
          (one) => BY_EMBEDDINGS.includes(one) && lackingFor(other.predictor, one).length === 0,
        ),
      })),
    ].filter(({ methods }) => methods.length > 0),
  }));
  try {
    await mkdir(join(run, 'tasks'), { recursive: true });
  } catch (error) {
    throw fileError(error, run, 'written');
  }
  const name = suffix(shard).slice(1);
  const lock = await acquireLock(join(run, name ? `lock-${name}` : 'lock'), { wait: false });
  try {
    await keepOnly(run, modelKey(identity));
    const file = name ? `predictions-${name}.jsonl` : 'predictions.jsonl';
    const store = await openStore(run, { file, ...(warn && { warn }) });
    try {
      const failed: Record<string, number> = {};
      let fresh = 0;
      for (const plan of plans) {
        const asked = await runOne(plan, store, { ...options, shard });
        fresh += asked.fresh;
        failed[plan.evaluation.id] = asked.failed.size;
      }
      return { fresh, failed };
    } finally {
      await store.close();
    }
  } finally {
    await lock.release();
  }
}

const BY_EMBEDDINGS: readonly Method[] = ['zeroShot', 'embeddings'];

interface Plan {
  readonly evaluation: Evaluation;
  readonly contestants: readonly {
    readonly predictor: Predictor;
    readonly model: string;
    readonly methods: readonly Method[];
  }[];
}

async function runOne(
  { evaluation, contestants }: Plan,
  store: PredictionStore,
  options: BenchOptions & { readonly shard: Shard },
): Promise<Asked> {
  const { run, clips, clipSettings = null, batchSize = 16, shard, signal, provenance = {} } = options;
  const { progress = silentProgress, baselines } = options;
  const asked: Asked = { contents: new Map(), failed: new Map(), fresh: 0 };
  const started = performance.now();
  const answeredBy: AnsweredBy[] = [];
  for (const { predictor, model, methods } of contestants) {
    const setup = {
      predictor,
      model,
      store,
      clips,
      clipSettings,
      batchSize,
      shard,
      ...(signal && { signal }),
    };
    const dropped: Partial<Record<Method, string>> = {};
    for (const { inquiry, served } of inquiriesOf(evaluation, methods))
      await unlessUnknownWords(served, dropped, () =>
        reported(progress(`${evaluation.id}: ${predictor.name}, ${inquiry.method}`), (report) =>
          askAll(evaluation, inquiry, setup, asked, report),
        ),
      );
    const generated = generatedTexts(evaluation, model, clipSettings, asked, store);
    for (const method of methods)
      if (!(method in dropped))
        await unlessUnknownWords([method], dropped, async () => {
          for (const texts of textsOf(evaluation, generated, method, predictor.embedText !== undefined))
            asked.fresh += await embedAll(texts, evaluation.id, setup);
        });
    const left = methods.filter((method) => !(method in dropped));
    answeredBy.push({ name: predictor.name, model, methods: left, dropped });
  }
  const { training: _learntFrom, part: _read, ...plain } = evaluation;
  await writeManifest(
    run,
    {
      format: 1,
      evaluation: plain,
      answeredBy,
      clipSettings,
      batchSize,
      contents: Object.fromEntries(asked.contents),
      failed: evaluation.items.flatMap(({ id }) => asked.failed.get(id) ?? []),
      baselines: shard.index === 0 && baselines ? await baselines(evaluation) : [],
      seconds: (performance.now() - started) / 1000,
      provenance,
    },
    shard,
  );
  return asked;
}

/** What is asked for the methods, each once, and the methods that it serves. */
function inquiriesOf({ labels = [] }: Evaluation, methods: readonly Method[]) {
  const texts = labels.map(({ text }) => text);
  const all = methods.map((method) => METHODS[method].inquiry(texts));
  const distinct = all.filter(({ method }, i) => all.findIndex((one) => one.method === method) === i);
  return distinct.map((inquiry) => ({
    inquiry,
    served: methods.filter((_, i) => all[i]?.method === inquiry.method),
  }));
}

/** Runs `work`; when a text of the task is unknown to the model, what it serves is dropped, with the reason. */
async function unlessUnknownWords(
  served: readonly Method[],
  dropped: Partial<Record<Method, string>>,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isPengiError(error) || error.code !== 'E_TEXT') throw error;
    for (const method of served) dropped[method] = error.message;
  }
}

function generatedTexts(
  evaluation: Evaluation,
  model: string,
  clipSettings: Json,
  { contents }: Asked,
  store: PredictionStore,
): string[] {
  const generate: Inquiry = { method: 'generate' };
  return evaluation.items.flatMap((item) => {
    const content = contents.get(item.id);
    if (content === undefined) return [];
    const key = clipKey(model, clipSettings, content, generate, promptOf(evaluation, item, generate));
    return store.has(key) ? [store.get(key) as string] : [];
  });
}

async function reported(report: Progress, work: (report: Progress) => Promise<void>): Promise<void> {
  try {
    await work(report);
  } finally {
    report.end();
  }
}
