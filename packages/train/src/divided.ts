/**
 * One training step in parts: of several processes, each with some samples of the batch, and of micro-batches, which a process
 * computes one after the other. Gradients are summed over all parts and applied by each process in the same way. Parameters
 * are never sent: they begin equal and stay so.
 *
 * The loss is the mean over what all parts hold: with weights w (samples, or tokens) and a part's own mean L,
 * L_all = Σ w L / Σ w. So each part differentiates w L, and the update divides by the sum of the weights.
 */
import { floats, ints, type NdArray, scalar } from '@pengi/core';
import type { Arrays } from '@pengi/jit';
import { keysFrom } from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { ALONE } from './communicator.js';
import { createReducer } from './reduce.js';
import { mergeParams } from './split.js';
import { assertAnyGradient, sampleSeeds, type Tensors, taskGradients, unusedPaths } from './step.js';
import type { Stepper, StepperParts } from './stepper.js';
import type { Batch, LossValue, TrainOptions, TrainTask } from './task.js';
import { createArrayUpdate, createGraphUpdate, type Found, mapValues } from './update.js';

type ArraysByPath = Record<string, NdArray>;

/** Graphs that stay in memory when the caller does not say. */
export const MAX_GRAPHS = 16;

/** What a part adds to the step. */
interface PartInput<B> {
  arrays: Arrays<B>;
  seeds: NdArray;
  weight: number;
}

export function createDividedStepper<P, B>(
  task: TrainTask<P, B>,
  { frozen, state: initial, onUnused }: StepperParts,
  options: TrainOptions,
): Stepper<B> {
  const { engine, communicator = ALONE, seed, accumulate = 1 } = options;
  const { name, params: template, contrast, statistics } = task;
  const pieces = communicator.size * accumulate;
  const around = (own: Tensors, buffers: Tensors) => ({ ...own, ...buffers });
  type Moving = { params: Tensors; buffers: Tensors };
  const keep = options.maxGraphs ?? MAX_GRAPHS;
  const own = frozen as Arrays<Tensors>;

  const sums =
    statistics && pieces > 1
      ? engine.compile(
          (own: Tensors, { params, buffers }: Moving, batch: B) =>
            statistics.sums(mergeParams<P>(template, around(own, buffers), params), batch),
          own,
          { name: `the statistics of ${name}`, keep },
        )
      : undefined;

  const rows =
    contrast && pieces > 1
      ? engine.compile(
          (own: Tensors, { params, buffers }: Moving, batch: B, seeds: Tensor, pooled: Tensors) => {
            const whole = mergeParams<P>(template, around(own, buffers), params);
            const { seen } = statistics?.apply(whole, pooled) ?? { seen: {} };
            const used = mergeParams<P>(template, around(own, buffers), params, seen);
            return contrast.rows(used, batch, keysFrom(seeds));
          },
          own,
          { name: `the embeddings of ${name}`, keep },
        )
      : undefined;

  const gradients = engine.compile(
    (
      own: Tensors,
      { params, buffers }: Moving,
      batch: B,
      seeds: Tensor,
      weight: Scalar,
      pooled: Tensors,
      gathered: { rows?: Tensors; order?: Tensor },
    ): Found<Tensor> => {
      const keys = keysFrom(seeds);
      const lossOf = (p: P): LossValue =>
        contrast && gathered.rows
          ? contrast.value(p, joined(contrast.rows(p, batch, keys), gathered.rows, gathered.order!, pieces))
          : task.loss(p, batch, keys);
      const outside = around(own, buffers);
      const all =
        statistics && pieces === 1
          ? statistics.sums(mergeParams<P>(template, outside, params), batch)
          : pooled;
      const found = taskGradients(task, params, outside, all, (p) => weighted(lossOf(p), weight, pieces));
      onUnused(unusedPaths(found.grads));
      assertAnyGradient(found.grads);
      const used = Object.entries(found.grads).flatMap(([path, g]) =>
        g ? [[path, g as Tensor] as const] : [],
      );
      return { ...found, grads: Object.fromEntries(used) };
    },
    own,
    { name: pieces > 1 ? `the gradients of ${name}` : `the training step of ${name}`, keep },
  );

  const update =
    engine.memory === 'host'
      ? createArrayUpdate(initial, options)
      : createGraphUpdate(engine, initial, options, `the update of ${name}`);
  const reducer = createReducer(communicator);

  return {
    async run({ step, batches, learningRate, stop }) {
      const current = (await update.current()) as Arrays<Moving>;
      const parts = batches.map((batch) => inputOf(batch, step));
      const pooled = sums ? await pool(parts, (part) => sums.run(current, part.arrays)) : {};
      const all = rows
        ? await gather(parts, (part) => rows.run(current, part.arrays, part.seeds, pooled))
        : {};
      let found: Arrays<Found<Tensor>> | undefined;
      for (const [i, { arrays, seeds, weight }] of parts.entries()) {
        const gathered = rows
          ? { rows: all, order: orderOf(all, communicator.rank * accumulate + i, pieces) }
          : {};
        found = await gradients.run(current, arrays, seeds, scalar(weight), pooled, gathered as never);
        if (i < parts.length - 1) reducer.add(summands(found));
      }
      const weight = parts.reduce((total, part) => total + part.weight, 0);
      const { total, weights, stops } = await sumAll(found! as Found<NdArray>, weight, stop);
      return { output: await update.run(total, weights, learningRate), stop: stops };
    },
    state: update.state,
    graphs: () => [sums, rows, gradients].reduce((count, program) => count + (program?.graphs ?? 0), 0),
    async dispose() {
      await Promise.all([sums, rows, gradients, update].map((program) => program?.dispose()));
    },
  };

  function inputOf({ arrays, ids }: Batch<B>, step: number): PartInput<B> {
    const weight = contrast || pieces === 1 ? 1 : (task.weight?.(arrays) ?? ids.length);
    return { arrays, seeds: sampleSeeds(seed, step, ids), weight };
  }

  /** Small arrays of each part, summed over all parts. */
  async function pool(
    parts: readonly PartInput<B>[],
    compute: (part: PartInput<B>) => Promise<ArraysByPath>,
  ): Promise<ArraysByPath> {
    const own = await inTurn(parts, compute);
    const names = Object.keys(own[0]!);
    const sum = createReducer(communicator);
    for (const part of own.slice(0, -1)) sum.add(names.map((key) => part[key]!));
    const summed = await sum.finish(names.map((key) => own.at(-1)![key]!));
    return Object.fromEntries(names.map((key, i) => [key, summed[i]!]));
  }

  /** The rows of all parts of all processes, which have equal numbers of them. */
  async function gather(
    parts: readonly PartInput<B>[],
    compute: (part: PartInput<B>) => Promise<ArraysByPath>,
  ): Promise<ArraysByPath> {
    const own = await inTurn(parts, compute);
    const all: ArraysByPath = {};
    for (const [key, { dtype, shape, data }] of Object.entries(own[0]!)) {
      const [B, ...row] = shape as [number, ...number[]];
      const mine = new (data.constructor as new (length: number) => Float32Array)(own.length * data.length);
      for (const [i, part] of own.entries()) mine.set(part[key]!.data as Float32Array, i * data.length);
      const joined = await communicator.allGather(mine);
      all[key] = { dtype, shape: [B * pieces, ...row], data: joined } as NdArray;
    }
    return all;
  }

  async function sumAll(last: Found<NdArray>, weight: number, stop: boolean) {
    if (pieces === 1) return { total: last, weights: weight, stops: stop };
    // Every part has recorded the same function, so the order of the keys is the same.
    const summed = await reducer.finish([...summands(last), floats([weight, Number(stop)])]);
    const [paths, names] = [Object.keys(last.grads), Object.keys(last.metrics)];
    const named = (keys: string[], values: NdArray[]) =>
      Object.fromEntries(keys.map((key, i) => [key, values[i]!]));
    const [weights, stops] = summed.at(-1)!.data as Float32Array;
    const total: Found<NdArray> = {
      grads: named(paths, summed.slice(0, paths.length)),
      loss: summed[paths.length]!,
      metrics: named(names, summed.slice(paths.length + 1, -1)),
      buffers: last.buffers,
    };
    return { total, weights: weights!, stops: stops! > 0 };
  }
}

