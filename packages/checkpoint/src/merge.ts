import {
  type DType,
  type Leaf,
  leaves,
  type MapLeaves,
  mapTree,
  type NdArray,
  PengiError,
  pathMatcher,
  printable,
  type Tree,
} from '@pengi/core';
import { ARRAY_DTYPES } from './dtypes.js';
import type { TensorSource } from './source.js';

export interface MergeOptions {
  /** The spec's name for a tensor of the file; null leaves the tensor out. */
  rename?: (name: string) => string | null;
  /** Patterns (of core's `pathMatcher`) of renamed tensors that may be there without the spec wanting them. */
  ignore?: readonly string[];
  /**
   * Names that mean the array of another name: `{'lm_head.weight': 'transformer.wte.weight'}`. The file holds either of
   * the two or both, in the same shape; where it holds both, each name gets its own. Values are not compared.
   */
  ties?: Readonly<Record<string, string>>;
  /** What the spec was made from, for the message: `config "htsat-tiny"`. */
  where?: string;
}

/**
 * The arrays of a file in the structure of `spec`: every one in the spec's shape and dtype (float32 where a leaf names
 * none), none missing, none left over. Nothing is read before all of that is known.
 * @param source an open file, or arrays by name
 * @throws PengiError E_WEIGHTS that lists what is missing (-), extra (+) and of another shape (~)
 */
export function mergeParameters<T>(
  spec: T & Tree<Leaf>,
  source: TensorSource | Readonly<Record<string, NdArray>>,
  { rename = (name) => name, ignore = [], ties = {}, where = 'this config' }: MergeOptions = {},
): MapLeaves<T, Leaf, NdArray> {
  const given = isSource(source) ? givenBySource(source) : givenByRecord(source);
  const wanted = new Map(leaves<TypedLeaf>(spec));
  const missing: string[] = [];
  const extra: string[] = [];
  const clashes: string[] = [];

  const found = new Map<string, Given>(); // by the spec's names
  for (const item of given) {
    const name = rename(item.name);
    if (name === null) continue;
    const twin = found.get(name);
    if (twin)
      clashes.push(`${printable(name)}: file has both ${printable(twin.name)} and ${printable(item.name)}`);
    else found.set(name, item);
  }

  const isIgnored = pathMatcher(ignore);
  const tieOf = new Map(Object.entries(ties));
  for (const [name, item] of found) {
    const target = wanted.get(name) ?? wanted.get(tieOf.get(name) ?? name);
    if (target) clashes.push(...clash(name, item, target));
    else if (!isIgnored(name)) extra.push(`${printable(name)} ${shapeText(item.shape)}`);
  }

  const takenFor = (name: string): Given | undefined => {
    const meant = tieOf.get(name) ?? name;
    const tied = [...tieOf].filter(([, of]) => of === meant).map(([alias]) => alias);
    return [name, meant, ...tied].map((candidate) => found.get(candidate)).find((item) => item !== undefined);
  };
  const taken = new Map<string, Given>();
  for (const [name, leaf] of wanted) {
    const item = takenFor(name);
    if (item) taken.set(name, item);
    else missing.push(`${name} ${shapeText(leaf.shape)}`);
  }

  if (missing.length + extra.length + clashes.length > 0)
    throw new PengiError('E_WEIGHTS', describe(missing, extra, clashes, where), {
      ...('path' in source && typeof source.path === 'string' ? { file: source.path } : {}),
      hint: `take the weights that belong to ${where}, or the config that belongs to these weights`,
    });
  return mapTree<Leaf, NdArray, T>(spec, (_, path) => (taken.get(path) as Given).array());
}

/**
 * A `rename` that takes `prefix` off, if all names have it: `module.` of a model that PyTorch trained on several GPUs.
 * Otherwise names stay as they are, so that a name which only happens to start like that is not cut.
 */
export function stripCommonPrefix(names: Iterable<string>, prefix = 'module.'): (name: string) => string {
  const all = [...names];
  if (all.length === 0 || !all.every((name) => name.startsWith(prefix))) return (name) => name;
  return (name) => name.slice(prefix.length);
}

/** How many differences of a kind are listed. */
const LISTED = 10;

interface TypedLeaf extends Leaf {
  readonly dtype?: DType;
}

/** A tensor that the source has. */
interface Given {
  readonly name: string;
  readonly shape: readonly number[];
  /** Undefined for a dtype without an array type. */
  readonly dtype: DType | undefined;
  /** The dtype in the source's own words. */
  readonly label: string;
  array(): NdArray;
}

function isSource(source: TensorSource | Readonly<Record<string, NdArray>>): source is TensorSource {
  return typeof source.array === 'function';
}

function givenBySource(source: TensorSource): Given[] {
  return [...source.tensors].map(([name, { dtype, shape }]) => ({
    name,
    shape,
    dtype: ARRAY_DTYPES[dtype],
    label: dtype,
    array: () => source.array(name),
  }));
}

function givenByRecord(arrays: Readonly<Record<string, NdArray>>): Given[] {
  return Object.entries(arrays).map(([name, array]) => ({
    name,
    shape: array.shape,
    dtype: array.dtype,
    label: array.dtype,
    array: () => array,
  }));
}

function clash(name: string, item: Given, { shape, dtype = 'float32' }: TypedLeaf): string[] {
  const sameType = item.dtype === dtype;
  if (sameType && shapeText(item.shape) === shapeText(shape)) return [];
  const [has, wants] = sameType ? ['', ''] : [`${item.label} `, `${dtype} `];
  return [
    `${printable(name)}: file has ${has}${shapeText(item.shape)}, model wants ${wants}${shapeText(shape)}`,
  ];
}

function describe(missing: string[], extra: string[], clashes: string[], where: string): string {
  const kinds = [
    { sign: '-', items: missing, word: 'missing' },
    { sign: '+', items: extra, word: 'extra' },
    { sign: '~', items: clashes, word: 'of another shape' },
  ].filter(({ items }) => items.length > 0);
  const counts = kinds.map(({ items, word }) => `${items.length} ${word}`).join(', ');
  const lines = kinds.flatMap(({ sign, items, word }) => [
    ...items.slice(0, LISTED).map((item) => `  ${sign} ${item}`),
    ...(items.length > LISTED ? [`  ${sign} … and ${items.length - LISTED} more ${word}`] : []),
  ]);
  return [`the weights do not fit ${where}: ${counts}`, ...lines].join('\n');
}

function shapeText(shape: readonly number[]): string {
  return `[${shape.join(',')}]`;
}
