/** Sizes that are left open, computed inside of the graph. */
import { type Dependence, type Formula, isFixed } from './formulas.js';
import { type Elements, type Node, ONNX_TYPE, type Value, type ValueType } from './graph.js';
import type { Trace } from './trace.js';

export class SizeNodes {
  /** They depend on inputs only. */
  readonly nodes: Node[] = [];
  /** By name. */
  readonly literals = new Map<string, Value>();
  private readonly formulas = new Map<string, string>();
  private count = 0;

  /** @param shapes of the inputs, by path */
  constructor(
    private readonly names: readonly string[],
    private readonly inputs: Trace['inputs'],
    private readonly shapes: ReadonlyMap<string, readonly (number | string)[]>,
  ) {}

  /** A dependent constant as nodes. */
  emit(dependence: Dependence, dtype: ValueType, user: Node): Value {
    if (dependence.kind === 'range') {
      const bounds = [dependence.start, dependence.limit, [dependence.step]].map((formula) =>
        this.scalar(this.list([formula]), 'int32'),
      );
      return this.node('Range', bounds, dtype, [0]);
    }
    const { entries, shape } = dependence;
    const open = entries.filter((entry) => !isFixed(entry));
    // One size of a shape may be left to the runtime, which needs no computing.
    if (
      user.type === 'Reshape' &&
      open.length === 1 &&
      entries.every((entry) => !isFixed(entry) || entry[0]! > 0)
    )
      return this.literal(entries.map((entry) => (isFixed(entry) ? entry[0]! : -1)));
    const list = this.list(entries);
    if (shape.length === 0) return this.scalar(list, dtype);
    return dtype === 'int64' ? list : this.cast(list, dtype);
  }

  /** Entries of int64, one after the other. */
  private list(entries: readonly Formula[]): Value {
    const parts = entries.map((entry) => this.compute(entry));
    return parts.length === 1 ? parts[0]! : this.node('Concat', parts, 'int64', [parts.length], { axis: 0 });
  }

  /** A formula as an int64 [1]. */
  private compute(formula: Formula): Value {
    const key = String(formula);
    const known = this.formulas.get(key);
    if (known) return { name: known, shape: [1], dtype: 'int64' };
    const terms = formula.flatMap((c, i) => {
      if (c === 0) return [];
      const factors = this.names.flatMap((name, bit) => (i & (1 << bit) ? [this.size(name)] : []));
      if (c !== 1 || factors.length === 0) factors.push(this.literal([c]));
      return [factors.reduce((a, b) => this.node('Mul', [a, b], 'int64', [1]))];
    });
    const value =
      terms.length > 0 ? terms.reduce((a, b) => this.node('Add', [a, b], 'int64', [1])) : this.literal([0]);
    this.formulas.set(key, value.name);
    return value;
  }

  /** An open size, read from the first input that has it. */
  private size(name: string): Value {
    const known = this.formulas.get(name);
    if (known) return { name: known, shape: [1], dtype: 'int64' };
    const [path, shape] = [...this.shapes].find(([, dims]) => dims.includes(name))!;
    const input = this.inputs.find((entry) => entry.path === path)!.value;
    const axis = shape.indexOf(name);
    const value = this.node('Shape', [input], 'int64', [1], { start: axis, end: axis + 1 });
    this.formulas.set(name, value.name);
    return value;
  }

  private scalar(list: Value, dtype: ValueType): Value {
    const single = this.node('Squeeze', [list, this.literal([0])], 'int64', []);
    return dtype === 'int64' ? single : this.cast(single, dtype);
  }

  private cast(value: Value, dtype: ValueType): Value {
    return this.node('Cast', [value], dtype, value.shape, { to: ONNX_TYPE[dtype] });
  }

  private node(
    type: string,
    inputs: readonly Value[],
    dtype: ValueType,
    shape: readonly number[],
    attributes: Node['attributes'] = {},
  ): Value {
    const value = { name: `size_${this.count++}`, shape, dtype };
    this.nodes.push({
      type,
      domain: '',
      inputs: inputs.map(({ name }) => name),
      outputs: [value.name],
      attributes,
    });
    return value;
  }

  private literal(numbers: readonly number[]): Value {
    const name = `sizes_${numbers.join('_')}`;
    const known = this.literals.get(name);
    if (known) return known;
    const data: Elements = BigInt64Array.from(numbers, BigInt);
    const value = { name, shape: [numbers.length], dtype: 'int64' as const, constant: { data } };
    this.literals.set(name, value);
    return value;
  }
}
