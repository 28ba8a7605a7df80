/** `pengi bench`: data and models into the runner, results into a folder. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import {
  ALTERATIONS,
  type Alteration,
  alteredClips,
  BENCHMARK_TASKS,
  type BenchmarkTask,
  type BenchOptions,
  benchmarkTask,
  createClipSource,
  type Evaluation,
  grounding,
  groundingTable,
  loadTask,
  type Method,
  methodsFor,
  type Provenance,
  parseChoices,
  promptTable,
  promptVariants,
  readWordings,
  resultTable,
  runBench,
  type ScoredRun,
  type Shard,
  scoreRun,
  shuffledRecordings,
  simpleBaselines,
  type TaskResult,
  tasksIn,
  writeReports,
} from '@pengi/bench';
import { createRng, isPengiError, PengiError } from '@pengi/core';
import { writeFileAtomic } from '@pengi/core/node';
import { createJavaScorer } from '@pengi/metrics/java';
import { launcherOf } from '@pengi/mpi';
import type { Context } from '../context.js';
import { programsFolder, resultsFolder } from '../metrics/install.js';
import { commit, ownVersion } from '../versions.js';
import { type LoadedModel, loadContestant } from './predictors.js';

export interface BenchSettings {
  /** "all", or ids. */
  readonly tasks: 'all' | readonly string[];
  readonly model: string;
  /** Other models to stand beside it. */
  readonly clap?: string;
  readonly data: string;
  readonly out: string;
  readonly method?: Method;
  readonly prompt?: string;
  readonly wordings?: string;
  /** Such as "dcase17-task4.split=testing": of what the paper leaves open. */
  readonly choose?: readonly string[];
  readonly batchSize: number;
  readonly crop?: 'start' | 'centre' | 'random';
  readonly seed: number;
  readonly limit?: number;
  readonly shard?: Shard;
  readonly workers?: number;
  readonly beams?: number;
  readonly maxTokens?: number;
  /** Each task with every prompt of Table 11 in place of its own. */
  readonly allPrompts?: boolean;
  /** The same questions about silence, noise and other recordings, in folders of their own. */
  readonly grounding?: boolean;
  readonly baselines: boolean;
  readonly java: boolean;
  readonly signal?: AbortSignal;
}

export interface BenchResult extends ScoredRun {
  /** Tasks that were asked for and not run, and why. */
  readonly skipped: readonly { readonly id: string; readonly reason: string }[];
  readonly model: LoadedModel['card'];
}

/**
 * @throws PengiError E_USAGE, before anything runs, for unknown tasks and those that the model cannot answer; E_NOT_FOUND for
 *   data that are not there (of named tasks; of "all", they are skipped) and when nothing is; what the runner throws
 */
export async function bench(context: Context, settings: BenchSettings): Promise<BenchResult> {
  const { data, out, seed, crop, limit, prompt, signal } = settings;
  const wanted = await wantedTasks(settings);
  const skipped = [...wanted.skipped];
  const choices = parseChoices(settings.choose ?? [], wanted.tasks);
  const version = ownVersion();
  const engine = await context.engine();
  const { beams, maxTokens } = settings;
  const decoding = { ...(beams !== undefined && { beams }), ...(maxTokens !== undefined && { maxTokens }) };
  const warn = once((message) => context.warn(message));
  const model = await loadContestant(settings.model, { engine, decoding, version, warn });
  const clap =
    settings.clap === undefined ? undefined : await loadContestant(settings.clap, { engine, version, warn });
  try {
    const wordings = settings.wordings === undefined ? undefined : await readWordings(settings.wordings);
    const evaluations: Evaluation[] = [];
    for (const task of wanted.tasks)
      try {
        methodsFor(model.predictor, task, settings.method);
        const loaded = await loadTask(task, data, {
          training: settings.baselines,
          choices: choices.get(task.id) ?? {},
          ...(prompt !== undefined && { prompt }),
          ...(wordings && { wordings }),
        });
        const evaluation = limit === undefined ? loaded.evaluation : limited(loaded.evaluation, limit, seed);
        evaluations.push(...(settings.allPrompts ? promptVariants(task, evaluation) : [evaluation]));
      } catch (error) {
        // Of "all", what cannot be done is told and left out; what was asked for by name has to be there.
        if (settings.tasks !== 'all' || !isPengiError(error)) throw error;
        skipped.push({ id: task.id, reason: error.message });
      }
    for (const { id, reason } of skipped) context.warn(`${id} is skipped: ${reason}`);
    if (evaluations.length === 0)
      throw new PengiError('E_NOT_FOUND', 'no task can be run', {
        file: data,
        hint: 'pengi bench --list shows where the data come from and how they lie',
      });

    const shard = settings.shard ?? shardOf(process.env);
    const workers = settings.workers ?? Math.min(4, availableParallelism());
    const clips = createClipSource(
      {
        frontend: model.frontend,
        seed,
        ...(crop && { crop }),
      },
      workers,
    );
    try {
      const common: BenchOptions = {
        run: out,
        evaluations,
        predictor: model.predictor,
        identity: model.identity,
        // What stands beside it hears what the model hears only when both hear alike.
        ...(clap && sameHearing(clap, model) && { beside: [clap] }),
        clips,
        clipSettings: {
          crop: crop ?? model.frontend.crop,
          seconds: model.frontend.durationSeconds,
          ...(crop === 'random' && { seed }),
        },
        ...(settings.method && { method: settings.method }),
        batchSize: settings.batchSize,
        ...(shard && { shard }),
        ...(settings.baselines && {
          baselines: (evaluation: Evaluation) =>
            simpleBaselines(evaluation, { workers, progress: context.progress }),
        }),
        provenance: await provenance(settings, model, version, engine.description),
        progress: context.progress,
        warn,
        ...(signal && { signal }),
      };
      await runBench(common);
      if (settings.grounding) for (const how of ALTERATIONS) await runAltered(common, how, seed);
      if (clap && !sameHearing(clap, model))
        context.warn(`${settings.clap} takes other recordings than the model (front end); run it by itself`);
    } finally {
      await clips.close();
    }
    return { ...(await finish(context, out, settings)), skipped, model: model.card };
  } finally {
    await Promise.all([model.dispose(), clap?.dispose()]);
  }
}

