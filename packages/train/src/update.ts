/** What is done with the gradients of a step: by a graph whose state stays with the engine, or in this process's memory. */
import { type NdArray, scalar } from '@pengi/core';
import type { Arrays, Engine } from '@pengi/jit';
import { createArrayAdam } from '@pengi/nn';
import type { Scalar } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import {
  emaDecayAt,
  type StepOutput,
  type StepState,
  type Tensors,
  type UpdateOptions,
  updated,
} from './step.js';

type ArraysByPath = Record<string, NdArray>;

/** The sums over all parts of a batch, weighted; `weight` is the sum of the weights. */
export interface Found<Leaf> {
  /** Of the parameters that the loss depends on. */
  grads: Record<string, Leaf>;
  loss: Leaf;
  metrics: Record<string, Leaf>;
  /** After the step; not summed. */
  buffers: Record<string, Leaf>;
}

export interface Update {
  /** What a loss needs of the state. The arrays are valid until the next step. */
  current(): Promise<{ params: ArraysByPath; buffers: ArraysByPath }>;
  run(found: Found<NdArray>, weight: number, learningRate: number): Promise<Arrays<StepOutput>>;
  /** Valid until the next step. */
  state(): Promise<Arrays<StepState>>;
  dispose(): Promise<void>;
}

/** As a graph. */
export function createGraphUpdate(
  engine: Engine,
  initial: Arrays<StepState>,
  options: UpdateOptions,
  name: string,
): Update {
  const program = engine.compileStep(
    (
      _none: object,
      state: StepState,
      { grads, loss, metrics, buffers }: Found<tf.Tensor>,
      weight: Scalar,
      learningRate: Scalar,
    ): { state: StepState; output: StepOutput } => {
      const mean = (sums: Tensors) => mapValues(sums, (sum) => tf.div(sum, weight));
      const means = { grads: mean(grads), loss: tf.div(loss, weight), metrics: mean(metrics), buffers };
      return updated(state, means, learningRate, options);
    },
    {},
    initial,
    { name },
  );
  return {
    current: () => program.state() as Promise<{ params: ArraysByPath; buffers: ArraysByPath }>,
    run: (found, weight, learningRate) => program.run(found, scalar(weight), scalar(learningRate)),
    state: () => program.state(),
    dispose: () => program.dispose(),
  };
}

/**
 * In memory, in place, for engines whose arrays lie there anyway: one pass over parameters and moments, where a graph takes
 * fifteen and makes new arrays of all of them at each step.
 * @param state is written to
 */
export function createArrayUpdate(
  state: Arrays<StepState>,
  { optimizer, clipNorm, emaDecay }: UpdateOptions,
): Update {
  const adam = createArrayAdam(optimizer);
  const { params, ema } = state as { params: ArraysByPath; ema?: ArraysByPath };
  const { m, v } = state.adam as unknown as { m: ArraysByPath; v: ArraysByPath };
  const [buffers, counter] = [state.buffers as ArraysByPath, state.adam.step.data as Float32Array];
  return {
    current: async () => ({ params, buffers }),
    async run(found, weight, learningRate) {
      const mean = ({ data }: NdArray) => Math.fround(Number(data[0]) / weight);
      const loss = mean(found.loss);
      // As a graph has it: squares beyond float32 make it infinite, as they would the second moments.
      const norm = Math.fround(Math.sqrt(Math.fround(adam.sumOfSquares(found.grads) / weight ** 2)));
      const applied = Number.isFinite(loss) && Number.isFinite(norm);
      if (applied) {
        const step = counter[0]! + 1;
        counter[0] = step;
        adam.update({ params, m, v, ema }, found.grads, {
          step,
          learningRate,
          factor: (clipNorm === undefined ? 1 : Math.min(1, clipNorm / (norm + 1e-6))) / weight,
          emaDecay: emaDecay === undefined ? undefined : emaDecayAt(step, emaDecay),
        });
        for (const [path, { data }] of Object.entries(found.buffers))
          (buffers[path]!.data as Float32Array).set(data as Float32Array);
      }
      return {
        loss: scalar(loss),
        gradientNorm: scalar(norm),
        applied: { dtype: 'bool', shape: [], data: Uint8Array.of(Number(applied)) },
        metrics: mapValues(found.metrics, (sum) => scalar(mean(sum))),
      };
    },
    state: async () => state,
    dispose: async () => undefined,
  };
}

export function mapValues<A, C>(
  object: Record<string, A>,
  f: (value: A, key: string) => C,
): Record<string, C> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, f(value, key)]));
}
