/** `pengi train`: a config to a run folder with a model. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { saveModelFolder } from '@pengi/checkpoint';
import { isPengiError, type NdArray, type Tree } from '@pengi/core';
import { cosineWarmupDecay, linearWarmupDecay } from '@pengi/nn';
import type { ExampleClip } from '@pengi/report';
import {
  type BestPoint,
  type Communicator,
  checkpointParams,
  type TrainResult,
  type TrainTask,
  train,
} from '@pengi/train';
import type { Context } from '../context.js';
import { readClips, stillOf } from '../runs/clips.js';
import { factsFile } from '../runs/facts.js';
import { writeRunReport } from '../runs/report.js';
import type { RunConfig } from './config.js';
import { type HeldExample, openData, type TrainData } from './data.js';
import { chosenSamples, withEvaluation } from './evaluation.js';
import { factsOf, type ListenedSample } from './facts.js';
import { openClips } from './samples.js';
import { clapStage, languageStage, pengiStage, type Stage, type StageInput } from './stages.js';
import { watched } from './watch.js';

export type TaskName = 'clap' | 'lm' | 'pengi';

export interface RunOptions {
  task: TaskName;
  config: RunConfig;
  /** The run folder; the finished model is in `model` below it. */
  out: string;
  resume: boolean;
  signal: AbortSignal;
  /** The processes that train together; default: this one alone. */
  communicator?: Communicator;
}

export interface RunResult {
  /** undefined when interrupted */
  model: string | undefined;
  steps: number;
  loss: number | undefined;
  validationLoss: number | undefined;
  seconds: number;
  /** The best evaluation, if there were any. */
  best?: BestPoint;
  /** Whether the run ended since evaluations got no better. */
  stoppedEarly?: boolean;
}

/** @throws PengiError for what is wrong with the data, with the models to start from, or with the run folder */
export async function runTraining(context: Context, options: RunOptions): Promise<RunResult> {
  const { config, task, signal, communicator } = options;
  const data = await openData(config, task === 'lm' ? 'clip' : config.data.unit, context);
  const open: { close(): Promise<void> }[] = [data];
  try {
    const { training, validation } = data;
    const batch = Math.min(config.batch, training.length);
    context.say(
      `${training.length} examples to train on, ${validation?.examples.length ?? 0} to validate with`,
    );
    const input: StageInput = {
      config,
      data,
      batch,
      warn: context.warn,
      async clips(frontend) {
        const clips = await openClips(frontend, data, config, { ...context, communicator, signal });
        open.push(clips);
        return clips;
      },
    };
    const fitted = { data, batch, context, options };
    if (task === 'clap') return await fit(await clapStage(input), fitted);
    if (task === 'lm') return await fit(await languageStage(input), fitted);
    return await fit(await pengiStage(input), fitted);
  } finally {
    for (const one of open.reverse()) await one.close();
  }
}

interface FitOptions {
  data: TrainData;
  batch: number;
  context: Context;
  options: RunOptions;
}

async function fit<Loaded, P, B>(
  stage: Stage<Loaded, P, B>,
  { data, batch, context, options }: FitOptions,
): Promise<RunResult> {
  const { config, out, resume, signal, task: name, communicator } = options;
  const { modelConfig, samples } = stage;
  const { length, fingerprint } = data.training;
  const steps = config.steps ?? Math.ceil(((config.epochs as number) * length) / batch);
  const engine = await context.engine();
  const first = !communicator || communicator.rank === 0;
  const task = stage.task((step, part) => samples.batch(step, batch, part));
  const listened = chosenSamples(await listenable(samples.held, data), config.seed);
  const places = listened.map(({ place }) => place);
  const evaluated = await withEvaluation(task, stage, { engine, batch, listened: places, out });
  const facts = await factsOf({ config, data, held: samples.held, engine, listened });
  const clips = first ? await readClips(facts) : new Map<string, ExampleClip>();
  const best = evaluated.evaluate && bestOf(config);
  const dataSha256 = createHash('sha256').update(fingerprint).digest('hex');
  const result = await watched(
    context,
    { dir: out, title: task.name, still: stillOf(clips) },
    ({ observers, progress }) =>
      train<P, B>(
        { ...evaluated, cursor: (step) => ({ epochs: (step * batch) / length }) },
        {
          engine,
          dir: out,
          steps,
          ...trainOptions(config, steps),
          record: { task: name, model: modelConfig, batch, dataSha256 },
          ...(best && { best }),
          resume: resume ? 'auto' : false,
          signal,
          ...(communicator && { communicator }),
          observers: [...observers, factsFile(out, facts)],
          progress,
          warn: context.warn,
        },
      ),
  );
  const finished: Omit<RunResult, 'model'> = {
    steps: result.step,
    loss: result.losses.at(-1)?.loss,
    validationLoss: result.evaluations.at(-1)?.values.validationLoss,
    seconds: Math.round(result.seconds * 10) / 10,
    ...(result.best && { best: result.best }),
    ...(result.earlyStop?.stopped && { stoppedEarly: true }),
  };
  if (result.interrupted) return { model: undefined, ...finished };
  const model = join(out, 'model');
  if (first) await saveModel(model, stage, task, result, { context, options, length });
  return { model, ...finished };
}

