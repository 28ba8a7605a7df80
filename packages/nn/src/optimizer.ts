/** Optimizers as pure functions on trees, so that a whole training step can be one compiled graph. */
import {
  leaves,
  type MapLeaves,
  type NdArray,
  pathMatcher,
  rebuildTree,
  scalar,
  type Tree,
  zeros,
} from '@pengi/core';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { GradsOf } from './grad.js';

export interface AdamOptions {
  beta1?: number;
  beta2?: number;
  epsilon?: number;
  /**
   * Decoupled decay (AdamW), in units of the learning rate; 0 is plain Adam. Only matrices decay: norms, biases and scales
   * do not.
   */
  weightDecay?: number;
  /** Patterns of matrices that do not decay either, such as embeddings of positions. */
  noDecay?: readonly string[];
  /**
   * Parameters with a learning rate of their own, as a multiple (`rate`, above 0) of the schedule's. Of several groups with a
   * parameter the first counts.
   */
  groups?: readonly ParameterGroup[];
}

export interface ParameterGroup {
  /** Patterns of paths, see `pathMatcher` of @pengi/core. */
  readonly match: readonly string[];
  readonly rate: number;
}

/** What the options say of one parameter. */
export interface ParameterRule {
  /** Multiple of the learning rate. */
  readonly rate: number;
  /** Decay in units of the parameter's own learning rate. */
  readonly weightDecay: number;
}

/** The rules of `options` for a parameter by path and shape. */
export function parameterRules({
  weightDecay = 0,
  noDecay = [],
  groups = [],
}: AdamOptions): (path: string, shape: readonly number[]) => ParameterRule {
  const isSpared = pathMatcher(noDecay);
  const rates = groups.map(({ match, rate }) => ({ matches: pathMatcher(match), rate }));
  return (path, shape) => ({
    rate: rates.find(({ matches }) => matches(path))?.rate ?? 1,
    weightDecay: shape.length >= 2 && !isSpared(path) ? weightDecay : 0,
  });
}

/** Moments of the parameters `P`, and the number of steps done. */
export interface AdamState<P, Leaf = Tensor> {
  step: Leaf;
  m: MapLeaves<P, Tensor, Leaf>;
  v: MapLeaves<P, Tensor, Leaf>;
}

export const ADAM_DEFAULTS = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

export function adamInit<P>(params: P & Tree<NdArray>): { step: NdArray; m: P; v: P } {
  const zerosLike = () => rebuildTree<P>(params, (_path, leaf) => zeros('float32', leaf.shape));
  return { step: scalar(0), m: zerosLike(), v: zerosLike() };
}

/**
 * One step of torch's Adam (or AdamW): bias-corrected moments, epsilon added to the corrected root. A parameter without
 * a gradient keeps its value and moments, as in torch.
 * @param learningRate a scalar tensor, so that a schedule does not need another graph
 */
export function adamUpdate<P>(
  params: P & Tree<Tensor>,
  grads: GradsOf<P>,
  state: AdamState<P>,
  learningRate: Scalar,
  options: AdamOptions = {},
): { params: P; state: AdamState<P> } {
  const { beta1, beta2, epsilon } = { ...ADAM_DEFAULTS, ...options };
  const ruleOf = parameterRules(options);
  const gradOf = byPath(grads);
  const mOf = byPath(state.m);
  const vOf = byPath(state.v);

  const step = tf.add(state.step, 1);
  const correction1 = tf.sub(1, tf.pow(beta1, step));
  const correction2 = tf.sub(1, tf.pow(beta2, step));
  const times = (x: Tensor, factor: number) => (factor === 1 ? x : tf.mul(x, factor));

  const next = { params: byPath(params), m: mOf, v: vOf };
  for (const [path, g] of gradOf) {
    const p = next.params.get(path)!;
    const m = tf.add(tf.mul(mOf.get(path)!, beta1), tf.mul(g, 1 - beta1));
    const v = tf.add(tf.mul(vOf.get(path)!, beta2), tf.mul(tf.square(g), 1 - beta2));
    const denominator = tf.add(tf.sqrt(tf.div(v, correction2)), epsilon);
    const { rate: multiple, weightDecay } = ruleOf(path, p.shape);
    const own = times(learningRate, multiple);
    const rate = tf.div(own, correction1);
    const decayed = weightDecay > 0 ? tf.mul(p, tf.sub(1, tf.mul(own, weightDecay))) : p;
    next.params.set(path, tf.sub(decayed, tf.div(tf.mul(m, rate), denominator)));
    next.m.set(path, m);
    next.v.set(path, v);
  }

  const treeOf = <T>(values: Map<string, Tensor>) => rebuildTree<T>(params, (path) => values.get(path));
  return { params: treeOf(next.params), state: { step, m: treeOf(next.m), v: treeOf(next.v) } };
}

/** √(Σ‖g‖²) over all gradients. */
export function globalNorm<P>(grads: GradsOf<P>): Scalar {
  const squares = [...byPath(grads).values()].map((g) => tf.sum(tf.square(g)));
  return squares.length === 0 ? tf.scalar(0) : (tf.sqrt(tf.addN(squares)) as Scalar);
}

/** Gradients scaled down so that their global norm is at most `limit`, and the norm before, as torch's clip_grad_norm_. */
export function clipByGlobalNorm<P>(grads: GradsOf<P>, limit: number): { grads: GradsOf<P>; norm: Scalar } {
  const norm = globalNorm<P>(grads);
  const factor = tf.minimum(1, tf.div(limit, tf.add(norm, 1e-6)));
  return { grads: rebuildTree<GradsOf<P>>(grads, (_path, g) => tf.mul(g as Tensor, factor)), norm };
}

/** The leaves by path; null gradients are no leaves and stay out. */
function byPath(tree: unknown): Map<string, Tensor> {
  return new Map(leaves(tree as Tree<Tensor>));
}