/** Where the answers about altered recordings lie. */
function alteredFolder(run: string, how: Alteration): string {
  return join(run, 'grounding', how);
}

async function runAltered(common: BenchOptions, how: Alteration, seed: number): Promise<void> {
  const {
    run,
    evaluations,
    clips,
    clipSettings = null,
    baselines: _none,
    beside: _others,
    ...options
  } = common;
  await runBench({
    ...options,
    run: alteredFolder(run, how),
    evaluations: how === 'shuffled' ? evaluations.map((one) => shuffledRecordings(one, seed)) : evaluations,
    clips: alteredClips(clips, how, seed),
    clipSettings: { altered: how, seed, clips: clipSettings },
  });
}

/** The results beside those about altered recordings, where there are such; also written into the run's folder. */
export async function groundingOf(run: string, results: readonly TaskResult[]): Promise<string | undefined> {
  const altered: Partial<Record<Alteration, readonly TaskResult[]>> = {};
  for (const how of ALTERATIONS)
    if (existsSync(alteredFolder(run, how))) altered[how] = (await scoreRun(alteredFolder(run, how))).results;
  if (Object.keys(altered).length === 0) return undefined;
  const rows = grounding(results, altered);
  await writeFileAtomic(join(run, 'grounding.json'), `${JSON.stringify(rows, null, 2)}\n`);
  return groundingTable(rows);
}

/** Scores what is stored and writes the reports. */
export async function finish(
  context: Context,
  run: string,
  { java = true, examples = true }: { java?: boolean; examples?: boolean } = {},
): Promise<ScoredRun> {
  const scored = await scoreRun(run, {
    ...(java && { external: createJavaScorer({ folder: programsFolder(), cache: resultsFolder() }) }),
    warn: (message) => context.warn(message),
  });
  for (const { id, reason } of scored.unusable) context.warn(`${id}: ${reason}`);
  if (scored.incomplete.length === 0 && scored.results.length > 0)
    await writeReports(run, scored.results, { examples });
  return scored;
}

export async function sayResults(
  context: Context,
  { results, incomplete }: ScoredRun,
  out: string,
): Promise<void> {
  context.data({ out, incomplete, tasks: results.map(withoutItems) });
  if (results.length > 0) context.say(resultTable(results));
  const listened = await groundingOf(out, results);
  if (listened !== undefined)
    context.say(`\ndoes it listen? (scores with other recordings than asked about)\n${listened}`);
  if (results.some(({ id }) => id.includes('~')))
    context.say(`\nevery prompt, in brackets the paper's\n${promptTable(results)}`);
  for (const { id, failed } of results)
    for (const { id: item, code, message } of failed)
      context.warn(`${id}: ${item} failed: ${code} ${message}`);
  for (const line of incomplete)
    context.warn(`${line} processes are done; their results join when the last one is`);
  if (incomplete.length === 0) context.say(`\nreport  ${resolve(out, 'report.html')}`);
}

function withoutItems({ items: _items, ...result }: TaskResult) {
  return result;
}

async function wantedTasks({ tasks, data }: BenchSettings) {
  if (tasks !== 'all') return { tasks: tasks.map(benchmarkTask), skipped: [] };
  const there = await tasksIn(data);
  const isThere = (task: BenchmarkTask) => there.includes(task);
  return {
    tasks: there,
    skipped: BENCHMARK_TASKS.filter((task) => !isThere(task)).map(({ id, dataSet }) => ({
      id,
      reason: `its data set ${dataSet} is not in ${data}`,
    })),
  };
}

/** At most `limit` items, drawn by the seed and kept in their order, so that no class is left out for its place in a list. */
function limited(evaluation: Evaluation, limit: number, seed: number): Evaluation {
  const { items } = evaluation;
  const order = createRng(seed)
    .fork('limit')
    .shuffle(items.map((_, i) => i));
  const kept = new Set(order.slice(0, limit));
  return { ...evaluation, items: items.filter((_, i) => kept.has(i)) };
}

/** Under an MPI launcher: this process's rank and how many there are. */
export function shardOf(env: Readonly<Record<string, string | undefined>>): Shard | undefined {
  const launcher = launcherOf(env);
  if (launcher?.size === undefined || launcher.size === 1) return undefined;
  return { index: Number(env[launcher.variable]), count: launcher.size };
}

function sameHearing({ frontend: a }: LoadedModel, { frontend: b }: LoadedModel): boolean {
  return (
    a.sampleRate === b.sampleRate && a.durationSeconds === b.durationSeconds && a.channels === b.channels
  );
}

async function provenance(
  { seed, model }: BenchSettings,
  { card }: LoadedModel,
  version: string,
  engine: string,
): Promise<Provenance> {
  return { ...card, folder: model, engine, seed, version, ...(await commit()) };
}

function once(say: (message: string) => void): (message: string) => void {
  const said = new Set<string>();
  return (message) => {
    if (said.has(message)) return;
    said.add(message);
    say(message);
  };
}
