/**
 * Low-rank adapters (LoRA; Hu et al., 2021): the weight of a linear layer stays as it is, and beside it a product of two
 * small matrices is learnt. `linear` and `conv1d` add the product where a layer has one; merged into the weight it is gone.
 */
import {
  isLeaf,
  leaves,
  type NdArray,
  ndarray,
  PengiError,
  pathMatcher,
  printable,
  type Tree,
} from '@pengi/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { constantInit, torchLinearInit, zerosInit } from './init.js';
import { buffer, initParams, type ParamSpec, param } from './spec.js';

/** The adapter of a layer x -> y, below it as `lora`: y + scale · (x aᵀ) bᵀ. */
export interface LoraParams<Leaf = Tensor> {
  /** [rank, inputs] */
  a: Leaf;
  /** [outputs, rank]; 0 at the start, so that an adapter begins by changing nothing. */
  b: Leaf;
  /** [], alpha / rank */
  scale: Leaf;
}

export interface LoraOptions {
  /** Rows of `a`: how much an adapter can change. */
  readonly rank: number;
  /** The product counts alpha / rank times; default: the rank, so once. */
  readonly alpha?: number;
  /** Patterns of the layers that get an adapter: all linear ones at or below a path that matches. */
  readonly targets: readonly string[];
  /** Patterns of layers that have none all the same. */
  readonly except?: readonly string[];
}

/** Patterns of the parameters of adapters that are learnt. */
export const LORA_TRAINED = ['**.lora.a', '**.lora.b'] as const;

/**
 * A spec with adapters beside the layers that `targets` match.
 * @throws PengiError E_CONFIG for a target without linear layers, and for a rank or alpha that cannot be
 */
export function loraSpec<S>(
  spec: S & Tree<ParamSpec>,
  { rank, alpha = rank, targets, except = [] }: LoraOptions,
): S & Tree<ParamSpec> {
  if (!(Number.isInteger(rank) && rank >= 1))
    throw new PengiError('E_CONFIG', `the rank of adapters is ${rank}, it must be a positive integer`);
  if (!(Number.isFinite(alpha) && alpha > 0))
    throw new PengiError('E_CONFIG', `the alpha of adapters is ${alpha}, it must be above 0`);
  const paths = [...layoutsOf(spec).keys()];
  const idle = targets.filter((target) => !paths.some(pathMatcher([target])));
  if (idle.length > 0 || targets.length === 0)
    throw new PengiError(
      'E_CONFIG',
      idle.length > 0
        ? `no linear layer matches ${idle.map((target) => `"${printable(target)}"`).join(', ')}`
        : 'no layer is to have an adapter',
      { hint: `linear layers are named like ${paths.slice(0, 3).join(', ')}` },
    );
  const [isTarget, isExcepted] = [pathMatcher(targets), pathMatcher(except)];
  return mapLayers(spec, (layer, path) => {
    const { weight } = layer as { weight: ParamSpec };
    if (weight.layout === undefined || !isTarget(path) || isExcepted(path)) return layer;
    const [outputs, inputs] = outIn(weight.shape, weight.layout);
    const lora: LoraParams<ParamSpec> = {
      a: param([rank, inputs], torchLinearInit),
      b: param([outputs, rank], zerosInit),
      scale: buffer([], constantInit(alpha / rank)),
    };
    return { ...layer, lora };
  }) as S & Tree<ParamSpec>;
}

/**
 * `params` of `spec` with new adapters; a layer that has one already keeps it.
 * @throws PengiError E_CONFIG as `loraSpec`
 */
export function addLora<P>(
  params: P & Tree<NdArray>,
  spec: Tree<ParamSpec>,
  options: LoraOptions,
  seed: number,
): P {
  const added = new Map(
    leaves<ParamSpec>(loraSpec(spec, options)).filter(([path]) => path.includes('.lora.')),
  );
  const values = initParams(Object.fromEntries(added), seed) as Record<string, NdArray>;
  return mapLayers(params, (layer, path) => {
    if (!added.has(`${path}.lora.a`) || 'lora' in layer) return layer;
    const lora = Object.fromEntries(
      ['a', 'b', 'scale'].map((name) => [name, values[`${path}.lora.${name}`]!]),
    );
    return { ...layer, lora };
  }) as P;
}

/**
 * The parameters without adapters, whose products are in the weights: W + scale · b a. Those without adapters come back as
 * they are.
 * @param spec that of the model without adapters: it knows how weights lie
 */
export function mergeLora<P>(params: P & Tree<NdArray>, spec: Tree<ParamSpec>): P {
  const layouts = layoutsOf(spec);
  return mapLayers(params, (layer, path) => {
    const { lora, ...plain } = layer as { weight: NdArray; lora?: LoraParams<NdArray> };
    return lora ? { ...plain, weight: merged(plain.weight, lora, layouts.get(path)!) } : layer;
  }) as P;
}

type Layout = NonNullable<ParamSpec['layout']>;

function merged(weight: NdArray, { a, b, scale }: LoraParams<NdArray>, layout: Layout): NdArray {
  const [outputs, inputs] = outIn(weight.shape, layout);
  const rank = a.shape[0]!;
  const [down, up] = [a.data, b.data];
  const factor = Number(scale.data[0]);
  const data = Float32Array.from(weight.data);
  const [byOutput, byInput] = layout === 'out-in' ? [inputs, 1] : [1, outputs];
  const row = new Float64Array(inputs);
  for (let o = 0; o < outputs; o++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const times = factor * Number(up[o * rank + r]);
      for (let i = 0; i < inputs; i++) row[i]! += times * Number(down[r * inputs + i]);
    }
    for (let i = 0; i < inputs; i++) data[o * byOutput + i * byInput]! += row[i]!;
  }
  return ndarray('float32', weight.shape, data);
}

/** [outputs, inputs] of a weight. */
function outIn([rows, columns]: readonly number[], layout: Layout): [number, number] {
  return layout === 'out-in' ? [rows!, columns!] : [columns!, rows!];
}

/** The linear layers of a spec by path, with how their weights lie. */
function layoutsOf(spec: Tree<ParamSpec>): Map<string, Layout> {
  const found = new Map<string, Layout>();
  mapLayers(spec, (layer, path) => {
    const { layout } = layer.weight as ParamSpec;
    if (layout !== undefined) found.set(path, layout);
    return layer;
  });
  return found;
}

/** The tree with `f` of every object that has a leaf `weight`. */
function mapLayers(
  node: unknown,
  f: (layer: { weight: unknown }, path: string) => object,
  path = '',
): unknown {
  const below = (key: string) => (path === '' ? key : `${path}.${key}`);
  if (isLeaf(node) || typeof node !== 'object' || node === null) return node;
  if (Array.isArray(node)) return node.map((child, i) => mapLayers(child, f, below(String(i))));
  if ('weight' in node && isLeaf(node.weight)) return f(node, path);
  return Object.fromEntries(
    Object.entries(node).map(([key, child]) => [key, mapLayers(child, f, below(key))]),
  );
}
