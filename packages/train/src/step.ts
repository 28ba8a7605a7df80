/** The training step as one pure function: forward, backward, clipping and the optimizer's update are one graph. */
import { foldKey, ints, leaves, type NdArray, PengiError, rebuildTree, type Tree } from '@pengi/core';
import {
  type AdamOptions,
  type AdamState,
  adamUpdate,
  clipByGlobalNorm,
  type GradsOf,
  globalNorm,
  keysFrom,
  valueAndGrad,
} from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { mergeParams } from './split.js';
import type { LossValue, TrainTask } from './task.js';

/** Tensors by parameter path. */
export type Tensors = Record<string, Tensor>;

/** What changes from step to step, and what a checkpoint holds. */
export interface StepState {
  params: Tensors;
  /** What follows the data: running statistics. */
  buffers: Tensors;
  adam: AdamState<Tensors>;
  /** Moving averages of `params`, if they are kept. */
  ema?: Tensors;
}

export interface StepOutput {
  loss: Tensor;
  /** Before clipping. */
  gradientNorm: Tensor;
  /** False when loss or gradient is not finite; the state is then the one before. */
  applied: Tensor;
  metrics: Record<string, Tensor>;
}

export interface UpdateOptions {
  optimizer: AdamOptions;
  clipNorm?: number | undefined;
  emaDecay?: number | undefined;
}

export interface StepOptions extends UpdateOptions {
  /** Told, while the step is recorded, which trainable parameters the loss does not depend on. */
  onUnused?: (paths: string[]) => void;
}

/** @throws PengiError E_CONFIG, when it runs, if the loss depends on no trainable parameter */
export function trainingStep<P, B>(
  task: Pick<TrainTask<P, B>, 'params' | 'loss' | 'statistics'>,
  options: StepOptions,
) {
  return function trainingStep(
    frozen: Tensors,
    state: StepState,
    batch: B,
    seeds: Tensor, // [B] int32
    learningRate: Tensor,
  ): { state: StepState; output: StepOutput } {
    const { statistics } = task;
    const around = { ...frozen, ...state.buffers };
    const now = mergeParams<P>(task.params, around, state.params);
    const found = taskGradients(task, state.params, around, statistics?.sums(now, batch) ?? {}, (params) =>
      task.loss(params, batch, keysFrom(seeds)),
    );
    options.onUnused?.(unusedPaths(found.grads));
    return updated(state, found, learningRate, options);
  };
}

/**
 * Loss and gradients of a task, and its buffers after the step.
 * @param around the parameters that are not trained
 * @param sums of the task's statistics over the whole batch; none for a task without them
 */
export function taskGradients<P, B>(
  { params: template, statistics }: Pick<TrainTask<P, B>, 'params' | 'statistics'>,
  trained: Tensors,
  around: Tensors,
  sums: Record<string, Tensor>,
  lossOf: (params: P) => LossValue,
): LossAndGradients {
  const { seen, next } = statistics?.apply(mergeParams<P>(template, around, trained), sums) ?? {
    seen: {},
    next: {},
  };
  const found = lossAndGradients((p) => lossOf(mergeParams<P>(template, around, p, seen)), trained);
  return { ...found, buffers: next };
}

/**
 * The state after one update, or the one before when loss or gradient is not finite.
 * @throws PengiError E_CONFIG when there is no gradient at all
 */
export function updated(
  state: StepState,
  { loss, metrics, grads: raw, buffers }: LossAndGradients,
  learningRate: Tensor,
  { optimizer, clipNorm, emaDecay }: UpdateOptions,
): { state: StepState; output: StepOutput } {
  const { grads, norm } = clipped(raw, clipNorm);
  const next = adamUpdate(state.params, grads, state.adam, learningRate as Scalar, optimizer);
  const applied = tf.logicalAnd(tf.isFinite(loss), tf.isFinite(norm));
  const ema = state.ema && movedAverages(state.ema, next.params, next.state.step, emaDecay ?? 0);
  return {
    state: choose(applied, { params: next.params, buffers, adam: next.state, ...(ema && { ema }) }, state),
    output: { loss, gradientNorm: norm, applied, metrics },
  };
}

/**
 * The weight of the former average at a step, counted from 1: less than `decay` in the first steps, or an average would long be
 * that of the initial values (as TensorFlow's `ExponentialMovingAverage` with `num_updates` has it).
 */
export function emaDecayAt(step: number, decay: number): number {
  return Math.min(decay, (1 + step) / (10 + step));
}

/** `emaDecayAt` of a step that is known inside of the graph only, applied. */
function movedAverages(ema: Tensors, params: Tensors, step: Tensor, decay: number): Tensors {
  const kept = tf.minimum(decay, tf.div(tf.add(step, 1), tf.add(step, 10)));
  const moved = Object.entries(ema).map(([path, average]) => [
    path,
    tf.add(tf.mul(average, kept), tf.mul(params[path]!, tf.sub(1, kept))),
  ]);
  return Object.fromEntries(moved);
}

/** Seeds of a batch, [B] int32: a sample's randomness depends on the run's seed, the step and its id, on nothing else. */
export function sampleSeeds(seed: number, step: number, ids: readonly string[]): NdArray<'int32'> {
  const key = stepKey(seed, step);
  return ints(Int32Array.from(ids, (id) => foldKey(key, id)));
}

/** What the seeds of a step's samples are made of, 32 bits. */
export function stepKey(seed: number, step: number): number {
  return foldKey(foldKey(seed >>> 0, 'train'), step);
}

export interface LossAndGradients {
  loss: Tensor;
  metrics: Record<string, Tensor>;
  grads: GradsOf<Tensors>;
  /** Those that follow the data, after the step. */
  buffers: Tensors;
}

/** The value, its metrics and the gradients. */
function lossAndGradients(
  value: (params: Tensors) => LossValue,
  params: Tensors,
): Omit<LossAndGradients, 'buffers'> {
  const { loss, aux, grads } = valueAndGrad<Tensors, Record<string, Tensor>>((p) => {
    const result = value(p);
    return result instanceof tf.Tensor
      ? { loss: result, aux: {} }
      : { loss: result.loss, aux: result.metrics };
  }, params);
  return { loss, metrics: aux, grads };
}

function clipped(
  grads: GradsOf<Tensors>,
  clipNorm: number | undefined,
): { grads: GradsOf<Tensors>; norm: Scalar } {
  assertAnyGradient(grads);
  return clipNorm === undefined
    ? { grads, norm: globalNorm<Tensors>(grads) }
    : clipByGlobalNorm<Tensors>(grads, clipNorm);
}

/** @throws PengiError E_CONFIG when no parameter has a gradient */
export function assertAnyGradient(grads: GradsOf<Tensors>): void {
  if (unusedPaths(grads).length === Object.keys(grads).length)
    throw new PengiError('E_CONFIG', 'the loss depends on no trainable parameter');
}

/** `next` where `condition` holds, else `former`: selected, not multiplied, since 0 · NaN is NaN. */
function choose<T>(condition: Tensor, next: T, former: T): T {
  const old = new Map(leaves(former as Tree<Tensor>));
  return rebuildTree<T>(next, (path, leaf) => {
    const [a, b] = [leaf as Tensor, old.get(path)!];
    return a === b ? a : tf.where(condition, a, b);
  });
}

/** The parameters without a gradient. */
export function unusedPaths(grads: GradsOf<Tensors>): string[] {
  return Object.keys(grads).filter((path) => grads[path] === null);
}
