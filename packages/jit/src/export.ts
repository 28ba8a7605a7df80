/** Functions as ONNX files for other runtimes. */
import { leaves, type NdArray, PengiError, sizeOf, type Tree } from '@pengi/core';
import type { Arrays } from './engine.js';
import { type Constant, ELEMENT_BYTES, type Node, type Value } from './graph/graph.js';
import type { ModelContent, ModelValue } from './graph/onnx.js';
import { type OpenPlaceholder, type OpenTrace, traceOpen } from './graph/symbols.js';

export interface ExportOptions {
  /** Name of the graph. */
  name: string;
  /** What the model does. */
  doc?: string;
  /** What an input or output of a name means. */
  docOf?: (name: string) => string | undefined;
  /** Whatever a reader of the file may want to know: `metadata_props`. */
  metadata?: Readonly<Record<string, string>>;
}

export interface WriteOnnxOptions {
  /** Weights in a second file, `<file>.data`. Default: where the one file would be longer than its format allows, 2 GiB. */
  externalData?: boolean;
}

/** A file that was written. */
export interface OnnxFile {
  path: string;
  bytes: number;
  sha256: string;
}

/** A model of ONNX' standard operators, ready to be written. */
export interface OnnxModel {
  readonly inputs: readonly ModelValue[];
  readonly outputs: readonly ModelValue[];
  /** How many operators there are. */
  readonly nodes: number;
  /** Bytes of weights and tables. */
  readonly weightBytes: number;
  /**
   * Replaces what is there.
   * @returns the model, and the file of its weights if there is one
   * @throws PengiError E_CANNOT_CREATE, E_DISK_FULL, E_IO, E_USAGE for one file of more than 2 GiB
   */
  write(path: string, options?: WriteOnnxOptions): Promise<OnnxFile[]>;
}

/** Shapes by name, in any structure. */
export type OpenInputs = OpenPlaceholder | { readonly [key: string]: OpenInputs } | readonly OpenInputs[];

/**
 * `fn(weights, inputs)` as an ONNX model. Inputs and outputs have the paths in their trees for names, weights those in theirs.
 * A name in place of a size of an input leaves it open: the model runs at any. It is derived from recordings at several
 * sizes and compared with another one.
 * @param inputs a record of shapes, such as `{ ids: { shape: ['batch', 40], dtype: 'int32' } }`
 * @throws PengiError E_TRACE when a size cannot be left open, or two arrays have one name; E_KERNEL for an operation that
 *   has no equivalent
 */
export function exportOnnx<Weights, Inputs, Output>(
  fn: (weights: Weights, inputs: Inputs) => Output,
  weights: Arrays<Weights>,
  inputs: OpenInputs,
  options: ExportOptions,
): OnnxModel {
  const recorded = traceOpen(fn as never, weights, [inputs]);
  const content = { ...withNames(recorded, weights, options.docOf), ...options };
  const foreign = content.nodes.find(({ domain }) => domain !== '');
  if (foreign)
    throw new PengiError('E_KERNEL', `${foreign.domain}.${foreign.type} is no standard operator of ONNX`);
  return {
    inputs: content.inputs,
    outputs: content.outputs,
    nodes: content.nodes.length,
    weightBytes: content.constants.reduce(
      (sum, { shape, dtype }) => sum + sizeOf(shape) * ELEMENT_BYTES[dtype],
      0,
    ),
    async write(path, writeOptions) {
      const { writeOnnx } = await import('./graph/onnx-file.js'); // Node only, so not before it is asked for
      return writeOnnx(content, path, writeOptions);
    },
  };
}

/** The recording with names that say something. */
function withNames(
  { nodes, constants, inputs, outputs }: OpenTrace,
  weights: unknown,
  docOf: ExportOptions['docOf'] = () => undefined,
): Pick<ModelContent, 'nodes' | 'constants' | 'inputs' | 'outputs'> {
  const paths = new Map(
    leaves(weights as Tree<NdArray>)
      .map(([path, array]) => [sourceOf(array), path] as const)
      .reverse(), // of tied weights the first name counts
  );
  const names = new Map<string, string>();
  const taken = new Set<string>();
  const rename = (name: string, to: string) => {
    if (taken.has(to)) throw new PengiError('E_TRACE', `two arrays of the model are named "${to}"`);
    taken.add(to);
    names.set(name, to);
  };
  for (const { name, path } of inputs) rename(name, path.replace(/^0\.?/, '') || 'input');
  for (const { name, path } of outputs) rename(name, path || 'output');
  for (const { name, constant } of constants) {
    const path = paths.get(sourceOf(constant!));
    if (path !== undefined && !taken.has(path)) rename(name, path);
  }
  const named = <T extends { readonly name: string }>(value: T): T => ({
    ...value,
    name: names.get(value.name) ?? value.name,
  });
  const documented = ({ path: _path, ...value }: OpenTrace['inputs'][number]): ModelValue => {
    const { name, shape, dtype } = named(value);
    const doc = docOf(name);
    return { name, shape, dtype, ...(doc === undefined ? {} : { doc }) };
  };
  const renamed = (list: readonly string[]) => list.map((name) => names.get(name) ?? name);
  return {
    nodes: nodes.map(
      (node): Node => ({ ...node, inputs: renamed(node.inputs), outputs: renamed(node.outputs) }),
    ),
    constants: constants.map((value): Value => named(value)),
    inputs: inputs.map(documented),
    outputs: outputs.map(documented),
  };
}

/** What tells one weight from another: its place in a file, or its memory. */
function sourceOf(array: Constant): unknown {
  const { region } = array;
  return region ? `${region.path}@${region.offset}` : array.data;
}
