import type { StartProgress } from '@pengi/core';
import type { Arrays, Engine } from '@pengi/jit';
import type { AdamOptions, Keys, Schedule } from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import type { BestCriterion } from './best.js';
import type { Communicator, Part } from './communicator.js';
import type { EarlyStop, EarlyStopOptions } from './early-stop.js';
import type { RunObserver } from './observe.js';
import type { BestPoint } from './pointers.js';

/** What is trained: the parameters `P` and a batch `B` are trees of tensors. */
export interface TrainTask<P, B> {
  /** Shown in progress, errors and the run folder. */
  name: string;
  /** Initial values of all parameters, buffers included. */
  params: Arrays<P>;
  /**
   * Patterns (of core's `pathMatcher`) of the parameters that stay as they are; buffers such as `**.running_mean` are
   * named here too. A pattern that matches nothing is an error.
   */
  frozen: readonly string[];
  /** Patterns of parameters that are trained although one of `frozen` matches them, such as adapters beside frozen weights. */
  trained?: readonly string[];
  /**
   * The scalar to minimise, and scalars to log beside it.
   * @param keys for dropout and the like, one seed per sample; undefined where a validation loss is computed
   */
  loss: (params: P, batch: B, keys: Keys | undefined) => LossValue;
  /**
   * The batch of a step; steps count from 0. It must depend on the step alone: that is what makes a resumed run equal to
   * an unbroken one. The next batch is asked for while the current one is in use.
   * @param part given where several processes train together: which part of the step's samples is wanted, see `partOf`
   */
  batch: (step: number, part?: Part) => Promise<Batch<B>>;
  /**
   * How many things a batch's loss is the mean of: so much it counts beside those of other processes. Default: its number
   * of samples.
   */
  weight?: (batch: Arrays<B>) => number;
  /**
   * For a loss that compares the samples of a batch with each other: `loss` as a function of rows, one per sample. With it,
   * processes that have a part of the batch each get the loss of the whole one.
   */
  contrast?: Contrast<P, B>;
  /** Buffers that follow the data instead of staying as they are. */
  statistics?: Statistics<P, B>;
  /**
   * Where the data stand before a step, as JSON, such as the epoch and the place in it. Checkpoints have it, and a resume
   * is refused when it is another.
   */
  cursor?: (step: number) => unknown;
  /**
   * Scores of the parameters after `step` steps.
   * @param signal aborts when the run is to stop: an evaluation that then throws the signal's reason is left out, and made
   *   up for by the run that goes on
   */
  evaluate?: (params: Arrays<P>, step: number, signal?: AbortSignal) => Promise<Evaluation>;
  /**
   * The parameters as a model folder has them, such as with adapters merged into the weights: what `evaluate` and the result
   * get. Default: as they are.
   */
  plain?: (params: Arrays<P>) => Arrays<P>;
}

/** Scores by name, or these and what the model said, to be seen and read. */
export type Evaluation =
  | Readonly<Record<string, number>>
  | { readonly values: Readonly<Record<string, number>>; readonly samples: readonly SampleText[] };

/** What a model under training says of one of a few samples that stay the same all along. */
export interface SampleText {
  readonly id: string;
  readonly prompt: string;
  /** What it should say. */
  readonly target: string;
  readonly answer: string;
}

export type LossValue = Scalar | { loss: Scalar; metrics: Record<string, Scalar> };

/** The two halves of a loss: `loss(params, batch, keys)` is `value(params, rows(params, batch, keys))`. */
export interface Contrast<P, B> {
  /** By name, tensors [B, …] of float32 or int32 with a row for each sample. */
  rows: (params: P, batch: B, keys: Keys | undefined) => Record<string, Tensor>;
  /** @param rows of the whole batch */
  value: (params: P, rows: Record<string, Tensor>) => LossValue;
}

/**
 * Statistics of the whole batch of a step, whatever parts it is computed in, such as those of a batch normalisation of the
 * input. They must not depend on trained parameters.
 */
export interface Statistics<P, B> {
  /** Paths of the buffers that follow them. */
  buffers: readonly string[];
  /** Sums over the samples of a part of the batch; those of all parts are added. */
  sums: (params: P, batch: B) => Record<string, Tensor>;
  /** By path: what the loss of this step sees in place of the buffers, and the buffers after the step. */
  apply: (params: P, sums: Record<string, Tensor>) => Record<'seen' | 'next', Record<string, Tensor>>;
}

