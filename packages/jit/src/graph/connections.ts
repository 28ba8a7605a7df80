import type { Node, Value } from './graph.js';
import type { Trace } from './trace.js';

/** What is joined to what in a recorded graph, by the names of values. */
export interface Connections {
  readonly constants: ReadonlyMap<string, Value>;
  /** Shapes of constants and inputs: those that a recording keeps. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly producers: ReadonlyMap<string, Node>;
  readonly users: ReadonlyMap<string, readonly Node[]>;
  readonly outputs: ReadonlySet<string>;
}

export function connectionsOf({ nodes, constants, inputs, outputs }: Trace): Connections {
  const users = new Map<string, Node[]>();
  for (const node of nodes)
    for (const name of new Set(node.inputs)) {
      const known = users.get(name);
      if (known) known.push(node);
      else users.set(name, [node]);
    }
  const given = [...constants, ...inputs.map(({ value }) => value)];
  return {
    constants: new Map(constants.map((value) => [value.name, value])),
    shapes: new Map(given.map(({ name, shape }) => [name, shape])),
    producers: new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const))),
    users,
    outputs: new Set(outputs.map(({ value }) => value.name)),
  };
}

/** The node that adds a vector to the result of `node`, if that is all that is done with it. */
export function vectorAddedTo(
  { outputs: [result] }: Node,
  { users, shapes, outputs }: Connections,
): { node: Node; vector: string } | undefined {
  const [node, ...others] = users.get(result!) ?? [];
  if (node?.type !== 'Add' || others.length > 0 || outputs.has(result!)) return undefined;
  const vector = node.inputs.find((name) => name !== result);
  return vector !== undefined && shapes.get(vector)?.length === 1 ? { node, vector } : undefined;
}
