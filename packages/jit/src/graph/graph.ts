import {
  DTYPE_ARRAYS,
  type DType,
  type DTypeArray,
  type FileRegion,
  type NdArray,
  sizeOf,
} from '@pengi/core';

const ELEMENT_ARRAYS = {
  ...DTYPE_ARRAYS,
  int64: BigInt64Array,
  uint32: Uint32Array,
  float64: Float64Array,
  uint8: Uint8Array,
} as const;

/** Element types inside a graph: those of arrays, and the ones that some operators need within. */
export type ValueType = keyof typeof ELEMENT_ARRAYS;

/** onnx.TensorProto.DataType */
export const ONNX_TYPE: Record<ValueType, number> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float64: 11,
  uint32: 12,
};

export const ELEMENT_BYTES = Object.fromEntries(
  Object.entries(ELEMENT_ARRAYS).map(([name, { BYTES_PER_ELEMENT }]) => [name, BYTES_PER_ELEMENT]),
) as Record<ValueType, number>;

export type Elements = DTypeArray[DType] | BigInt64Array | Uint32Array | Float64Array;

/** Data known while recording. `data` may be read from a file when it is asked for. */
export interface Constant {
  readonly data: Elements;
  readonly region?: FileRegion;
}

/** One array of the graph: the output of a node, an input or a constant. */
export interface Value {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: ValueType;
  readonly constant?: Constant;
  /**
   * The smaller value that this one is a broadcast of. It stays unexpanded as long as the operators that use it
   * broadcast by themselves: gradients are full of such values.
   */
  readonly broadcastOf?: Value;
}

export type Attributes = Record<string, number | string | number[] | { float: number }>;

export interface Node {
  readonly type: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

/** What an output of a node looks like. */
export interface Signature {
  shape: readonly number[];
  dtype: ValueType;
}

/** Constants up to this many elements are compared by content, so that equal masks and index tables are kept once. */
const COMPARED_ELEMENTS = 1 << 20;

/** An ONNX graph while it is being recorded. Nodes are in the order of recording, which is a topological order. */
export class Graph {
  readonly nodes: Node[] = [];
  readonly inputs: Value[] = [];
  readonly constants = new Map<string, Value>();
  /** The outputs of nodes, by name. */
  readonly values = new Map<string, Value>();

  private count = 0;
  private readonly byContent = new Map<string, Value[]>();
  private readonly bySource = new Map<string | object, Value>();
  private readonly expanded = new Map<string, Value>();

  input(shape: readonly number[], dtype: DType): Value {
    const value = { name: this.name('in'), shape, dtype };
    this.inputs.push(value);
    return value;
  }

  /** Adds a node with one output. An undefined input is one that the operator does without. */
  op(
    type: string,
    inputs: readonly (Value | undefined)[],
    output: Signature,
    attributes: Attributes = {},
    domain = '',
  ): Value {
    return this.ops(type, inputs, [output], attributes, domain)[0]!;
  }

  /** Adds a node with several outputs. */
  ops(
    type: string,
    inputs: readonly (Value | undefined)[],
    outputs: readonly Signature[],
    attributes: Attributes = {},
    domain = '',
  ): Value[] {
    // What has no elements needs no computing, and some operators of ONNX Runtime crash on it.
    if (outputs.every(({ shape }) => sizeOf(shape) === 0))
      return outputs.map(({ shape, dtype }) => this.literal(new ELEMENT_ARRAYS[dtype](), shape, dtype));
    return this.node(type, inputs, outputs, attributes, domain);
  }

  /** `value` under another name. */
  copy(value: Value): Value {
    return this.node('Identity', [value], [value], {}, '')[0]!;
  }

  /**
   * A constant made while recording: masks, index tables. Uniform ones become the broadcast of a scalar. The data is
   * copied, as its owner may write to it once the function is over.
   */
  literal(data: Elements, shape: readonly number[], dtype: ValueType): Value {
    if (data.length > 1 && isUniform(data))
      return this.broadcast(this.literal(data.slice(0, 1), [], dtype), shape);
    const same = (other: Value) =>
      other.shape.length === shape.length && equalData(other.constant!.data, data);
    const key = `${dtype}:${shape}:${data.length <= COMPARED_ELEMENTS ? checksum(data) : this.count}`;
    const candidates = this.byContent.get(key) ?? [];
    const known = candidates.find(same);
    if (known) return known;
    const value = this.addConstant({ data: data.slice() }, shape, dtype);
    this.byContent.set(key, [...candidates, value]);
    return value;
  }

