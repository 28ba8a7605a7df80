/**
 * One training step of several processes, each with a part of the batch: gradients are computed, summed over the processes,
 * and applied by each in the same way. Parameters are never sent: they begin equal and stay so.
 *
 * The loss is the mean over what all parts hold: with weights w (samples, or tokens) and a process's own mean L,
 * L_all = Σ w L / Σ w. So each process differentiates w L, and the update divides by the sum of the weights.
 */
import { floats, type NdArray, scalar } from '@pengi/core';
import type { Arrays } from '@pengi/jit';
import { keysFrom } from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Communicator } from './communicator.js';
import { createReducer } from './reduce.js';
import { mergeParams } from './split.js';
import {
  lossAndGradients,
  type StepOutput,
  type StepState,
  sampleSeeds,
  type Tensors,
  unusedPaths,
  updated,
} from './step.js';
import type { Stepper, StepperParts } from './stepper.js';
import type { LossValue, TrainOptions, TrainTask } from './task.js';

/** What is summed over the processes, all of it weighted. */
interface Sums {
  /** Of the parameters that the loss depends on. */
  grads: Tensors;
  loss: Tensor;
  metrics: Record<string, Tensor>;
}

export function createParallelStepper<P, B>(
  task: TrainTask<P, B>,
  { frozen, state: initial, onUnused }: StepperParts,
  options: TrainOptions & { communicator: Communicator },
): Stepper<B> {
  const { engine, communicator, seed } = options;
  const { name, params: template, contrast } = task;
  const whole = (own: Tensors, p: Tensors) => mergeParams<P>(template, own, p);

  const rows = contrast
    ? engine.compile(
        (own: Tensors, p: Tensors, batch: B, seeds: Tensor) =>
          contrast.rows(whole(own, p), batch, keysFrom(seeds)),
        frozen as Arrays<Tensors>,
        { name: `the embeddings of ${name}` },
      )
    : undefined;

  const gradients = engine.compile(
    (own: Tensors, p: Tensors, batch: B, seeds: Tensor, weight: Scalar, gathered: Tensors): Sums => {
      const keys = keysFrom(seeds);
      const lossOf = (params: P): LossValue =>
        contrast
          ? contrast.value(params, joined(contrast.rows(params, batch, keys), gathered, communicator))
          : task.loss(params, batch, keys);
      const { grads, loss, metrics } = lossAndGradients((q) => weighted(lossOf(whole(own, q)), weight), p);
      onUnused(unusedPaths(grads));
      const used = Object.entries(grads).flatMap(([path, g]) => (g ? [[path, g as Tensor] as const] : []));
      return { grads: Object.fromEntries(used), loss, metrics };
    },
    frozen as Arrays<Tensors>,
    { name: `the gradients of ${name}` },
  );

  const update = engine.compileStep(
    (
      _none: object,
      state: StepState,
      { grads, loss, metrics }: Sums,
      weight: Scalar,
      learningRate: Scalar,
    ): { state: StepState; output: StepOutput } =>
      updated(
        state,
        { grads: mean(grads, weight), loss: tf.div(loss, weight), metrics: mean(metrics, weight) },
        learningRate,
        options,
      ),
    {},
    initial,
    { name: `the update of ${name}` },
  );

  const reducer = createReducer(communicator);
  return {
    async run({ step, batch: { arrays, ids }, learningRate, stop }) {
      const { params } = await update.state();
      const seeds = sampleSeeds(seed, step, ids);
      const gathered = rows ? await gather(communicator, await rows.run(params, arrays, seeds)) : {};
      const weight = contrast ? 1 : (task.weight?.(arrays) ?? ids.length);
      const own = await gradients.run(params, arrays, seeds, scalar(weight), gathered);
      const { sums, tail } = await sumAll(own, [weight, Number(stop)]);
      const [weights, stops] = tail as [number, number];
      const output = await update.run(sums, scalar(weights), scalar(learningRate));
      return { output, stop: stops > 0 };
    },
    state: () => update.state(),
    async dispose() {
      await Promise.all([rows?.dispose(), gradients.dispose(), update.dispose()]);
    },
  };

  async function sumAll(
    own: Arrays<Sums>,
    numbers: number[],
  ): Promise<{ sums: Arrays<Sums>; tail: number[] }> {
    // Every process has recorded the same function, so the order of the keys is the same.
    const [paths, names] = [Object.keys(own.grads), Object.keys(own.metrics)];
    const summed = await reducer.sum([
      ...paths.map((path) => own.grads[path]!),
      own.loss,
      ...names.map((metric) => own.metrics[metric]!),
      floats(numbers),
    ]);
    const named = (keys: string[], values: NdArray[]) =>
      Object.fromEntries(keys.map((key, i) => [key, values[i]!]));
    const sums = {
      grads: named(paths, summed.slice(0, paths.length)),
      loss: summed[paths.length]!,
      metrics: named(names, summed.slice(paths.length + 1, -1)),
    };
    return { sums, tail: [...summed.at(-1)!.data].map(Number) };
  }
}

function weighted(value: LossValue, weight: Scalar): { loss: Scalar; metrics: Record<string, Scalar> } {
  const { loss, metrics } = value instanceof tf.Tensor ? { loss: value, metrics: {} } : value;
  const times = (x: Scalar) => tf.mul(x, weight) as Scalar;
  return { loss: times(loss), metrics: mapValues(metrics, times) };
}

function mean(sums: Tensors, weight: Scalar): Tensors {
  return mapValues(sums, (sum) => tf.div(sum, weight));
}

/**
 * The rows of the whole batch: those of the others as they were sent, in the place of this process's own what depends on
 * the parameters.
 *
 * With the value f of the whole batch, its gradient is Σ_r ∂f/∂rows_r · ∂rows_r/∂θ + ∂f/∂θ, where process r computes its
 * term of the sum and all of the last one. As the mean over the processes is taken, the rows' gradients count as many times
 * as there are processes.
 */
function joined(own: Tensors, gathered: Tensors, { rank, size }: Communicator): Tensors {
  return mapValues(own, (rows, name) => {
    const all = gathered[name]!;
    const [B, ...row] = rows.shape as [number, ...number[]];
    if (rows.dtype !== 'float32') return all;
    const [before, after] = [rank * B, (size - rank - 1) * B];
    const from = (begin: number, count: number) =>
      tf.slice(all, [begin, ...row.map(() => 0)], [count, ...row]);
    return tf.concat([
      ...(before > 0 ? [from(0, before)] : []),
      withGradientTimes(rows, size),
      ...(after > 0 ? [from(before + B, after)] : []),
    ]);
  });
}

/** x, whose gradient counts `factor` times. */
function withGradientTimes(x: Tensor, factor: number): Tensor {
  return tf.customGrad((value) => ({
    value: tf.clone(value as Tensor),
    gradFunc: (dy) => tf.mul(dy, factor),
  }))(x);
}

/** The rows of all processes, which have parts of equal size. */
async function gather(
  communicator: Communicator,
  own: Record<string, NdArray>,
): Promise<Record<string, NdArray>> {
  const all: Record<string, NdArray> = {};
  for (const [name, { dtype, shape, data }] of Object.entries(own)) {
    const [B, ...row] = shape as [number, ...number[]];
    const joined = await communicator.allGather(data as Float32Array);
    all[name] = { dtype, shape: [B * communicator.size, ...row], data: joined } as NdArray;
  }
  return all;
}

function mapValues<A, C>(object: Record<string, A>, f: (value: A, key: string) => C): Record<string, C> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, f(value, key)]));
}
