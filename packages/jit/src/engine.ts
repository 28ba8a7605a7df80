import type { MapLeaves, NdArray } from '@pengi/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Placeholder } from './graph/trace.js';

export type EngineName = 'jit' | 'tensorflow' | 'wasm' | 'cpu';

/** The tree type `T` of tensors, as arrays in memory: what a compiled function takes and gives. */
export type Arrays<T> = MapLeaves<T, Tensor, NdArray>;

type ArrayArguments<Inputs extends unknown[]> = { [K in keyof Inputs]: Arrays<Inputs[K]> };

/** A compiled function. Each new combination of input shapes is compiled at its first call, then remembered. */
export interface Program<Inputs extends unknown[], Output> {
  /**
   * May be called again before it is done.
   * @throws PengiError E_SHAPE for arguments other than trees of arrays, E_KERNEL and E_TRACE for what the engine cannot
   *   run, E_ENGINE when it fails, E_USAGE after `dispose`, E_IO when the weights' files have changed
   */
  run(...inputs: ArrayArguments<Inputs>): Promise<Arrays<Output>>;
  /** How many graphs have been compiled so far, those that were forgotten included; 0 where functions run op by op. */
  readonly graphs: number;
  /** Waits for calls under way, then frees graphs and weights. The program cannot be used afterwards. */
  dispose(): Promise<void>;
}

/** A compiled function with state that stays with the engine from call to call: a training step. */
export interface StepProgram<State, Inputs extends unknown[], Output> {
  /** Calls run one after the other, each from the state that the one before left; one that fails leaves it as it was. */
  run(...inputs: ArrayArguments<Inputs>): Promise<Arrays<Output>>;
  /** The state after the last call. The arrays are not written to by later calls. */
  state(): Promise<Arrays<State>>;
  /** As of a `Program`. */
  readonly graphs: number;
  /** Waits for calls under way, then frees graphs, weights and state. The program cannot be used afterwards. */
  dispose(): Promise<void>;
}

/**
 * A compiled function that stops once, in its middle, and lets the host make arrays out of others: with what processes exchange, for
 * example. What has been computed before is kept, not computed again.
 */
export interface HostCallProgram<Inputs extends unknown[], Asked, Told, Output> {
  /**
   * @param host gets what the function calls it with, and gives arrays of the shapes that the function expects
   * @throws PengiError as of `Program`, E_SHAPE for other arrays from `host`, and what `host` throws
   */
  run(
    host: (asked: Arrays<Asked>) => Promise<Arrays<Told>>,
    ...inputs: ArrayArguments<Inputs>
  ): Promise<Arrays<Output>>;
  /** As of a `Program`. */
  readonly graphs: number;
  dispose(): Promise<void>;
}

/** Stands, in a compiled function, for the call of the host: gives tensors of the shapes `told`. Called exactly once. */
export type HostCall<Asked, Told> = (asked: Asked, told: MapLeaves<Told, Tensor, Placeholder>) => Told;

export interface CompileOptions {
  /** Shown in errors and profiles. */
  name?: string;
  /**
   * Whether weights are laid out anew for fast products (more memory and a slower start, faster calls). Default true;
   * false suits what runs once or twice.
   */
  prepack?: boolean;
  /**
   * How many graphs (one per combination of input shapes) are remembered: the most recently used ones. Each may hold the
   * weights anew. Default 8.
   */
  keep?: number;
  /**
   * "int8": large weights of products are rounded to 8 bits (each output channel has a scale), and so are the factors they
   * meet. Less memory and faster, other numbers: compare before use. Engines other than jit refuse it. Default: not at all.
   */
  quantize?: 'int8' | undefined;
}

/**
 * Runs functions of TensorFlow.js ops. The same function gives the same numbers on every engine, up to the order of
 * summation.
 */
export interface Engine {
  readonly name: EngineName;
  /** What computes: library, version, device, threads. */
  readonly description: string;
  /**
   * Where the state of a `StepProgram` is between calls: in this process's memory ("host"), where passing it to a program costs
   * nothing but what a program returns is a copy, or where the engine computes ("device").
   */
  readonly memory: 'host' | 'device';
  /**
   * Compiles `fn(weights, ...inputs)`. The weights are not passed at each call; arrays that are backed by a file are
   * mapped where the engine can. `fn` must depend on its arguments only: what else it reads is read when it is compiled.
   */
  compile<Weights, Inputs extends unknown[], Output>(
    fn: (weights: Weights, ...inputs: Inputs) => Output,
    weights: Arrays<Weights>,
    options?: CompileOptions,
  ): Program<Inputs, Output>;
  /** Compiles `fn(weights, state, ...inputs)`, which returns the next state and an output. */
  compileStep<Weights, State, Inputs extends unknown[], Output>(
    fn: (weights: Weights, state: State, ...inputs: Inputs) => { state: State; output: Output },
    weights: Arrays<Weights>,
    state: Arrays<State>,
    options?: CompileOptions,
  ): StepProgram<State, Inputs, Output>;
  /** Compiles `fn(weights, hostCall, ...inputs)`. Engines that run op by op cannot stop in a function, and lack this. */
  compileWithHostCall?<Weights, Inputs extends unknown[], Asked, Told, Output>(
    fn: (weights: Weights, hostCall: HostCall<Asked, Told>, ...inputs: Inputs) => Output,
    weights: Arrays<Weights>,
    options?: Omit<CompileOptions, 'quantize'>,
  ): HostCallProgram<Inputs, Asked, Told, Output>;
}

/** The engine, with `quantize` for everything that it compiles. */
export function quantized(engine: Engine, quantize: 'int8'): Engine {
  return {
    name: engine.name,
    description: `${engine.description}, ${quantize}`,
    memory: engine.memory,
    compile: (fn, weights, options) => engine.compile(fn, weights, { ...options, quantize }),
    compileStep: (fn, weights, state, options) =>
      engine.compileStep(fn, weights, state, { ...options, quantize }),
  };
}
