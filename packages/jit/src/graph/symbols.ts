/**
 * Graphs with sizes left open. A function is recorded at several sizes; what differs between the recordings, shapes and
 * index tables, becomes a formula of the sizes. Each open size has two values, and all combinations are recorded, so
 * that products of two sizes are told from either. Another recording at further sizes must agree with the formulas
 * in every node and constant.
 */
import { type DType, PengiError, rebuildTree } from '@pengi/core';
import {
  type Elements,
  equalData,
  type Node,
  ONNX_TYPE,
  sameShape,
  type Value,
  type ValueType,
} from './graph.js';
import type { ModelValue } from './onnx.js';
import { type Trace, trace } from './trace.js';

/** An array that will be given later. A name in its shape is a size that is left open. */
export interface OpenPlaceholder {
  readonly shape: readonly (number | string)[];
  readonly dtype: DType;
}

/** A recorded function with open sizes. */
export interface OpenTrace {
  readonly nodes: readonly Node[];
  readonly constants: readonly Value[];
  readonly inputs: readonly (ModelValue & { path: string })[];
  readonly outputs: readonly (ModelValue & { path: string })[];
}

/**
 * Two values of each open size, and a third for the test. No two of them are equal or neighbours, nor sizes that models
 * have, lest a formula hold by chance.
 */
const VALUES: readonly (readonly [number, number, number])[] = [
  [5, 7, 3],
  [11, 19, 14],
  [23, 31, 26],
];

/**
 * Records `fn(weights, ...inputs)` for all sizes.
 * @throws PengiError E_TRACE when a size cannot be left open, with the place that depends on it in another way than by
 *   sums and products; what `trace` throws
 */
export function traceOpen(
  fn: (weights: never, ...inputs: never[]) => unknown,
  weights: unknown,
  inputs: readonly unknown[],
): OpenTrace {
  const names = openSizes(inputs);
  if (names.length > VALUES.length)
    throw new PengiError('E_TRACE', `at most ${VALUES.length} sizes can be left open, found ${names}`);
  const recorded = (sizes: readonly number[]) => trace(fn, weights, withSizes(inputs, names, sizes));
  const corners = Array.from({ length: 1 << names.length }, (_, corner) =>
    names.map((_name, i) => VALUES[i]![(corner >> i) & 1]!),
  );
  const traces = corners.map(recorded);
  const placeholders = inputShapes(inputs);
  const graph = new OpenGraph(names, traces, placeholders);
  const open = graph.unify();
  const tested = names.map((_, i) => VALUES[i]![2]);
  if (names.length > 0) graph.verify(recorded(tested), tested);
  return open;
}

function openSizes(inputs: readonly unknown[]): string[] {
  const found = [...inputShapes(inputs).values()].flat().filter((dim) => typeof dim === 'string');
  return [...new Set(found)];
}

function inputShapes(inputs: readonly unknown[]): Map<string, readonly (number | string)[]> {
  const shapes = new Map<string, readonly (number | string)[]>();
  rebuildTree(inputs, (path, leaf) => shapes.set(path, (leaf as unknown as OpenPlaceholder).shape));
  return shapes;
}

function withSizes(
  inputs: readonly unknown[],
  names: readonly string[],
  sizes: readonly number[],
): unknown[] {
  return rebuildTree(inputs, (_path, leaf) => {
    const { shape, dtype } = leaf as unknown as OpenPlaceholder;
    return { dtype, shape: shape.map((dim) => (typeof dim === 'string' ? sizes[names.indexOf(dim)]! : dim)) };
  });
}

// --- formulas -------------------------------------------------------------------------------------------------------

/** Coefficients of the products of sizes: bit i of an index says that size i is a factor. */
type Formula = readonly number[];

/** The formula through the values at all corners; undefined when there is none of whole numbers. */
function fit(values: readonly number[]): Formula | undefined {
  const c = [...values];
  for (let bit = 0; 1 << bit < c.length; bit++) {
    const [low, high] = VALUES[bit]!;
    for (const i of c.keys())
      if (!(i & (1 << bit))) {
        const slope = (c[i | (1 << bit)]! - c[i]!) / (high - low);
        c[i]! -= slope * low;
        c[i | (1 << bit)] = slope;
      }
  }
  return c.every(Number.isInteger) ? c : undefined;
}

function evaluate(formula: Formula, sizes: readonly number[]): number {
  return formula.reduce((sum, c, i) => sum + c * product(sizes.filter((_, bit) => i & (1 << bit))), 0);
}

const product = (factors: readonly number[]) => factors.reduce((a, b) => a * b, 1);

const isFixed = (formula: Formula) => formula.every((c, i) => i === 0 || c === 0);

/** A formula in words, as ONNX files name sizes: "batch", "past + 1". */
function describe(formula: Formula, names: readonly string[]): number | string {
  if (isFixed(formula)) return formula[0]!;
  const term = (c: number, i: number) => {
    const factors = names.filter((_, bit) => i & (1 << bit));
    return [...(c === 1 && factors.length > 0 ? [] : [String(c)]), ...factors].join('*');
  };
  const terms = formula.flatMap((c, i) => (c === 0 ? [] : [term(c, i)]));
  return [...terms.slice(formula[0] ? 1 : 0), ...(formula[0] ? [terms[0]] : [])].join(' + ');
}