  /** A weight. It is referred to, not copied, and kept once however often it occurs (tied weights). */
  weight(array: NdArray): Value {
    const { region, dtype } = array;
    const source = region ? `${dtype} ${region.path}@${region.offset}:${array.shape}` : array.data;
    const known = this.bySource.get(source);
    if (known && String(known.shape) === String(array.shape)) return known;
    const constant: Constant = array.region
      ? {
          get data() {
            return array.data;
          },
          region: array.region,
        }
      : { data: array.data };
    const value = this.addConstant(constant, array.shape, array.dtype);
    this.bySource.set(source, value);
    return value;
  }

  scalar(value: number, dtype: DType = 'float32'): Value {
    return this.literal(DTYPE_ARRAYS[dtype].of(value), [], dtype);
  }

  fill(shape: readonly number[], value: number, dtype: DType = 'float32'): Value {
    return this.broadcast(this.scalar(value, dtype), shape);
  }

  /** A list of int64, as operators take axes, shapes and bounds. */
  int64(values: readonly number[], shape: readonly number[] = [values.length]): Value {
    const data = BigInt64Array.from(values, BigInt);
    const key = `int64:${shape}:${values}`;
    const known = this.bySource.get(key);
    if (known) return known;
    const value = this.addConstant({ data }, shape, 'int64');
    this.bySource.set(key, value);
    return value;
  }

  /** `value` as if it had been expanded to `shape`. */
  broadcast(value: Value, shape: readonly number[]): Value {
    if (sameShape(value.shape, shape)) return value;
    const source = value.broadcastOf ?? value;
    return { name: `${source.name}→${shape}`, shape, dtype: value.dtype, broadcastOf: source };
  }

  /** `value` as a real array: a broadcast is expanded, once. */
  expand(value: Value): Value {
    const source = value.broadcastOf;
    if (!source) return value;
    const known = this.expanded.get(value.name);
    if (known) return known;
    const full = this.op('Expand', [source, this.int64(value.shape)], value);
    this.expanded.set(value.name, full);
    return full;
  }

  private node(
    type: string,
    inputs: readonly (Value | undefined)[],
    outputs: readonly Signature[],
    attributes: Attributes,
    domain: string,
  ): Value[] {
    const names = inputs.map((input) => (input ? this.expand(input).name : ''));
    const values = outputs.map(({ shape, dtype }) => ({ name: this.name(type), shape, dtype }));
    this.nodes.push({ type, domain, inputs: names, outputs: values.map((v) => v.name), attributes });
    for (const value of values) this.values.set(value.name, value);
    return values;
  }

  private addConstant(constant: Constant, shape: readonly number[], dtype: ValueType): Value {
    const value = { name: this.name('const'), shape, dtype, constant };
    this.constants.set(value.name, value);
    return value;
  }

  private name(prefix: string): string {
    return `${prefix}_${this.count++}`;
  }
}

/** The number that a constant (or a broadcast of one) consists of, if it is one number. */
export function constantNumber(value: Value): number | undefined {
  const { constant, shape } = value.broadcastOf ?? value;
  return constant && !constant.region && sizeOf(shape) === 1 ? Number(constant.data[0]) : undefined;
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

function isUniform(data: Elements): boolean {
  const first = data[0];
  for (let i = 1; i < data.length; i++) if (!Object.is(data[i], first)) return false; // -0 is not 0
  return true;
}

export function equalData(a: Elements, b: Elements): boolean {
  if (a.length !== b.length) return false;
  const [x, y] = [bytesOf(a), bytesOf(b)]; // bytes, so that NaN equals itself and -0 differs from 0
  return x.every((byte, i) => byte === y[i]);
}

/** FNV-1a over 32-bit words: only a first filter, equality is checked. */
function checksum(data: Elements): number {
  const bytes = bytesOf(data);
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash >>> 0;
}

export function bytesOf(data: Elements): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
