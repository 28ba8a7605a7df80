/**
 * Graphs with sizes left open. A function is recorded at several sizes; what differs between the recordings, shapes and
 * index tables, becomes a formula of the sizes. Each open size has two values, and all combinations are recorded, so
 * that products of two sizes are told from either. Another recording at further sizes must agree with the formulas
 * in every node and constant.
 */
import { type DType, PengiError, rebuildTree } from '@pengi/core';
import { dependenceOf, describe, evaluate, fit, numbersAt, VALUES } from './formulas.js';
import { equalData, type Node, sameShape, type Value } from './graph.js';
import type { ModelValue } from './onnx.js';
import { SizeNodes } from './size-nodes.js';
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

// --- constants ------------------------------------------------------------------------------------------------------

/** What a constant is at given sizes. */
interface OpenConstant {
  /** The value in the graph. */
  readonly value: Value;
  agrees(found: Value, sizes: readonly number[]): boolean;
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
  private readonly constants = new Map<string, OpenConstant>();
  private readonly meanings: ReadonlyMap<string, Meaning>[];
  private readonly sizes: SizeNodes;

  constructor(
    private readonly names: readonly string[],
    private readonly traces: readonly Trace[],
    private readonly shapes: ReadonlyMap<string, readonly (number | string)[]>,
  ) {
    this.meanings = traces.map(meaningsOf);
    this.sizes = new SizeNodes(names, traces[0]!.inputs, shapes);
  }

  unify(): OpenTrace {
    const [first] = this.traces as [Trace, ...Trace[]];
    for (const other of this.traces) this.checkStructure(other);
    const nodes = first.nodes.map((node, i) => ({
      ...node,
      inputs: node.inputs.map((name, slot) => this.operand(name, i, slot)),
    }));
    const unchanged = [...this.constants.values()]
      .map(({ value }) => value)
      .filter(({ constant }) => constant);
    const constants = new Map(
      [...unchanged, ...this.sizes.literals.values()].map((value) => [value.name, value]),
    );
    return {
      nodes: [...this.sizes.nodes, ...nodes],
      constants: [...constants.values()],
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

  /**
   * The names that an operand has in the recordings: constants that are one in one of them may be two in another. A shape may
   * be written in its own way for `Reshape`.
   */
  private keyOf(i: number, slot: number): string {
    const names = this.traces.map(({ nodes }) => nodes[i]!.inputs[slot]);
    return [this.traces[0]!.nodes[i]!.type === 'Reshape', ...names].join(' ');
  }

  private unifyConstant(values: readonly Value[], user: Node): OpenConstant {
    const [first] = values as [Value, ...Value[]];
    if (values.every((value) => isSame(first, value)))
      return { value: first, agrees: (found) => isSame(first, found) };
    const dependence = dependenceOf(values);
    if (!dependence) throw this.refusal(user, 'in a table of numbers');
    const { dtype } = first;
    return {
      value: this.sizes.emit(dependence, dtype, user),
      agrees: (found, sizes) =>
        found.dtype === dtype &&
        found.shape.length === first.shape.length &&
        String(Array.from(found.constant!.data, Number)) === String(numbersAt(dependence, sizes)),
    };
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
