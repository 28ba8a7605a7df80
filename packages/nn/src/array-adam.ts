/**
 * Adam on arrays in memory, in WebAssembly: what `adamUpdate` does in a graph, in place and in one pass over memory, where
 * the graph's operators take some fifteen.
 */
import { type NdArray, PengiError, WASM_PAGE, type WasmExports, wasmModule } from '@pengi/core';
import { ADAM_WASM } from './adam-wasm.js';
import { ADAM_DEFAULTS, type AdamOptions, parameterRules } from './optimizer.js';

/** float32 arrays by path. */
type Floats = Readonly<Record<string, NdArray>>;

export interface ArrayAdamState {
  readonly params: Floats;
  readonly m: Floats;
  readonly v: Floats;
  /** Exponential moving averages of `params`, if wanted. */
  readonly ema?: Floats | undefined;
}

export interface ArrayAdamStep {
  /** Of the step, counted from 1: the moments' correction depends on it. */
  readonly step: number;
  readonly learningRate: number;
  /** What the gradients are multiplied by. */
  readonly factor: number;
  /** How much the former average counts in `ema`. */
  readonly emaDecay?: number | undefined;
}

/** Passes over float32 arrays. Owns some memory and is not reentrant. */
export interface ArrayAdam {
  /** Σ x² over all arrays, in float64; NaN or infinite if any value is. */
  sumOfSquares(arrays: Floats): number;
  /** One step of Adam: the arrays of `state` are overwritten, moments and parameters at the paths of `grads`, averages at all. */
  update(state: ArrayAdamState, grads: Floats, step: ArrayAdamStep): void;
}

interface Exports extends WasmExports {
  sumOfSquares(x: number, count: number): number;
  adam(p: number, g: number, m: number, v: number, count: number, ...constants: number[]): void;
  average(average: number, x: number, count: number, decay: number, rest: number): void;
}

const instantiate = wasmModule<Exports>(ADAM_WASM);

/** Values that go through the kernels at once: four arrays of them stay in the second-level cache. */
const CHUNK = 16384;
const FIRST = 1024; // what the compiler keeps for itself lies below

/** @throws PengiError E_ENGINE where there is no WebAssembly with SIMD */
export function createArrayAdam(options: AdamOptions): ArrayAdam {
  const kernels = loaded();
  const windows = windowsOf(kernels.memory, 4);
  const [x, g, m, v] = windows;
  const ruleOf = parameterRules(options);
  const { beta1, beta2, epsilon } = { ...ADAM_DEFAULTS, ...options };

  return {
    sumOfSquares(arrays) {
      let sum = 0;
      for (const { data } of Object.values(arrays))
        inChunks(data.length, (from, count) => {
          x.read(data as Float32Array, from, count);
          sum += kernels.sumOfSquares(x.at, count);
        });
      return sum;
    },
    update(state, grads, { step, learningRate, factor, emaDecay }) {
      const correction = 1 / Math.sqrt(1 - beta2 ** step);
      for (const [path, { data, shape }] of Object.entries(grads)) {
        const { rate, weightDecay } = ruleOf(path, shape);
        const own = learningRate * rate;
        const stepSize = own / (1 - beta1 ** step);
        const kept = 1 - own * weightDecay;
        const [p, first, second] = [state.params, state.m, state.v].map((arrays) => floatsAt(arrays, path));
        inChunks(data.length, (from, count) => {
          x.read(p!, from, count);
          g.read(data as Float32Array, from, count);
          m.read(first!, from, count);
          v.read(second!, from, count);
          // biome-ignore format: the order of the kernel's parameters
          kernels.adam(x.at, g.at, m.at, v.at, count, factor, beta1, 1 - beta1, beta2, 1 - beta2, correction, epsilon, stepSize, kept);
          x.write(p!, from, count);
          m.write(first!, from, count);
          v.write(second!, from, count);
        });
      }
      if (state.ema && emaDecay !== undefined) moveAverages(state.ema, state.params, emaDecay);
    },
  };

  function moveAverages(ema: Floats, params: Floats, decay: number): void {
    for (const [path, { data }] of Object.entries(ema)) {
      const p = floatsAt(params, path);
      inChunks(data.length, (from, count) => {
        x.read(p, from, count);
        m.read(data as Float32Array, from, count);
        kernels.average(m.at, x.at, count, decay, 1 - decay);
        m.write(data as Float32Array, from, count);
      });
    }
  }
}

function loaded(): Exports {
  const kernels = instantiate();
  if (!kernels) throw new PengiError('E_ENGINE', 'this machine has no WebAssembly with SIMD');
  return kernels;
}

/** A part of the kernels' memory that holds a chunk of an array. */
interface Window {
  readonly at: number;
  /** Copies values in; up to a whole vector, the values after them are 0. */
  read(data: Float32Array, from: number, count: number): void;
  /** Copies values out. */
  write(data: Float32Array, from: number, count: number): void;
}

function windowsOf(memory: Exports['memory'], count: 4): [Window, Window, Window, Window] {
  const missing = FIRST + 4 * CHUNK * count - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / WASM_PAGE));
  const window = (i: number): Window => {
    const at = FIRST + 4 * CHUNK * i;
    const values = new Float32Array(memory.buffer, at, CHUNK);
    return {
      at,
      read(data, from, length) {
        values.set(data.subarray(from, from + length));
        values.fill(0, length, Math.ceil(length / 4) * 4);
      },
      write: (data, from, length) => data.set(values.subarray(0, length), from),
    };
  };
  return [window(0), window(1), window(2), window(3)];
}

function inChunks(length: number, work: (from: number, count: number) => void): void {
  for (let from = 0; from < length; from += CHUNK) work(from, Math.min(CHUNK, length - from));
}

function floatsAt(arrays: Floats, path: string): Float32Array {
  return arrays[path]!.data as Float32Array;
}
