import type { Graph, Value } from '../graph/graph.js';

/** How a TensorFlow.js kernel is written down in ONNX: values in, values out, nothing is computed. */
export type Kernel = (graph: Graph, inputs: Record<string, Value>, attributes: never) => Value | Value[];

/** A kernel with named inputs and typed attributes. */
export function kernel<Names extends string, Attributes = Record<string, never>>(
  record: (graph: Graph, inputs: Record<Names, Value>, attributes: Attributes) => Value | Value[],
): Kernel {
  return record as unknown as Kernel;
}

/** The inputs of a kernel with a list of them, in their order. */
export function listed(inputs: Record<string, Value>): Value[] {
  return Object.values(inputs);
}
