/** Small random models for the tests, and a way of running them that knows no cache. */
import { createRng, floats, mapTree, type NdArray, type Rng, sizeOf } from '@pengi/core';
import type { Engine } from '@pengi/jit';
import type { ParamSpec } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Gpt2Config } from '../config.js';
import { gpt2Hidden, gpt2Logits } from '../model.js';
import { type Gpt2Params, gpt2Spec } from '../params.js';

export const TINY: Gpt2Config = {
  vocabularySize: 11,
  positions: 40,
  width: 8,
  layers: 2,
  heads: 2,
  dropout: 0.3,
  keptIds: null,
  splitDigits: false,
};

/** Weights so large that distributions are far from uniform and depend on every token. */
export function tinyParams(seed: number, config = TINY): Gpt2Params<NdArray<'float32'>> {
  const rng = createRng(seed);
  return mapTree(gpt2Spec(config), ({ shape }: ParamSpec, name) => {
    const gain = /ln_\w+\.weight$/.test(name) ? 1 : 0;
    const scale = /bias$|ln_/.test(name) ? 0.1 : name.startsWith('w') ? 1 : 0.7;
    return floats(
      randomArray(rng.fork(name), shape, scale).data.map((x) => gain + x),
      shape,
    );
  });
}

export function randomArray(rng: Rng, shape: readonly number[], scale = 1): NdArray<'float32'> {
  return floats(
    Array.from({ length: sizeOf(shape) }, () => rng.normal() * scale),
    shape,
  );
}

/** Log-probabilities [V] in float64 of what follows a prefix [n, C] and some tokens. */
export type NextToken = (
  prefix: NdArray,
  ids: readonly number[],
  options?: { temperature?: number },
) => Promise<number[]>;

/** The whole sequence anew at each call, one sequence at a time. */
export function uncached(engine: Engine, params: Gpt2Params<NdArray>, config = TINY): NextToken {
  const { width: C, vocabularySize: V } = config;
  const table = params.wte.weight.data as Float32Array;
  // Weights as an input, so that all models share the compiled graphs.
  const forward = programOf(engine, config);
  return async (prefix, ids, { temperature = 1 } = {}) => {
    const rows = [...prefix.data, ...ids.flatMap((id) => [...table.subarray(id * C, (id + 1) * C)])];
    const logits = await forward.run(params, floats(rows.map(Number), [1, rows.length / C, C]));
    const last = Array.from(logits.data.slice(-V), (x) => Number(x) / temperature);
    const largest = Math.max(...last);
    const logSum = largest + Math.log(last.reduce((sum, x) => sum + Math.exp(x - largest), 0));
    return last.map((x) => x - logSum);
  };
}

const programs = new WeakMap<Gpt2Config, ReturnType<typeof compile>>();

function programOf(engine: Engine, config: Gpt2Config) {
  const program = programs.get(config) ?? compile(engine, config);
  programs.set(config, program);
  return program;
}

function compile(engine: Engine, config: Gpt2Config) {
  return engine.compile(
    (_none: object, p: Gpt2Params, x: Tensor) => gpt2Logits(p, gpt2Hidden(p, x, config).hidden),
    {},
  );
}
