/**
 * A recorded function that calls the host, as two graphs: what comes before the call and what follows it. The second one goes on
 * with values of the first, so that nothing expensive is computed twice. Each value that is kept costs memory and copying: what
 * follows from other kept values by cheap nodes is computed again instead.
 */
import { sizeOf } from '@pengi/core';
import { ELEMENT_BYTES, type Node, type Value } from './graph.js';
import { type HostCallTrace, reachable, type Trace } from './trace.js';

export interface DividedTrace {
  /** Its outputs: what the host is given, at `ASKED` and its path, and what is kept. */
  readonly first: Trace;
  /** Its inputs: those of the function that it needs, what the host gave, at `TOLD` and its path, and what was kept. */
  readonly second: Trace;
}

export const ASKED = 'asked.';
export const TOLD = 'told.';
const KEPT = 'kept.';

/** Nodes that cost about as much as copying their output. */
const CHEAP = new Set(
  'Add Cast Div Erf Exp Expand Identity Mul Neg Pow Reshape Sigmoid Sqrt Squeeze Sub Tanh Transpose Unsqueeze'.split(
    ' ',
  ),
);

export function divideAtHostCall(recorded: HostCallTrace): DividedTrace {
  const { nodes, constants, inputs, told, values } = recorded;
  const late = new Set(told.map(({ value }) => value.name));
  for (const node of nodes)
    if (node.inputs.some((name) => late.has(name))) for (const name of node.outputs) late.add(name);
  const isLate = ({ outputs: [name] }: Node) => late.has(name!);
  const after = nodes.filter(isLate);

  // Results that do not depend on the call are passed on: they must be outputs of nodes of the second graph.
  const outputs = recorded.outputs.map(({ path, value }) => {
    if (late.has(value.name)) return { path, value };
    const passed = { ...value, name: `${value.name}_passed` };
    after.push({
      type: 'Identity',
      domain: '',
      inputs: [value.name],
      outputs: [passed.name],
      attributes: {},
    });
    return { path, value: passed };
  });

  const before = nodes.filter((node) => !isLate(node));
  const asked = recorded.asked.map(({ path, value }) => ({ path: ASKED + path, value }));
  const { again, keep } = keepOrRepeat(before, {
    needed: new Set(after.flatMap((node) => node.inputs)),
    isThere: new Set(asked.map(({ value }) => value.name)),
    values,
  });
  const kept = keep.map((value) => ({ path: KEPT + value.name, value }));

  const trace = (parts: readonly Node[], given: Trace['inputs'], wanted: Trace['outputs']): Trace => {
    const needed = reachable({ nodes: parts, constants }, wanted);
    const used = new Set(needed.nodes.flatMap((node) => node.inputs));
    return {
      ...needed,
      inputs: given.filter(({ value }) => used.has(value.name)),
      outputs: wanted,
      result: undefined,
    };
  };
  const toldInputs = told.map(({ path, value }) => ({ path: TOLD + path, value }));
  return {
    first: trace(before, inputs, [...asked, ...kept]),
    second: trace([...again, ...after], [...inputs, ...toldInputs, ...asked, ...kept], outputs),
  };
}

/**
 * Of what the second graph needs of the first: which values are kept, and which nodes it repeats. A cheap node is repeated unless
 * more would have to be kept for it than it gives.
 * @param needed names of values; those that repeated nodes need are added
 * @param isThere names of those that the second graph has in any case
 */
function keepOrRepeat(
  before: readonly Node[],
  { needed, isThere, values }: { needed: Set<string>; isThere: Set<string>; values: HostCallTrace['values'] },
): { again: Node[]; keep: Value[] } {
  const again: Node[] = [];
  const keep: Value[] = [];
  const bytes = (names: readonly string[]) =>
    names.reduce((sum, name) => sum + bytesOfValue(values.get(name)!), 0);
  for (const node of [...before].reverse()) {
    const used = node.outputs.filter((name) => needed.has(name) && !isThere.has(name));
    if (used.length === 0) continue;
    const isNew = (name: string) => values.has(name) && !needed.has(name) && !isThere.has(name);
    const more = [...new Set(node.inputs)].filter(isNew);
    if (CHEAP.has(node.type) && bytes(more) <= bytes(used)) {
      again.push(node);
      for (const name of more) needed.add(name);
    } else keep.push(...used.map((name) => values.get(name)!));
  }
  return { again: again.reverse(), keep };
}

function bytesOfValue({ shape, dtype }: Value): number {
  return sizeOf(shape) * ELEMENT_BYTES[dtype];
}
