/** The stages of one model: the recipes of the command line, with all sources or with one. */
import { join } from 'node:path';
import {
  type Context,
  completeConfig,
  findRecipe,
  type RunResult,
  runTraining,
  type SourceConfig,
  type TaskName,
  type TrainConfigInput,
} from '@pengi/cli';

export interface StagesOptions {
  context: Context;
  /** The folder of the runs. */
  out: string;
  /** The folder of the data sets. */
  sets: string;
  seed: number;
  /** The only source; its share of the steps is what it had among all, so that it is drawn as often. */
  only?: string;
  /** The language model's folder where it is trained already. */
  language?: string;
  signal: AbortSignal;
}

export interface TrainedStages {
  clap: string;
  language: string;
  pengi: string;
  seconds: number;
}

export async function trainStages(options: StagesOptions): Promise<TrainedStages> {
  const { out } = options;
  const done: RunResult[] = [];
  const run = async (name: string, task: TaskName, from?: TrainConfigInput['from']) => {
    const result = await runTraining(options.context, {
      task,
      config: configOf(name, options, from),
      out: join(out, name),
      resume: true,
      signal: options.signal,
    });
    options.signal.throwIfAborted();
    done.push(result);
    return result.model as string;
  };
  const clap = await run('mini-clap', 'clap');
  const language = options.language ?? (await run('mini-lm', 'lm'));
  const pengi = await run('mini-pengi', 'pengi', { clap, language });
  return { clap, language, pengi, seconds: done.reduce((sum, { seconds }) => sum + seconds, 0) };
}

function configOf(name: string, { sets, seed, only }: StagesOptions, from?: TrainConfigInput['from']) {
  const { config } = findRecipe(name);
  const { weights, sources = {} } = config.data;
  const shares = weights as Readonly<Record<string, number>>;
  const total = Object.values(shares).reduce((sum, share) => sum + share, 0);
  const own: Partial<TrainConfigInput> =
    only === undefined
      ? {
          data: { ...config.data, validation: shownSources(sources), validationLimit: 60 },
          evaluateEvery: 350,
        }
      : {
          data: { ...config.data, sources: { [only]: sources[only]! }, weights: { [only]: 1 } },
          steps: Math.round(((config.steps as number) * shares[only]!) / total),
        };
  const input: TrainConfigInput = { ...config, ...own, seed, ...(from && { from }) };
  return completeConfig({ ...input, data: { ...input.data, sets } }, sets, name);
}

/**
 * Recordings of the tests, for the curves and samples of the runs' reports. Nothing is decided by them: the steps are as many as
 * the recipe says, and the last parameters are the result.
 */
function shownSources(sources: Readonly<Record<string, SourceConfig>>): Record<string, SourceConfig> {
  const others = {
    esc50: { folds: [5] },
    digits: { splits: ['test'] },
    nsynth: { splits: ['valid', 'test'] },
  };
  return Object.fromEntries(
    Object.entries(others).map(([name, other]) => [name, { ...sources[name]!, ...other }]),
  );
}
