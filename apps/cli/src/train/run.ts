/** `pengi train`: a config to a run folder with a model. */
import { join } from 'node:path';
import { saveModelFolder } from '@pengi/checkpoint';
import { isPengiError, type NdArray, type Tree } from '@pengi/core';
import { createSampler } from '@pengi/datasets';
import type { Engine } from '@pengi/jit';
import { cosineWarmupDecay, linearWarmupDecay } from '@pengi/nn';
import type { ExampleClip } from '@pengi/report';
import { type Communicator, partOf, train } from '@pengi/train';
import type { Context } from '../context.js';
import { readClips, stillOf } from '../runs/clips.js';
import { factsFile } from '../runs/facts.js';
import { writeRunReport } from '../runs/report.js';
import type { TrainConfig } from './config.js';
import { openClips, readExamples, sha256Of } from './data.js';
import { chosenSamples, withEvaluation } from './evaluation.js';
import { factsOf, type SampleFacts } from './facts.js';
import { clapStage, languageStage, pengiStage, type Stage, type StageInput } from './stages.js';
import { watched } from './watch.js';

export type TaskName = 'clap' | 'lm' | 'pengi';

export interface RunOptions {
  task: TaskName;
  config: TrainConfig;
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
}

/** @throws PengiError for what is wrong with the data, with the models to start from, or with the run folder */
export async function runTraining(context: Context, options: RunOptions): Promise<RunResult> {
  const { config, task } = options;
  const data = await readExamples(config, context);
  context.say(`${data.training.length} examples to train on, ${data.validation.length} to validate with`);
  const open: { close(): Promise<void> }[] = [];
  const input: StageInput = {
    config,
    data,
    warn: context.warn,
    async clips(frontend) {
      const clips = await openClips(frontend, [...data.training, ...data.validation], config, {
        ...context,
        communicator: options.communicator,
        signal: options.signal,
      });
      open.push(clips);
      return clips.samples(data);
    },
  };
  const engine = await context.engine();
  const fitted = { engine, context, options, dataSha256: sha256Of(data.training) };
  try {
    if (task === 'clap') return await fit(await clapStage(input), fitted);
    if (task === 'lm') return await fit(await languageStage(input), fitted);
    return await fit(await pengiStage(input), fitted);
  } finally {
    await Promise.all(open.map((one) => one.close()));
  }
}

interface FitOptions {
  engine: Engine;
  context: Context;
  options: RunOptions;
  /** Identifies what is trained on. */
  dataSha256: string;
}

async function fit<S extends SampleFacts, Loaded, P, B>(
  stage: Stage<S, Loaded, P, B>,
  { engine, context, options, dataSha256 }: FitOptions,
): Promise<RunResult> {
  const { config, out, resume, signal, task: name, communicator } = options;
  const { modelConfig, samples } = stage;
  const { steps, learningRate, warmupSteps, weightDecay, clipNorm, seed } = config;
  const batch = Math.min(config.batch, samples.training.length);
  const sampler = createSampler({ epochs: samples.training.length }, seed);
  const task = stage.task((step, part) =>
    samples.load(partOf(sampler.batch(step, batch), part).map((i) => samples.training[i]!)),
  );
  const schedule = config.schedule === 'cosine' ? cosineWarmupDecay : linearWarmupDecay;
  const cursor = (step: number) => ({ epochs: (step * batch) / samples.training.length });
  const listened = chosenSamples(samples.validation, seed);
  const evaluated = await withEvaluation(task, stage, { engine, batch, listened, out });
  const facts = await factsOf({ config, samples, dataSha256, engine, listened });
  const first = !communicator || communicator.rank === 0;
  const clips = first ? await readClips(facts) : new Map<string, ExampleClip>();
  const result = await watched(
    context,
    { dir: out, title: task.name, still: stillOf(clips) },
    ({ observers, progress }) =>
      train<P, B>(
        { ...evaluated, cursor },
        {
          engine,
          dir: out,
          steps,
          schedule: schedule({ learningRate, warmupSteps, totalSteps: steps }),
          optimizer: { weightDecay },
          ...(clipNorm === null ? {} : { clipNorm }),
          seed,
          record: { task: name, model: modelConfig, batch, dataSha256 },
          checkpointEvery: config.checkpointEvery,
          evaluateEvery: config.evaluateEvery,
          keep: config.keep,
          ...(evaluated.evaluate && { best: { metric: 'validationLoss', mode: 'min' } }),
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
  };
  if (result.interrupted) return { model: undefined, ...finished };
  const model = join(out, 'model');
  if (!first) return { model, ...finished };
  await saveModelFolder(model, {
    config: modelConfig,
    tensors: result.params as Tree<NdArray>,
    card: {
      title: `${task.name}, trained by pengi train`,
      text: `${steps} steps on ${samples.training.length} examples.`,
    },
  });
  await writeRunReport(out).catch((error: unknown) => {
    if (!isPengiError(error)) throw error;
    context.warn(`there is no report: ${error.line}`); // the model is there, and that is what was wanted
  });
  return { model, ...finished };
}
