/** `pengi train … --data FILE --from MODEL` without a config: defaults for a few dozen to a few thousand recordings of one's own. */
import type { TrainConfigInput } from './config.js';
import type { TaskName } from './run.js';

export interface TrainFlags {
  config?: string;
  recipe?: string;
  data?: string;
  root?: string;
  from?: string;
  sets?: string;
  lora?: number;
  mapperOnly?: boolean;
  patience?: number;
  steps?: number;
  epochs?: number;
  batch?: number;
  learningRate?: number;
  seed?: number;
  out?: string;
  resume?: boolean;
}

/**
 * Everything is gentle: a third of the usual learning rate, an evaluation every 25 steps, and an end when five of them were no
 * better than the best one, which is what the model gets.
 */
const FINE_TUNING = {
  steps: 1000,
  batch: 16,
  learningRate: 3e-4,
  warmupSteps: 20,
  evaluateEvery: 25,
  checkpointEvery: 100,
} as const satisfies Partial<TrainConfigInput>;

const PATIENCE = 5;

/** Parts that stay as they are: with few recordings, what the audio tower hears is better left alone. */
const FROZEN: Readonly<Record<TaskName, readonly string[]>> = {
  clap: [],
  lm: [],
  pengi: ['audio_encoder.base', 'caption_encoder.base', 'caption_decoder.gpt'],
};

/** @param data a manifest @param from a model folder to go on with */
export function fineTuning(task: TaskName, data: string, from: string | undefined): TrainConfigInput {
  return {
    ...FINE_TUNING,
    data: { manifest: data, validation: 0.2 },
    ...(from !== undefined && { from: { model: from } }),
    ...(from !== undefined && FROZEN[task].length > 0 && { frozen: [...FROZEN[task]] }),
    earlyStop: { patience: PATIENCE },
  };
}

/** A config with what the command line says instead. */
export function withFlags(config: TrainConfigInput, flags: TrainFlags): TrainConfigInput {
  const { data, root, from, sets, lora, mapperOnly, patience, steps, epochs, batch, learningRate, seed } =
    flags;
  const { frozen, steps: _, epochs: __, ...others } = config;
  const length = steps !== undefined ? { steps } : epochs !== undefined ? { epochs } : undefined;
  const isAdapted = lora !== undefined || mapperOnly === true;
  return {
    ...others,
    ...(length ?? {
      ...(config.steps && { steps: config.steps }),
      ...(config.epochs && { epochs: config.epochs }),
    }),
    data: {
      ...config.data,
      ...(sets !== undefined && { sets }),
      ...(root !== undefined && { root }),
      ...(data !== undefined && { manifest: data, sources: undefined, weights: undefined }),
    },
    ...(from !== undefined && { from: { model: from } }),
    ...(frozen && !isAdapted && { frozen }),
    ...(lora !== undefined && { lora: { ...config.lora, rank: lora } }),
    ...(mapperOnly !== undefined && { mapperOnly }),
    ...(patience !== undefined && { earlyStop: { ...config.earlyStop, patience } }),
    ...(batch !== undefined && { batch }),
    ...(learningRate !== undefined && { learningRate }),
    ...(seed !== undefined && { seed }),
  };
}
