/**
 * The gradients of the parts of a step. A loss that compares all samples of the batch (CLAP's) needs the rows of the other parts:
 * where one part is all that a process has, the compiled step stops for them; with several parts, keeping what each has computed
 * would take the memory that parts are there to spare, so their rows are computed first, and once more with the gradients.
 */
import { ints, type NdArray, scalar } from '@pengi/core';
import type { Arrays, HostCall } from '@pengi/jit';
import { keysFrom } from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { ALONE } from './communicator.js';
import { mergeParams } from './split.js';
import { assertAnyGradient, type Tensors, taskGradients, unusedPaths } from './step.js';
import type { StepperParts } from './stepper.js';
import type { Contrast, LossValue, TrainOptions, TrainTask } from './task.js';
import { type Found, mapValues } from './update.js';

/** Graphs that stay in memory when the caller does not say. */
export const MAX_GRAPHS = 16;

export type ArraysByPath = Record<string, NdArray>;

/** What steps change. */
export type Moving = { params: Tensors; buffers: Tensors };

/** What a part adds to the step. */
export interface PartInput<B> {
  arrays: Arrays<B>;
  seeds: NdArray;
  weight: number;
}

export interface PartGradients<B> {
  /** Of one part after the other. They are those of the part's loss times its weight, where there are several parts. */
  of(
    current: Arrays<Moving>,
    parts: readonly PartInput<B>[],
    pooled: ArraysByPath,
  ): AsyncIterable<Arrays<Found<Tensor>>>;
  graphs(): number;
  dispose(): Promise<void>;
}

/** The rows of all parts, and the place of each among them followed by the own ones. */
type Gathered = { rows: Tensors; order: Tensor };

