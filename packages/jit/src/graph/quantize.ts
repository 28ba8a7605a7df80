/**
 * Products with weights of 8 bits: a quarter of the memory is read, which is what bounds the speed of generating text, and
 * the arithmetic is that of integers. Each output channel of a weight has a scale. What a weight meets is rounded to 8 bits
 * as well, when it is known: in ONNX Runtime's `DynamicQuantizeMatMul` with one scale and zero point for all of it.
 *
 * Its rows (tokens) can be of very different size, and the small ones would lose most of their digits by a common scale. So
 * each row is divided by its largest value before, and its products multiplied by that after, unless a layer normalisation
 * has just made the rows alike.
 *
 * Weights are unsigned: x86 processors without VNNI add two products of 8 bits into 16 bits, and where one factor is
 * signed ONNX Runtime lets that sum overflow, quietly. Of an HTSAT it left a cosine of 0.87. Unsigned ones take another way, exact
 * everywhere, and as fast where there is VNNI.
 */
import { sizeOf } from '@pengi/core';
import { type Connections, connectionsOf, vectorAddedTo } from './connections.js';
import type { Node, Value } from './graph.js';
import type { Trace } from './trace.js';

/** Smaller weights stay as they are: they cost little. */
const MIN_ELEMENTS = 1 << 13;
/** What stands for 0. */
const ZERO_POINT = 128;
/** Rows smaller than this count as zeros. */
const TINY = 1e-30;

/** The trace with products of a matrix and a constant weight replaced by such of 8 bits. */
export function quantizeWeights(recorded: Trace): Trace {
  const graph = connectionsOf(recorded);
  const packed = new Map<string, PackedWeight>();
  const literals = new Map<string, Value>();
  const fused = new Set<Node>();

  const replaced = (node: Node): Node[] => {
    const weight = graph.constants.get(node.inputs[1]!);
    const layout = weight && layoutOf(node, weight);
    if (!layout) return [node];
    const key = `${weight.name} ${layout}`;
    const parts = packed.get(key) ?? pack(weight, layout);
    packed.set(key, parts);
    const product = (x: string, output: string, bias = ''): Node => ({
      type: 'DynamicQuantizeMatMul',
      domain: 'com.microsoft',
      inputs: [x, parts.weights.name, parts.scales.name, parts.zeroPoints.name, ...(bias ? [bias] : [])],
      outputs: [output],
      attributes: {},
    });
    const [x] = node.inputs as [string];
    const [output] = node.outputs as [string];
    if (!isNormalised(x, graph)) return scaledByRow(x, output, product, literals);
    const sum = vectorAddedTo(node, graph);
    if (!sum) return [product(x, output)];
    fused.add(sum.node);
    return [product(x, sum.node.outputs[0]!, sum.vector)];
  };
  const nodes = recorded.nodes.flatMap((node) => (fused.has(node) ? [] : replaced(node)));

  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  const constants = [
    ...recorded.constants,
    ...[...packed.values()].flatMap(({ weights, scales, zeroPoints }) => [weights, scales, zeroPoints]),
    ...literals.values(),
  ];
  return { ...recorded, nodes, constants: constants.filter(({ name }) => used.has(name)) };
}

/** `product` of x, whose rows are divided by their largest absolute value before and multiplied by it after. */
function scaledByRow(
  x: string,
  output: string,
  product: (x: string, output: string) => Node,
  literals: Map<string, Value>,
): Node[] {
  const literal = (
    name: string,
    shape: number[],
    dtype: Value['dtype'],
    data: Float32Array | BigInt64Array,
  ) => {
    literals.set(name, { name, shape, dtype, constant: { data } });
    return name;
  };
  const last = literal('quantize_last_axis', [1], 'int64', BigInt64Array.of(-1n));
  const tiny = literal('quantize_tiny', [], 'float32', Float32Array.of(TINY));
  const node = (type: string, inputs: string[], name: string, attributes: Node['attributes'] = {}): Node => ({
    type,
    domain: '',
    inputs,
    outputs: [name],
    attributes,
  });
  const name = (suffix: string) => `${output}_${suffix}`;
  return [
    node('ReduceMax', [x, last], name('high'), { keepdims: 1 }),
    node('ReduceMin', [x, last], name('low'), { keepdims: 1 }),
    node('Neg', [name('low')], name('depth')),
    node('Max', [name('high'), name('depth'), tiny], name('size')),
    node('Div', [x, name('size')], name('scaled')),
    product(name('scaled'), name('product')),
    node('Mul', [name('product'), name('size')], output),
  ];
}