/** The model folder and the run's report. */
async function saveModel<Loaded, P, B>(
  model: string,
  { modelConfig }: Stage<Loaded, P, B>,
  task: TrainTask<P, B>,
  { params, step, best }: TrainResult<P>,
  { context, options, length }: { context: Context; options: RunOptions; length: number },
): Promise<void> {
  const { config, out } = options;
  const chosen = config.result ?? (config.earlyStop ? 'best' : 'last');
  const isBest = chosen === 'best' && best !== undefined && best.step !== step;
  await saveModelFolder(model, {
    config: modelConfig,
    tensors: (isBest ? await bestParams(out, task) : params) as Tree<NdArray>,
    card: {
      title: `${task.name}, trained by pengi train`,
      text: `${isBest ? `Step ${best.step} of ${step}` : `${step} steps`} on ${length} examples.`,
    },
  });
  await writeRunReport(out).catch((error: unknown) => {
    if (!isPengiError(error)) throw error;
    context.warn(`there is no report: ${error.line}`); // the model is there, and that is what was wanted
  });
}

/** What `train` is told of a config, but for where and with what it runs. */
function trainOptions(config: RunConfig, steps: number) {
  const { learningRate, warmupSteps, floor, beta2, weightDecay, noDecay, rates, clipNorm } = config;
  const { emaDecay, earlyStop } = config;
  const schedule = config.schedule === 'cosine' ? cosineWarmupDecay : linearWarmupDecay;
  return {
    schedule: schedule({ learningRate, warmupSteps, totalSteps: steps, floor }),
    optimizer: {
      beta2,
      weightDecay,
      ...(noDecay && { noDecay }),
      ...(rates && { groups: Object.entries(rates).map(([match, rate]) => ({ match: [match], rate })) }),
    },
    ...(clipNorm !== null && { clipNorm }),
    ...(emaDecay !== undefined && { emaDecay }),
    ...(earlyStop && { earlyStop }),
    seed: config.seed,
    accumulate: config.accumulate,
    checkpointEvery: config.checkpointEvery,
    evaluateEvery: config.evaluateEvery,
    keep: config.keep,
  };
}

function bestOf({ earlyStop }: RunConfig) {
  const { metric = 'validationLoss', mode = 'min' } = earlyStop ?? {};
  return { metric, mode } as const;
}

async function bestParams<P, B>(out: string, { params, plain }: TrainTask<P, B>) {
  const found = await checkpointParams<P>(out, 'best', params);
  return plain?.(found) ?? found;
}

/** What is known of validation samples, with the file of those that are files. */
async function listenable(
  held: readonly HeldExample[],
  { validation }: TrainData,
): Promise<ListenedSample[]> {
  const { sources } = validation?.mixture ?? { sources: [] };
  return Promise.all(
    held.map(async ({ set, texts, source, index }, place) => {
      const { id, prompt, target } = texts[0]!;
      const { file } = sources[source]!.isFiles ? await sources[source]!.read(index) : { file: undefined };
      return { id: `${set}/${id}`, prompt, target, audio: file, place };
    }),
  );
}
