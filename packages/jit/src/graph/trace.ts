/**
 * Recording: a function of TensorFlow.js ops runs once on placeholders, with a backend whose kernels write ONNX nodes
 * instead of computing. Gradients record as well, since TensorFlow.js builds them out of the same ops.
 */
import { type DType, leaves, type NdArray, PengiError, rebuildTree, type Tree } from '@pengi/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { Graph, type Node, type Value } from './graph.js';
import { recording, type TraceBackend, traceBackend } from './recording.js';

/** An array that will be given later: only its shape and type are known. */
export interface Placeholder {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** A recorded function: what to run, and how its arguments and results map to the graph. */
export interface Trace {
  nodes: readonly Node[];
  constants: readonly Value[];
  inputs: readonly { path: string; value: Value }[];
  outputs: readonly { path: string; value: Value }[];
  /** The structure of the result, with shapes for leaves. */
  result: unknown;
}

/** A recorded function that calls the host once, in its middle. */
export interface HostCallTrace extends Trace {
  /** What the host is given. */
  asked: Trace['outputs'];
  /** The structure of it, with shapes for leaves. */
  askedResult: unknown;
  /** What comes back. */
  told: Trace['inputs'];
  /** The outputs of nodes, by name. */
  values: ReadonlyMap<string, Value>;
}

/**
 * Records `fn(weights, ...inputs)`: weights become constants of the graph, inputs its inputs.
 * @throws PengiError E_KERNEL for an operation that cannot be recorded, with the place that used it;
 *   E_TRACE for reading a value that does not exist yet
 */
export function trace(
  fn: (weights: never, ...inputs: never[]) => unknown,
  weights: unknown,
  inputs: readonly unknown[],
): Trace {
  return recorded(weights, inputs, ({ graph, backend, weights, inputs, placed }) => {
    const result = fn(weights, ...inputs);
    const outputs = outputsOf(graph, backend, result);
    return { ...neededFor(graph, outputs), inputs: placed, outputs, result: structureOf(result) };
  });
}

/**
 * Records `fn(weights, hostCall, ...inputs)`, where `hostCall(asked, told)` stands for arrays of the shapes `told` that the host
 * gives for `asked`.
 * @throws PengiError as `trace`, and E_TRACE unless `hostCall` is called once
 */
export function traceHostCall(
  fn: (weights: never, hostCall: never, ...inputs: never[]) => unknown,
  weights: unknown,
  inputs: readonly unknown[],
): HostCallTrace {
  return recorded(weights, inputs, ({ graph, backend, weights, inputs, placed }) => {
    let call: Pick<HostCallTrace, 'asked' | 'askedResult' | 'told'> | undefined;
    const hostCall = (asked: unknown, expected: unknown) => {
      if (call) throw new PengiError('E_TRACE', 'a compiled function calls the host twice');
      const told = placeInputs(graph, backend, expected);
      call = { asked: outputsOf(graph, backend, asked), askedResult: structureOf(asked), told: told.placed };
      return told.tensors;
    };
    const result = fn(weights, hostCall as never, ...inputs);
    if (!call)
      throw new PengiError('E_TRACE', 'a function compiled with a call of the host does not call it');
    const outputs = outputsOf(graph, backend, result);
    const needed = neededFor(graph, [...call.asked, ...outputs]);
    return { ...needed, ...call, inputs: placed, outputs, result: structureOf(result), values: graph.values };
  });
}

interface Recording {
  graph: Graph;
  backend: TraceBackend;
  weights: never;
  inputs: never[];
  placed: Trace['inputs'];
}

/** What `record` makes of tensors that stand for weights and inputs, in a new graph. */
function recorded<Result>(
  weights: unknown,
  inputs: readonly unknown[],
  record: (recording: Recording) => Result,
): Result {
  const graph = new Graph();
  return recording(graph, () => {
    const backend = traceBackend();
    const { placed, tensors } = placeInputs(graph, backend, inputs);
    const constants = rebuildTree<never>(weights, (_path, leaf) =>
      backend.tensor(graph.weight(leaf as NdArray)),
    );
    return record({ graph, backend, weights: constants, inputs: tensors, placed });
  });
}

function placeInputs(graph: Graph, backend: TraceBackend, inputs: unknown) {
  const placed: { path: string; value: Value }[] = [];
  const tensors = rebuildTree<never[]>(inputs, (path, leaf) => {
    const { shape, dtype } = leaf as Placeholder;
    const value = graph.input(shape, dtype);
    placed.push({ path, value });
    return backend.tensor(value);
  });
  return { placed, tensors };
}

function structureOf(result: unknown): unknown {
  return rebuildTree(result, (_path, leaf) => ({
    shape: [...leaf.shape],
    dtype: (leaf as Tensor).dtype,
  }));
}

/** Outputs must be results of nodes and distinct, so inputs, constants and repeats get a copy. */
function outputsOf(graph: Graph, backend: TraceBackend, result: unknown): { path: string; value: Value }[] {
  const taken = new Set([...graph.inputs.map((v) => v.name), ...graph.constants.keys()]);
  return leaves(result as Tree<Tensor>).map(([path, tensor]) => {
    const full = graph.expand(backend.recorded(tensor));
    const value = taken.has(full.name) ? graph.copy(full) : full;
    taken.add(value.name);
    return { path, value };
  });
}

function neededFor({ nodes, constants }: Graph, outputs: readonly { value: Value }[]) {
  return reachable({ nodes, constants: [...constants.values()] }, outputs);
}

/** The nodes and constants that the outputs depend on. */
export function reachable(
  graph: { nodes: readonly Node[]; constants: readonly Value[] },
  outputs: readonly { value: Value }[],
): { nodes: Node[]; constants: Value[] } {
  const needed = new Set(outputs.map(({ value }) => value.name));
  const nodes: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    nodes.push(node);
    for (const name of node.inputs) needed.add(name);
  }
  return {
    nodes: nodes.reverse(),
    constants: graph.constants.filter((v) => needed.has(v.name)),
  };
}