export interface Batch<B> {
  arrays: Arrays<B>;
  /** One per sample: seeds are made of them, and errors name them. */
  ids: readonly string[];
}

export interface TrainOptions {
  engine: Engine;
  /** The processes that train together. Default: this one alone. */
  communicator?: Communicator;
  /** How many steps the whole run has. */
  steps: number;
  schedule: Schedule;
  optimizer: AdamOptions;
  /**
   * In how many parts, one after the other, each process computes its samples of a step, for less memory: the numbers are those
   * of all at once up to the order of summation. Default 1.
   */
  accumulate?: number;
  /**
   * Keeps exponential moving averages of the trained parameters, whose former value counts this much (below 1; less in the first
   * steps, see `emaDecayAt`). Evaluations and the result get the averages. Default: none are kept.
   */
  emaDecay?: number;
  /**
   * How many compiled graphs stay in memory, one for each combination of shapes of a batch: the most recently used ones. When
   * there are more shapes, `warn` is told. Default 16.
   */
  maxGraphs?: number;
  /** Ends the run when its evaluations do not get better. */
  earlyStop?: EarlyStopOptions;
  /** Largest global norm of the gradients; larger ones are scaled down to it. Default: no limit. */
  clipNorm?: number;
  seed: number;
  /** The run folder. Without one nothing is written. */
  dir?: string;
  /** What defines the run, as JSON: kept in the run folder, and must be the same when the run is resumed. */
  record?: object;
  /** Steps between checkpoints. One is always written at the end and when interrupted. */
  checkpointEvery?: number;
  /** How many checkpoints stay; default 2, so that there is one to fall back to. */
  keep?: number;
  /**
   * Which of the evaluations' values says what is best: whenever one is better than all before, a checkpoint is written
   * and stays, beside the `keep` newest, until there is a better one.
   */
  best?: BestCriterion;
  /** Versions of the caller's code by name, for checkpoints; those of this package and of what it computes with are there. */
  code?: Readonly<Record<string, string>>;
  /**
   * Go on from the newest checkpoint in `dir`: true demands that there is one and that it is undamaged; `'auto'` starts
   * anew when there is none yet, and falls back to the newest undamaged one, saying so.
   */
  resume?: boolean | 'auto';
  /** Steps between evaluations; default: only at the end. */
  evaluateEvery?: number;
  /** Steps between lines of the log; the first and the last step are always logged. Default 10. */
  logEvery?: number;
  /** Aborting finishes the current step, saves and returns; `withInterrupt` makes Ctrl-C do that. */
  signal?: AbortSignal;
  progress?: StartProgress;
  /** Are told how the run goes; in the first process only. */
  observers?: readonly RunObserver[];
  /** Told what a person should know, such as a skipped step. Default: a line on stderr. */
  warn?: (message: string) => void;
}

export interface TrainResult<P> {
  /** All parameters, the frozen ones included. */
  params: Arrays<P>;
  /** How many steps are done: `steps`, unless interrupted. */
  step: number;
  /** The logged steps since the start of the run, those before a resume included. */
  losses: LossPoint[];
  evaluations: EvaluationPoint[];
  /** The best evaluation, where `best` says what that is. Its parameters: `checkpointParams(dir, 'best', params)`. */
  best: BestPoint | undefined;
  /** Steps that were left out because their loss or gradient was not finite. */
  skipped: number;
  /** What the evaluations said, if the run was to stop early. */
  earlyStop: EarlyStop | undefined;
  /** Graphs compiled in this process: one, or a few, for each combination of shapes of a batch. */
  graphs: number;
  /** Time spent since the start of the run, without the breaks. */
  seconds: number;
  interrupted: boolean;
}

/** The loss of the `step`-th step; counted from 1, as everywhere where people read it. */
export interface LossPoint {
  step: number;
  loss: number;
}

export interface EvaluationPoint {
  step: number;
  values: Record<string, number>;
}

/** A step that was left out. */
export interface SkippedStep {
  step: number;
  ids: readonly string[];
}
