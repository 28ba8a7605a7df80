/**
 * Products with weights of 8 bits. Each column of a weight is cut into blocks of input channels; a block has its own scale
 * and zero point, as ONNX Runtime's `MatMulNBits` wants it, which also rounds the other factor block by block. A quarter
 * of the memory is read, which is what bounds the speed of generating text.
 */
import { sizeOf } from '@pengi/core';
import type { Node, Value } from './graph.js';
import type { Trace } from './trace.js';

/** Input channels that share a scale. GPT-2's products take 22 ms with 32, 18 with 128; the error grows with it. */
const BLOCK = 64;
/** Smaller weights stay as they are: they cost little. */
const MIN_ELEMENTS = 1 << 15;
/** Output channels that are packed together, so that the rows of a weight are read from the cache of the processor. */
const TILE = 16;
/** Rounds the other factor to 8 bits as well; without it the weights would be unpacked at each call. */
const ACCURACY_LEVEL = 4;

/** The trace with products of a matrix and a constant weight replaced by such of 8 bits. */
export function quantizeWeights(recorded: Trace): Trace {
  const constants = new Map(recorded.constants.map((value) => [value.name, value]));
  const packed = new Map<string, [weights: Value, scales: Value, zeroPoints: Value]>();

  const nodes = recorded.nodes.map((node): Node => {
    const weight = constants.get(node.inputs[1]!);
    const layout = weight && layoutOf(node, weight);
    if (!layout) return node;
    const key = `${weight.name} ${layout}`;
    const parts = packed.get(key) ?? pack(weight, layout);
    packed.set(key, parts);
    const [inputs, outputs] = layout === 'in-out' ? weight.shape : [...weight.shape].reverse();
    return {
      type: 'MatMulNBits',
      domain: 'com.microsoft',
      inputs: [node.inputs[0]!, ...parts.map(({ name }) => name)],
      outputs: node.outputs,
      attributes: { K: inputs!, N: outputs!, bits: 8, block_size: BLOCK, accuracy_level: ACCURACY_LEVEL },
    };
  });
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  return {
    ...recorded,
    nodes,
    constants: [...recorded.constants.filter(({ name }) => used.has(name)), ...[...packed.values()].flat()],
  };
}

/** How a weight lies: input channels first, or output channels first. */
type Layout = 'in-out' | 'out-in';

/** Undefined for nodes that are no product of a matrix with a large constant one. */
function layoutOf({ type, attributes, inputs }: Node, weight: Value): Layout | undefined {
  if (weight.dtype !== 'float32' || weight.shape.length !== 2 || sizeOf(weight.shape) < MIN_ELEMENTS)
    return undefined;
  if (type === 'MatMul') return 'in-out';
  return type === 'Gemm' && inputs.length === 2 && attributes.transA === 0 && attributes.transB === 1
    ? 'out-in'
    : undefined;
}

function pack(weight: Value, layout: Layout): [Value, Value, Value] {
  const data = weight.constant!.data as Float32Array; // once: of a file, each time reads it
  const [K, N] = (layout === 'in-out' ? weight.shape : [...weight.shape].reverse()) as [number, number];
  const [stepK, stepN] = layout === 'in-out' ? [N, 1] : [1, K];
  const blocks = Math.ceil(K / BLOCK);
  const weights = new Uint8Array(N * blocks * BLOCK);
  const scales = new Float32Array(N * blocks);
  const zeroPoints = new Uint8Array(N * blocks);
  for (let tile = 0; tile < N; tile += TILE)
    for (let b = 0; b < blocks; b++)
      for (let n = tile; n < Math.min(N, tile + TILE); n++) {
        const start = n * stepN + b * BLOCK * stepK;
        const count = Math.min(BLOCK, K - b * BLOCK);
        const end = start + count * stepK;
        // Zero is always in the range, so that it stays exactly zero.
        let low = 0;
        let high = 0;
        for (let i = start; i < end; i += stepK) {
          const value = data[i]!;
          if (value < low) low = value;
          else if (value > high) high = value;
        }
        const block = n * blocks + b;
        const scale = (high - low) / 255 || 1;
        const zero = Math.round(-low / scale);
        scales[block] = scale;
        zeroPoints[block] = zero;
        let at = block * BLOCK;
        const steps = 1 / scale;
        // The sum is never negative, so that cutting rounds it.
        for (let i = start; i < end; i += stepK) weights[at++] = Math.min(255, data[i]! * steps + zero + 0.5);
        weights.fill(zero, at, (block + 1) * BLOCK);
      }
  const part = (
    suffix: string,
    shape: number[],
    dtype: Value['dtype'],
    values: Uint8Array | Float32Array,
  ): Value => ({
    name: `${weight.name}_${layout}_${suffix}`,
    shape,
    dtype,
    constant: { data: values },
  });
  return [
    part('q', [N, blocks, BLOCK], 'uint8', weights),
    part('scale', [N * blocks], 'float32', scales),
    part('zero', [N * blocks], 'uint8', zeroPoints),
  ];
}