function summands({ grads, loss, metrics }: Found<NdArray>): NdArray[] {
  return [...Object.values(grads), loss, ...Object.values(metrics)];
}

async function inTurn<A, C>(items: readonly A[], work: (item: A) => Promise<C>): Promise<C[]> {
  const results: C[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

function weighted(
  value: LossValue,
  weight: Scalar,
  pieces: number,
): { loss: Scalar; metrics: Record<string, Scalar> } {
  const { loss, metrics } = value instanceof tf.Tensor ? { loss: value, metrics: {} } : value;
  if (pieces === 1) return { loss, metrics };
  const times = (x: Tensor) => tf.mul(x, weight) as Scalar;
  return { loss: times(loss), metrics: mapValues(metrics, times) };
}

/**
 * The rows of the whole batch: those of the other parts as they were gathered, in the place of this part's own what depends
 * on the parameters.
 *
 * With the value f of the whole batch, its gradient is Σ_r ∂f/∂rows_r · ∂rows_r/∂θ + ∂f/∂θ, where part r computes its
 * term of the sum and all of the last one. As the mean over the parts is taken, the rows' gradients count as many times as
 * there are parts.
 * @param order [rows of all] int32: the place of each row among `gathered` followed by this part's own. An input, so that one
 *   graph serves all parts
 */
function joined(own: Tensors, gathered: Tensors, order: Tensor, pieces: number): Tensors {
  return mapValues(own, (rows, name) => {
    const all = gathered[name]!;
    if (rows.dtype !== 'float32') return all;
    return tf.gather(tf.concat([all, withGradientTimes(rows, pieces)]), order as tf.Tensor1D);
  });
}

/** `order` of `joined` for a part. */
function orderOf(gathered: ArraysByPath, part: number, pieces: number): NdArray<'int32'> {
  const total = Object.values(gathered)[0]!.shape[0]!;
  const size = total / pieces;
  const isOwn = (i: number) => Math.floor(i / size) === part;
  return ints(Array.from({ length: total }, (_, i) => (isOwn(i) ? total + i - part * size : i)));
}

/** x, whose gradient counts `factor` times. */
function withGradientTimes(x: Tensor, factor: number): Tensor {
  return tf.customGrad((value) => ({
    value: tf.clone(value as Tensor),
    gradFunc: (dy) => tf.mul(dy, factor),
  }))(x);
}
