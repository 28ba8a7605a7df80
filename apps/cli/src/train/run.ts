import { join } from 'node:path';
import { saveModelFolder } from '@pengi/checkpoint';
import { type ClapConfig, type ClapParams, clapConfigSchema, clapParams, clapSpec, CLAP_PAPER } from '@pengi/clap';
import { flatten, type NdArray, PengiError, validate } from '@pengi/core';
import { type Gpt2Params, gpt2Params, gpt2Spec } from '@pengi/gpt2';
import { withBatchNormStatistics } from '@pengi/htsat';
import type { Arrays, Engine } from '@pengi/jit';
import { cosineWarmupDecay, initParams, type Keys, linearWarmupDecay } from '@pengi/nn';
import { type TrainResult, type TrainTask, train } from '@pengi/train';
import { openModelFolder } from '@pengi/checkpoint';
import type { Scalar } from '@tensorflow/tfjs-core';
import {
  clapTask,
  languageTask,
  PENGI_PAPER,
  type PengiConfig,
  type PengiParams,
  pengiConfigSchema,
  pengiParams,
  pengiSpec,
  pengiTask,
  smallConfigs,
} from 'pengi';
import type { Context } from '../context.js';
import type { TrainConfig } from './config.js';
import { createBatches, type Loaded, readExamples, type TrainData } from './data.js';

export type TaskName = 'clap' | 'lm' | 'pengi';

export interface RunOptions {
  task: TaskName;
  config: TrainConfig;
  /** The run folder. */
  out: string;
  resume: boolean;
  signal: AbortSignal;
}
