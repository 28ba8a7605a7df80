import { GOLDEN_STEP, sizeOf } from '@pengi/core';
import type { Graph, Value } from '../graph/graph.js';
import { binary, cast } from './elementwise.js';
import { type Kernel, kernel } from './kernel.js';
import { reshape } from './movement.js';

const u32 = (g: Graph, value: number) => g.literal(Uint32Array.of(value), [], 'uint32');

const xor = (g: Graph, a: Value, b: Value) => binary(g, 'BitwiseXor', a, b);
const times = (g: Graph, x: Value, factor: number) => binary(g, 'Mul', x, u32(g, factor));

function shiftRight(g: Graph, x: Value, bits: number): Value {
  return g.op('BitShift', [x, u32(g, bits)], x, { direction: 'RIGHT' });
}

/** murmur3's finalizer, as `fmix32` of @pengi/core, on uint32 arrays. */
function mix(g: Graph, x: Value): Value {
  let h = times(g, xor(g, x, shiftRight(g, x, 16)), 0x85ebca6b);
  h = times(g, xor(g, h, shiftRight(g, h, 13)), 0xc2b2ae35);
  return xor(g, h, shiftRight(g, h, 16));
}

/** `hashUniform` of @pengi/nn, bit for bit, inside the graph. */
const hashUniform = kernel<'seeds', { site: number; shape: number[] }>((g, { seeds }, { site, shape }) => {
  const size = sizeOf(shape);
  const seed = cast(g, reshape(g, seeds, [sizeOf(seeds.shape), 1]), 'uint32');
  const key = mix(g, binary(g, 'Add', mix(g, seed), u32(g, Math.imul(site, GOLDEN_STEP) >>> 0)));
  // The positions as a Range, not as a constant: a dropout of many elements would make a large file.
  const int = (value: number) => g.literal(Int32Array.of(value), [], 'int32');
  const positions = g.op('Range', [int(0), int(size), int(1)], { shape: [size], dtype: 'int32' });
  const bits = mix(g, binary(g, 'Add', key, times(g, cast(g, positions, 'uint32'), GOLDEN_STEP)));
  const uniform = binary(g, 'Mul', cast(g, shiftRight(g, bits, 8), 'float32'), g.scalar(1 / 0x1000000));
  return reshape(g, uniform, [...seeds.shape, ...shape]);
});

export const random: Record<string, Kernel> = { HashUniform: hashUniform };
