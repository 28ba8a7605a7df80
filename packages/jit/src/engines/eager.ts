/** Engines that run a function op by op on a TensorFlow.js backend. */
import {
  type DType,
  type DTypeArray,
  leaves,
  type NdArray,
  PengiError,
  rebuildTree,
  type Tree,
} from '@pengi/core';
import { registerRandomKernels } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Arrays, CompileOptions, Engine, EngineName, Program, StepProgram } from '../engine.js';
import { readable, withDeepStacks } from '../graph/readable.js';
import { argumentArrays, assertUsable } from './arguments.js';

/**
 * An engine on a registered TensorFlow.js backend.
 * @param backend its name there
 */
export function createEagerEngine(name: EngineName, backend: string, description: string): Engine {
  registerRandomKernels(backend);

  const run = (fn: () => unknown): unknown =>
    withBackend(backend, () => tf.tidy(() => fn() as tf.TensorContainer)) as unknown;

  return {
    name,
    description,
    memory: 'device',
    compile<Weights, Inputs extends unknown[], Output>(
      fn: (weights: Weights, ...inputs: Inputs) => Output,
      weights: Arrays<Weights>,
      { name: label = fn.name || 'function', quantize }: CompileOptions = {},
    ): Program<Inputs, Output> {
      refuseQuantization(name, quantize);
      const held = lazyUpload<Weights>(backend, weights);
      let disposed = false;
      return {
        graphs: 0,
        async run(...inputs) {
          assertUsable(label, disposed);
          argumentArrays(label, inputs);
          const output = run(() => fn(held.get(), ...upload<Inputs>(inputs)));
          const arrays = download<Arrays<Output>>(output);
          disposeAll(output, held.get());
          return arrays;
        },
        async dispose() {
          disposed = true;
          held.dispose();
        },
      };
    },
    compileStep<Weights, State, Inputs extends unknown[], Output>(
      fn: (weights: Weights, state: State, ...inputs: Inputs) => { state: State; output: Output },
      weights: Arrays<Weights>,
      initial: Arrays<State>,
      { name: label = fn.name || 'step', quantize }: CompileOptions = {},
    ): StepProgram<State, Inputs, Output> {
      refuseQuantization(name, quantize);
      const held = lazyUpload<Weights>(backend, weights);
      const start = lazyUpload<State>(backend, initial);
      let state: State | undefined;
      let disposed = false;
      return {
        graphs: 0,
        async run(...inputs) {
          assertUsable(label, disposed);
          argumentArrays(label, inputs);
          const former = state ?? start.get();
          const next = run(() => fn(held.get(), former, ...upload<Inputs>(inputs))) as {
            state: State;
            output: Output;
          };
          const output = download<Arrays<Output>>(next.output);
          disposeAll([former, next.output], held.get(), next.state);
          state = next.state;
          return output;
        },
        async state() {
          assertUsable(label, disposed);
          return state === undefined ? initial : download<Arrays<State>>(state);
        },
        async dispose() {
          disposed = true;
          if (state !== undefined) disposeAll(state); // disposing twice what it shares with the others is no harm
          start.dispose();
          held.dispose();
        },
      };
    },
  };
}

function refuseQuantization(engine: EngineName, quantize: CompileOptions['quantize']): void {
  if (quantize !== undefined)
    throw new PengiError('E_ENGINE', `the engine "${engine}" has no ${quantize} products`, {
      hint: 'choose the engine "jit", or leave the weights as they are',
    });
}

/** Makes a registered backend, so that switching to it is synchronous from now on; the active one stays. */
export async function ready(backend: string): Promise<void> {
  const former = tf.engine().backendName;
  if (!(await tf.setBackend(backend)))
    throw new PengiError('E_ENGINE', `the backend "${backend}" does not start`);
  if (former) await tf.setBackend(former);
}

/** Runs `fn` with `backend` active. It must not wait: other code may use TensorFlow.js in between. */
function withBackend<T>(backend: string, fn: () => T): T {
  const engine = tf.engine();
  const former = engine.backendName;
  void engine.setBackend(backend); // synchronous for a backend that exists
  try {
    return withDeepStacks(fn);
  } catch (error) {
    throw readable(error, `is not in the ${backend} backend`);
  } finally {
    if (former && former !== backend) void engine.setBackend(former);
  }
}

/** Weights go to the backend at the first use, and stay. */
function lazyUpload<T>(backend: string, arrays: Arrays<T>): { get(): T; dispose(): void } {
  let tensors: T | undefined;
  return {
    get() {
      // Outside of any tidy, or the tensors would go with it.
      tensors ??= withBackend(backend, () => upload<T>(arrays, tf.keep));
      return tensors;
    },
    dispose() {
      if (tensors !== undefined) disposeAll(tensors);
      tensors = undefined;
    },
  };
}

function upload<T>(arrays: unknown, each: (tensor: Tensor) => Tensor = (tensor) => tensor): T {
  return rebuildTree<T>(arrays, (_path, leaf) => {
    const { data, shape, dtype } = leaf as NdArray;
    return each(tf.tensor(data, [...shape], dtype));
  });
}

function download<T>(tensors: unknown): T {
  return rebuildTree<T>(tensors, (_path, leaf): NdArray => {
    const tensor = leaf as Tensor;
    const dtype = tensor.dtype as DType;
    return { dtype, shape: tensor.shape, data: tensor.dataSync().slice() as DTypeArray[DType] };
  });
}

/** Disposes what is not also part of `kept`: a function may hand out its weights and its state. */
function disposeAll(tensors: unknown, ...kept: unknown[]): void {
  const spared = new Set(leaves(kept as Tree<Tensor>).map(([, tensor]) => tensor));
  for (const [, tensor] of leaves(tensors as Tree<Tensor>)) if (!spared.has(tensor)) tensor.dispose();
}
