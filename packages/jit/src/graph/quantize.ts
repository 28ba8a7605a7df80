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
  for (let n = 0; n < N; n++)
    for (let b = 0; b < blocks; b++) {
      const from = b * BLOCK;
      const to = Math.min(K, from + BLOCK);
      // Zero is always in the range, so that it stays exactly zero.
      let low = 0;
      let high = 0;
      for (let k = from; k < to; k++) {
        const value = data[k * stepK + n * stepN]!;
        if (value < low) low = value;
        else if (value > high) high = value;
      }
      const i = n * blocks + b;
      const scale = (high - low) / 255 || 1;
      const zero = Math.round(-low / scale);
      scales[i] = scale;
      zeroPoints[i] = zero;
      const row = i * BLOCK;
      for (let k = from; k < to; k++)
        weights[row + k - from] = Math.min(
          255,
          Math.max(0, Math.round(data[k * stepK + n * stepN]! / scale) + zero),
        );
      weights.fill(zero, row + to - from, row + BLOCK);
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
