/**
 * One training step in parts: of several processes, each with some samples of the batch, and of micro-batches, which a process
 * computes one after the other. Gradients are summed over all parts and applied by each process in the same way. Parameters
 * are never sent: they begin equal and stay so.
 *
 * The loss is the mean over what all parts hold: with weights w (samples, or tokens) and a part's own mean L,
 * L_all = Σ w L / Σ w. So each part differentiates w L, and the update divides by the sum of the weights.
 */
import { floats, type NdArray } from '@pengi/core';
import type { Arrays } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import { ALONE } from './communicator.js';
import {
  type ArraysByPath,
  createPartGradients,
  MAX_GRAPHS,
  type Moving,
  type PartInput,
} from './part-gradients.js';
import { createReducer } from './reduce.js';
import { mergeParams } from './split.js';
import { sampleSeeds, type Tensors } from './step.js';
import type { Stepper, StepperParts } from './stepper.js';
import type { Batch, TrainOptions, TrainTask } from './task.js';
import { createArrayUpdate, createGraphUpdate, type Found } from './update.js';

export function createDividedStepper<P, B>(
  task: TrainTask<P, B>,
  { frozen, state: initial, onUnused }: StepperParts,
  options: TrainOptions,
): Stepper<B> {
  const { engine, communicator = ALONE, seed, accumulate = 1 } = options;
  const { name, params: template, contrast, statistics } = task;
  const pieces = communicator.size * accumulate;
  const sums =
    statistics && pieces > 1
      ? engine.compile(
          (own: Tensors, { params, buffers }: Moving, batch: B) =>
            statistics.sums(mergeParams<P>(template, { ...own, ...buffers }, params), batch),
          frozen as Arrays<Tensors>,
          { name: `the statistics of ${name}`, keep: options.maxGraphs ?? MAX_GRAPHS },
        )
      : undefined;
  const gradients = createPartGradients(task, { frozen, onUnused }, options);
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
      let found: Arrays<Found<Tensor>> | undefined;
      for await (const next of gradients.of(current, parts, pooled)) {
        if (found) reducer.add(summands(found));
        found = next;
      }
      const weight = parts.reduce((total, part) => total + part.weight, 0);
      const { total, weights, stops } = await sumAll(found! as Found<NdArray>, weight, stop);
      return { output: await update.run(total, weights, learningRate), stop: stops };
    },
    state: update.state,
    graphs: () => (sums?.graphs ?? 0) + gradients.graphs(),
    async dispose() {
      await Promise.all([sums, gradients, update].map((program) => program?.dispose()));
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