// --- what the graph is like -----------------------------------------------------------------------------------------

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

/**
 * Whether a value is the result of a layer normalisation, x / sqrt(…) · weight + bias, or such results moved about row by
 * row.
 */
function isNormalised(name: string, { constants, producers }: Connections): boolean {
  /** The other operand of a node of `type` with a constant. */
  const besideConstant = (node: Node | undefined, type: string): Node | undefined => {
    if (node?.type !== type || !node.inputs.some((input) => constants.has(input))) return undefined;
    return producers.get(node.inputs.find((input) => !constants.has(input))!);
  };
  let node = producers.get(name);
  while (node && MOVES.has(node.type)) node = producers.get(node.inputs[0]!);
  const quotient = besideConstant(besideConstant(node, 'Add'), 'Mul');
  return quotient?.type === 'Div' && producers.get(quotient.inputs[1]!)?.type === 'Sqrt';
}

/** Operators that move rows, but do not change them. */
const MOVES = new Set(['Reshape', 'Gather']);

// --- weights --------------------------------------------------------------------------------------------------------

interface PackedWeight {
  /** [K, N] uint8 */
  weights: Value;
  /** [N] */
  scales: Value;
  /** [N] uint8 */
  zeroPoints: Value;
}

/** Output channels that are written together, so that rows of either layout are read and written in runs. */
const TILE = 64;

function pack(weight: Value, layout: Layout): PackedWeight {
  const data = weight.constant!.data as Float32Array; // once: of a file, each time reads it
  const [K, N] = (layout === 'in-out' ? weight.shape : [...weight.shape].reverse()) as [number, number];
  const [stepK, stepN] = layout === 'in-out' ? [N, 1] : [1, K];
  const weights = new Uint8Array(K * N);
  const scales = new Float32Array(N);
  const largest = new Float32Array(TILE);
  for (let start = 0; start < N; start += TILE) {
    const count = Math.min(TILE, N - start);
    largest.fill(0);
    for (let k = 0; k < K; k++)
      for (let n = 0, i = k * stepK + start * stepN; n < count; n++, i += stepN) {
        const size = Math.abs(data[i]!);
        if (size > largest[n]!) largest[n] = size;
      }
    for (let n = 0; n < count; n++) {
      const scale = Math.fround(largest[n]! / (ZERO_POINT - 1)) || 1;
      scales[start + n] = scale;
      largest[n] = 1 / scale;
    }
    for (let k = 0; k < K; k++)
      for (let n = 0, i = k * stepK + start * stepN, at = k * N + start; n < count; n++, i += stepN, at++)
        // The sum is positive, so that cutting rounds it.
        weights[at] = data[i]! * largest[n]! + (ZERO_POINT + 0.5);
  }
  const part = (
    suffix: string,
    shape: number[],
    dtype: Value['dtype'],
    values: Uint8Array | Float32Array,
  ) => ({
    name: `${weight.name}_${layout}_${suffix}`,
    shape,
    dtype,
    constant: { data: values },
  });
  return {
    weights: part('q', [K, N], 'uint8', weights),
    scales: part('scale', [N], 'float32', scales),
    zeroPoints: part('zero', [N], 'uint8', new Uint8Array(N).fill(ZERO_POINT)),
  };
}
