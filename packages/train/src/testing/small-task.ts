/** A small regression for the tests: two linear layers with normalisation and dropout between, and a frozen scale. */
import { createRng, floats } from '@pengi/core';
import type { Engine } from '@pengi/jit';
import {
  constantInit,
  constantRate,
  dropout,
  fold,
  initParams,
  type Keys,
  layerNorm,
  layerNormSpec,
  linear,
  linearSpec,
  type ParamsOf,
  param,
} from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { partOf } from '../communicator.js';
import type { TrainOptions, TrainTask } from '../task.js';

const spec = {
  input: linearSpec(3, 8),
  norm: layerNormSpec(8),
  output: linearSpec(8, 1),
  scale: param([], constantInit(2)),
};
type Params = ParamsOf<typeof spec>;

interface SmallBatch {
  x: Tensor; // [B, 3]
  y: Tensor; // [B, 1]
}

export type SmallTask = TrainTask<Params, SmallBatch>;

export const BATCH_SIZE = 4;

/**
 * @param bad steps (counted from 0) whose first sample holds a NaN
 * @param size samples of a batch
 */
export function smallTask({
  bad = [],
  rate = 0.2,
  size = BATCH_SIZE,
}: {
  bad?: readonly number[];
  rate?: number;
  size?: number;
} = {}) {
  const task: SmallTask = {
    name: 'small',
    params: initParams(spec, 1),
    frozen: ['scale'],
    loss(p: Params, { x, y }: SmallBatch, keys: Keys | undefined) {
      const hidden = tf.tanh(layerNorm(p.norm, linear(p.input, x)));
      const predicted = tf.mul(linear(p.output, dropout(hidden, rate, fold(keys, 'hidden'))), p.scale);
      const error = tf.sub(predicted, y);
      return {
        loss: tf.mean(tf.square(error)) as Scalar,
        metrics: { absoluteError: tf.mean(tf.abs(error)) as Scalar },
      };
    },
    async batch(step, part) {
      const rng = createRng(5).fork(step);
      const x = Float32Array.from({ length: size * 3 }, () => rng.normal());
      const y = Float32Array.from({ length: size }, (_, i) => x[3 * i]! - 2 * x[3 * i + 1]!);
      if (bad.includes(step)) x[0] = Number.NaN;
      const chosen = partOf([...y.keys()], part);
      return {
        arrays: {
          x: floats(
            chosen.flatMap((i) => [...x.subarray(3 * i, 3 * i + 3)]),
            [chosen.length, 3],
          ),
          y: floats(
            chosen.map((i) => y[i]!),
            [chosen.length, 1],
          ),
        },
        ids: chosen.map((i) => `clip-${step}-${i}.wav`),
      };
    },
  };
  return task;
}

/** The run that `stalling-run.ts` begins, for whoever goes on with it. */
export function stallOptions(engine: Engine, dir: string): TrainOptions & { dir: string } {
  const schedule = constantRate(0.01);
  return { engine, steps: 30, schedule, optimizer: {}, seed: 2, dir, checkpointEvery: 5 };
}

/** Options that interrupt the run after `done` of its steps. */
export function interruptedAfter(done: number): Pick<TrainOptions, 'signal' | 'progress'> {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    progress: () => ({
      update(steps) {
        if (steps === done) controller.abort();
      },
      end() {},
    }),
  };
}