// --- constants ------------------------------------------------------------------------------------------------------

/** What a constant is at given sizes. */
interface OpenConstant {
  /** The value in the graph. */
  readonly value: Value;
  agrees(found: Value, sizes: readonly number[]): boolean;
}

/** How a constant depends on sizes: entry by entry, or as a progression of varying length. */
type Dependence =
  | { kind: 'entries'; entries: Formula[]; shape: readonly number[] }
  | { kind: 'range'; start: Formula; limit: Formula; step: number };

function dependenceOf(values: readonly Value[]): Dependence | undefined {
  const [first] = values as [Value, ...Value[]];
  if (first.dtype !== 'int64' && first.dtype !== 'int32') return undefined;
  const numbers = values.map(({ constant }) => Array.from(constant!.data, Number));
  if (values.every(({ shape }) => shape.length <= 1 && sameShape(shape, first.shape))) {
    const entries = numbers[0]!.map((_, i) => fit(numbers.map((list) => list[i]!)));
    return entries.every((entry) => entry !== undefined)
      ? { kind: 'entries', entries, shape: first.shape }
      : undefined;
  }
  return first.dtype === 'int32' ? rangeOf(values, numbers) : undefined;
}

function rangeOf(values: readonly Value[], numbers: readonly (readonly number[])[]): Dependence | undefined {
  const step = numbers[0]![1]! - numbers[0]![0]!;
  const isRange = numbers.every((list) => list.every((x, i) => x === list[0]! + i * step));
  if (!isRange || step === 0 || values.some(({ shape }) => shape.length !== 1)) return undefined;
  const start = fit(numbers.map((list) => list[0]!));
  const limit = fit(numbers.map((list) => list[0]! + list.length * step));
  return start && limit && { kind: 'range', start, limit, step };
}

/** The numbers of a dependent constant. */
function numbersAt(dependence: Dependence, sizes: readonly number[]): number[] {
  if (dependence.kind === 'entries') return dependence.entries.map((entry) => evaluate(entry, sizes));
  const start = evaluate(dependence.start, sizes);
  const count = (evaluate(dependence.limit, sizes) - start) / dependence.step;
  return Array.from({ length: count }, (_, i) => start + i * dependence.step);
}

/** Whether two recordings mean the same constant. */
function isSame(a: Value, b: Value): boolean {
  if (a.dtype !== b.dtype || !sameShape(a.shape, b.shape)) return false;
  const [x, y] = [a.constant!, b.constant!];
  if (x.region || y.region) return x.region?.path === y.region?.path && x.region?.offset === y.region?.offset;
  return x.data === y.data || equalData(x.data, y.data);
}

// --- the graph ------------------------------------------------------------------------------------------------------

/** What a name of one recording stands for, in words that are the same in all of them, or a constant. */
type Meaning = string | Value;

class OpenGraph {
  /** Nodes that compute with sizes. They depend on inputs only, so they come first. */
  private readonly sizeNodes: Node[] = [];
  private readonly constants = new Map<string, OpenConstant>();
  private readonly extra = new Map<string, Value>();
  private readonly formulas = new Map<string, string>();
  private readonly meanings: ReadonlyMap<string, Meaning>[];
  private count = 0;

  constructor(
    private readonly names: readonly string[],
    private readonly traces: readonly Trace[],
    private readonly shapes: ReadonlyMap<string, readonly (number | string)[]>,
  ) {
    this.meanings = traces.map(meaningsOf);
  }

  unify(): OpenTrace {
    const [first] = this.traces as [Trace, ...Trace[]];
    for (const other of this.traces) this.checkStructure(other);
    const nodes = first.nodes.map((node, i) => ({
      ...node,
      inputs: node.inputs.map((name, slot) => this.operand(name, i, slot)),
    }));
    const constants = [...this.constants.values()].map(({ value }) => value);
    const used = new Set([...nodes, ...this.sizeNodes].flatMap(({ inputs }) => inputs));
    return {
      nodes: [...this.sizeNodes, ...nodes],
      constants: [...constants.filter(({ name }) => used.has(name)), ...this.extra.values()],
      inputs: first.inputs.map(({ path, value }) => ({ ...value, path, shape: this.shapes.get(path)! })),
      outputs: first.outputs.map(({ path, value }, i) => ({
        ...value,
        path,
        shape: value.shape.map((_, axis) => this.outputSize(i, axis)),
      })),
    };
  }

