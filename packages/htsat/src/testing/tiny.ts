/** Small random encoders for the tests. */
import { createRng, floats, mapTree, type NdArray, type Rng, sizeOf } from '@pengi/core';
import type { ParamSpec } from '@pengi/nn';
import type { HtsatConfig } from '../config.js';
import { type HtsatParams, htsatSpec } from '../params.js';

/** Two pieces of 32 frames; a stage of 2 × 2 windows, whose odd block is shifted, and one of a single window. */
export const TINY: HtsatConfig = {
  specSize: 32,
  mels: 16,
  patchSize: 4,
  embedDim: 8,
  depths: [2, 2],
  heads: [2, 4],
  windowSize: 4,
  mlpRatio: 2,
  classes: 3,
  positionEmbedding: null,
  dropPath: 0.3,
};

export type TinyParams = HtsatParams<NdArray<'float32'>>;

/** Weights of about 1/√inputs, gains and variances about 1, everything else small. `silent` names what is 0. */
export function tinyParams(seed: number, config = TINY, silent = /^$/): TinyParams {
  const rng = createRng(seed);
  return mapTree(htsatSpec(config), ({ shape }: ParamSpec, name) => {
    const [outputs = 1] = shape;
    const isWeight = shape.length > 1 && !/table|embed$/.test(name);
    const isGain = /norm\.weight|norm\d\.weight|bn0\.weight|running_var/.test(name);
    const scale = silent.test(name) ? 0 : isWeight ? Math.sqrt(outputs / sizeOf(shape)) : 0.2;
    return floats(
      randomArray(rng.fork(name), shape, scale).data.map((x) => x + (isGain ? 1 : 0)),
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

export const logMels = (shape: readonly number[]) => randomArray(createRng(5), shape);