export function createPartGradients<P, B>(
  task: TrainTask<P, B>,
  { frozen, onUnused }: Pick<StepperParts, 'frozen' | 'onUnused'>,
  options: TrainOptions,
): PartGradients<B> {
  const { engine, communicator = ALONE, accumulate = 1 } = options;
  const { name, params: template, contrast, statistics } = task;
  const pieces = communicator.size * accumulate;
  const around = (own: Tensors, buffers: Tensors) => ({ ...own, ...buffers });
  const own = frozen as Arrays<Tensors>;
  const naming = {
    name: `the ${pieces > 1 ? 'gradients' : 'training step'} of ${name}`,
    keep: options.maxGraphs ?? MAX_GRAPHS,
  };

  /** @param meet gives the rows of all parts for those of this one */
  const gradients = (
    own: Tensors,
    { params, buffers }: Moving,
    batch: B,
    seeds: Tensor,
    weight: Scalar,
    pooled: Tensors,
    meet?: (rows: Tensors) => Gathered,
  ): Found<Tensor> => {
    const keys = keysFrom(seeds);
    const lossOf = (p: P): LossValue => {
      if (!contrast || !meet) return task.loss(p, batch, keys);
      const mine = contrast.rows(p, batch, keys);
      return contrast.value(p, joined(mine, meet(mine), pieces));
    };
    const outside = around(own, buffers);
    const all =
      statistics && pieces === 1 ? statistics.sums(mergeParams<P>(template, outside, params), batch) : pooled;
    const found = taskGradients(task, params, outside, all, (p) => weighted(lossOf(p), weight, pieces));
    onUnused(unusedPaths(found.grads));
    assertAnyGradient(found.grads);
    const used = Object.entries(found.grads).flatMap(([path, g]) =>
      g ? [[path, g as Tensor] as const] : [],
    );
    return { ...found, grads: Object.fromEntries(used) };
  };

  if (!contrast || pieces === 1) return independent();
  return accumulate === 1 && engine.compileWithHostCall
    ? stopping(engine.compileWithHostCall)
    : twice(contrast);

  function independent(): PartGradients<B> {
    const program = engine.compile(
      (own: Tensors, moving: Moving, batch: B, seeds: Tensor, weight: Scalar, pooled: Tensors) =>
        gradients(own, moving, batch, seeds, weight, pooled),
      own,
      naming,
    );
    return {
      async *of(current, parts, pooled) {
        for (const { arrays, seeds, weight } of parts)
          yield await program.run(current, arrays, seeds, scalar(weight), pooled);
      },
      graphs: () => program.graphs,
      dispose: () => program.dispose(),
    };
  }

  function stopping(compile: NonNullable<typeof engine.compileWithHostCall>): PartGradients<B> {
    const program = compile(
      (
        own: Tensors,
        hostCall: HostCall<Tensors, Gathered>,
        moving: Moving,
        batch: B,
        seeds: Tensor,
        weight: Scalar,
        pooled: Tensors,
      ) =>
        gradients(own, moving, batch, seeds, weight, pooled, (rows) => {
          const all = mapValues(rows, ({ shape: [count, ...row], dtype }) => ({
            shape: [count! * pieces, ...row],
            dtype,
          }));
          const order = { shape: Object.values(all)[0]!.shape.slice(0, 1), dtype: 'int32' as const };
          return hostCall(rows, { rows: all, order } as never);
        }),
      own,
      naming,
    );
    return {
      async *of(current, parts, pooled) {
        const [{ arrays, seeds, weight }] = parts as [PartInput<B>];
        const host = async (rows: ArraysByPath) => {
          const all = await gather([rows]);
          return { rows: all, order: orderOf(all, communicator.rank, pieces) };
        };
        yield await program.run(host as never, current, arrays, seeds, scalar(weight), pooled);
      },
      graphs: () => program.graphs,
      dispose: () => program.dispose(),
    };
  }

  function twice({ rows: rowsOf }: Contrast<P, B>): PartGradients<B> {
    const rows = engine.compile(
      (own: Tensors, { params, buffers }: Moving, batch: B, seeds: Tensor, pooled: Tensors) => {
        const whole = mergeParams<P>(template, around(own, buffers), params);
        const { seen } = statistics?.apply(whole, pooled) ?? { seen: {} };
        const used = mergeParams<P>(template, around(own, buffers), params, seen);
        return rowsOf(used, batch, keysFrom(seeds));
      },
      own,
      { ...naming, name: `the embeddings of ${name}` },
    );
    const program = engine.compile(
      (
        own: Tensors,
        moving: Moving,
        batch: B,
        seeds: Tensor,
        weight: Scalar,
        pooled: Tensors,
        gathered: Gathered,
      ) => gradients(own, moving, batch, seeds, weight, pooled, () => gathered),
      own,
      naming,
    );
    return {
      async *of(current, parts, pooled) {
        const each: ArraysByPath[] = [];
        for (const { arrays, seeds } of parts) each.push(await rows.run(current, arrays, seeds, pooled));
        const all = await gather(each);
        for (const [i, { arrays, seeds, weight }] of parts.entries()) {
          const order = orderOf(all, communicator.rank * accumulate + i, pieces);
          const gathered = { rows: all, order } as Arrays<Gathered>;
          yield await program.run(current, arrays, seeds, scalar(weight), pooled, gathered);
        }
      },
      graphs: () => rows.graphs + program.graphs,
      async dispose() {
        await Promise.all([rows.dispose(), program.dispose()]);
      },
    };
  }

  /** The rows of all parts of all processes, which have equal numbers of them. */
  async function gather(own: readonly ArraysByPath[]): Promise<ArraysByPath> {
    const all: ArraysByPath = {};
    for (const [key, { dtype, shape, data }] of Object.entries(own[0]!)) {
      const [count, ...row] = shape as [number, ...number[]];
      const mine = new (data.constructor as new (length: number) => Float32Array)(own.length * data.length);
      for (const [i, part] of own.entries()) mine.set(part[key]!.data as Float32Array, i * data.length);
      const joined = await communicator.allGather(mine);
      all[key] = { dtype, shape: [count * pieces, ...row], data: joined } as NdArray;
    }
    return all;
  }
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
 */
function joined(own: Tensors, { rows: gathered, order }: Gathered, pieces: number): Tensors {
  return mapValues(own, (rows, name) => {
    const all = gathered[name]!;
    if (rows.dtype !== 'float32') return all;
    return tf.gather(tf.concat([all, withGradientTimes(rows, pieces)]), order as tf.Tensor1D);
  });
}

/** [rows of all] the place of each row among all as they were gathered, followed by the part's own: an input, so that one graph serves all parts. */
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
