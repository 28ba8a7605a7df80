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
  adam: AdamState<Tensors>;
}

export interface StepOutput {
  loss: Tensor;
  /** Before clipping. */
  gradientNorm: Tensor;
  /** False when loss or gradient is not finite; the state is then the one before. */
  applied: Tensor;
  metrics: Record<string, Tensor>;
}

export interface StepOptions {
  optimizer: AdamOptions;
  clipNorm?: number | undefined;
  /** Told, while the step is recorded, which trainable parameters the loss does not depend on. */
  onUnused?: (paths: string[]) => void;
}

/** @throws PengiError E_CONFIG, when it runs, if the loss depends on no trainable parameter */
export function trainingStep<P, B>(
  { params: template, loss }: Pick<TrainTask<P, B>, 'params' | 'loss'>,
  options: StepOptions,
) {
  return function trainingStep(
    frozen: Tensors,
    state: StepState,
    batch: B,
    seeds: Tensor, // [B] int32
    learningRate: Tensor,
  ): { state: StepState; output: StepOutput } {
    const value = (params: Tensors) => loss(mergeParams<P>(template, frozen, params), batch, keysFrom(seeds));
    const found = lossAndGradients(value, state.params);
    options.onUnused?.(unusedPaths(found.grads));
    return updated(state, found, learningRate, options);
  };
}

/**
 * The state after one update, or the one before when loss or gradient is not finite.
 * @throws PengiError E_CONFIG when there is no gradient at all
 */
export function updated(
  state: StepState,
  { loss, metrics, grads: raw }: LossAndGradients,
  learningRate: Tensor,
  { optimizer, clipNorm }: StepOptions,
): { state: StepState; output: StepOutput } {
  const { grads, norm } = clipped(raw, clipNorm);
  const next = adamUpdate(state.params, grads, state.adam, learningRate as Scalar, optimizer);
  const applied = tf.logicalAnd(tf.isFinite(loss), tf.isFinite(norm));
  return {
    state: choose(applied, { params: next.params, adam: next.state }, state),
    output: { loss, gradientNorm: norm, applied, metrics },
  };
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
}

/** The value, its metrics and the gradients. */
export function lossAndGradients(value: (params: Tensors) => LossValue, params: Tensors): LossAndGradients {
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
  if (unusedPaths(grads).length === Object.keys(grads).length)
    throw new PengiError('E_CONFIG', 'the loss depends on no trainable parameter');
  return clipNorm === undefined
    ? { grads, norm: globalNorm<Tensors>(grads) }
    : clipByGlobalNorm<Tensors>(grads, clipNorm);
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
