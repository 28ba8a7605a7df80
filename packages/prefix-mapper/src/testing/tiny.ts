/** Small random mappers for the tests, one of each kind. */
import { createRng, floats, mapTree, type NdArray, type Rng, sizeOf } from '@pengi/core';
import type { ParamSpec } from '@pengi/nn';
import type { MapperConfig } from '../config.js';
import { type MapperParams, mapperSpec } from '../params.js';

const SIZES = { width: 8, prefixLength: 3, inputLength: 2, layers: 2, heads: 2, mlpRatio: 2 };

export const TINY = {
  mlp: { kind: 'mlp', inputs: 5, hidden: 6, width: 8, prefixLength: 3 },
  transformer: { kind: 'transformer', inputs: 5, ...SIZES },
  sequence: { kind: 'sequence', ...SIZES },
} as const satisfies Record<MapperConfig['kind'], MapperConfig>;

export type TinyParams = MapperParams<NdArray<'float32'>>;

export function tinyParams(config: MapperConfig, seed = 1): TinyParams {
  const rng = createRng(seed);
  const spec = mapperSpec(config);
  return mapTree<ParamSpec, NdArray<'float32'>, typeof spec>(spec, ({ shape }, name) => {
    const gain = /norm\d\.weight$/.test(name) ? 1 : 0;
    const scale = shape.length === 1 ? 0.2 : 1 / Math.sqrt(shape[1]!);
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