  /** @throws PengiError E_TRACE unless the recording at `sizes` is what the formulas say */
  verify(found: Trace, sizes: readonly number[]): void {
    this.checkStructure(found);
    const meanings = meaningsOf(found);
    for (const [i, node] of found.nodes.entries())
      for (const [slot, name] of node.inputs.entries()) {
        const meaning = meanings.get(name);
        if (meaning === undefined || typeof meaning === 'string') continue;
        const key = this.keyOf(i, slot);
        if (!this.constants.get(key)?.agrees(meaning, sizes)) throw this.refusal(node, 'in no simple way');
      }
    for (const [i, { value }] of found.outputs.entries())
      for (const [axis, size] of value.shape.entries()) {
        const formula = fit(this.traces.map(({ outputs }) => outputs[i]!.value.shape[axis]!));
        if (!formula || evaluate(formula, sizes) !== size)
          throw this.refusal(undefined, 'in the size of an output');
      }
  }

  /** Same nodes in the same order, joined in the same way; constants may differ. */
  private checkStructure(other: Trace): void {
    const [first] = this.traces as [Trace, ...Trace[]];
    const [mine, theirs] = [this.meanings[0]!, meaningsOf(other)];
    const place = (meaning: Meaning | undefined) => (typeof meaning === 'object' ? 'constant' : meaning);
    for (const [i, node] of first.nodes.entries()) {
      const twin = other.nodes[i];
      const isTwin =
        twin?.type === node.type &&
        twin.domain === node.domain &&
        JSON.stringify(twin.attributes) === JSON.stringify(node.attributes) &&
        twin.inputs.length === node.inputs.length &&
        node.inputs.every((name, slot) => place(mine.get(name)) === place(theirs.get(twin.inputs[slot]!)));
      if (!isTwin) throw this.refusal(node, 'in which operations there are');
    }
    const ends = ({ outputs, nodes }: Trace, meanings: ReadonlyMap<string, Meaning>) =>
      JSON.stringify([
        nodes.length,
        ...outputs.map(({ path, value }) => [path, place(meanings.get(value.name))]),
      ]);
    if (ends(first, mine) !== ends(other, theirs)) throw this.refusal(undefined, 'in its outputs');
  }

  private operand(name: string, i: number, slot: number): string {
    if (typeof this.meanings[0]!.get(name) !== 'object') return name;
    const key = this.keyOf(i, slot);
    const known = this.constants.get(key);
    if (known) return known.value.name;
    const values = this.traces.map(({ nodes }, t) => this.meanings[t]!.get(nodes[i]!.inputs[slot]!) as Value);
    const constant = this.unifyConstant(values, this.traces[0]!.nodes[i]!);
    this.constants.set(key, constant);
    return constant.value.name;
  }

  /** The names that an operand has in the recordings: constants that are one in one of them may be two in another. */
  private keyOf(i: number, slot: number): string {
    return this.traces.map(({ nodes }) => nodes[i]!.inputs[slot]).join(' ');
  }

  private unifyConstant(values: readonly Value[], user: Node): OpenConstant {
    const [first] = values as [Value, ...Value[]];
    if (values.every((value) => isSame(first, value)))
      return { value: first, agrees: (found) => isSame(first, found) };
    const dependence = dependenceOf(values);
    if (!dependence) throw this.refusal(user, 'in a table of numbers');
    const { dtype } = first;
    return {
      value: this.emit(dependence, dtype, user),
      agrees: (found, sizes) =>
        found.dtype === dtype &&
        found.shape.length === first.shape.length &&
        String(Array.from(found.constant!.data, Number)) === String(numbersAt(dependence, sizes)),
    };
  }

  /** A dependent constant as nodes. */
  private emit(dependence: Dependence, dtype: ValueType, user: Node): Value {
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
    const input = this.traces[0]!.inputs.find((entry) => entry.path === path)!.value;
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
    this.sizeNodes.push({
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
    const known = this.extra.get(name);
    if (known) return known;
    const data: Elements = BigInt64Array.from(numbers, BigInt);
    const value = { name, shape: [numbers.length], dtype: 'int64' as const, constant: { data } };
    this.extra.set(name, value);
    return value;
  }

  private outputSize(i: number, axis: number): number | string {
    const formula = fit(this.traces.map(({ outputs }) => outputs[i]!.value.shape[axis]!));
    if (!formula) throw this.refusal(undefined, 'in the size of an output');
    return describe(formula, this.names);
  }

  private refusal(node: Node | undefined, how: string): PengiError {
    const where = node ? ` (at ${node.type} of ${node.outputs[0]})` : '';
    return new PengiError(
      'E_TRACE',
      `${this.names.map((name) => `"${name}"`).join(' and ')} cannot be left open: the function depends on it ${how}${where}`,
      { hint: 'give numbers in place of the names' },
    );
  }
}

function meaningsOf({ inputs, nodes, constants }: Trace): Map<string, Meaning> {
  return new Map<string, Meaning>([
    ['', 'nothing'],
    ...inputs.map(({ path, value }) => [value.name, `input ${path}`] as const),
    ...nodes.flatMap(({ outputs }, i) => outputs.map((name, k) => [name, `output ${i} ${k}`] as const)),
    ...constants.map((value) => [value.name, value] as const),
  ]);
}
