import { leaves, type MapLeaves, mapTree, type Tree } from '@pengi/core';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { registerGradients } from './gradients/index.js';

/** Gradients with the structure of the parameters; null where the loss does not depend on a parameter. */
export type GradsOf<P> = MapLeaves<P, Tensor, Tensor | null>;

/**
 * The value of `f(params)` and its gradient with respect to every leaf of `params`. Unlike `tf.valueAndGrads`, a leaf
 * that the value does not depend on is no error: its gradient is null, as `Parameter.grad` is None in torch.
 * @param f returns a scalar, or a scalar and anything else worth returning
 */
export function valueAndGrad<P, Aux = undefined>(
  f: (params: P) => Scalar | { loss: Scalar; aux: Aux },
  params: P & Tree<Tensor>,
): { loss: Scalar; aux: Aux; grads: GradsOf<P> } {
  registerGradients();
  const entries = leaves<Tensor>(params);
  let aux: Aux | undefined;

  const scalarOf = () => {
    const result = f(params);
    if (result instanceof tf.Tensor) return result;
    aux = result.aux;
    return result.loss;
  };
  const { value, grads } = tf
    .engine()
    .gradients(scalarOf, entries.map(([, leaf]) => leaf) as Tensor[], undefined, true);

  const byPath = new Map(entries.map(([path], i) => [path, grads[i] ?? null]));
  return {
    loss: value as Scalar,
    aux: aux as Aux,
    grads: mapTree(params, (_leaf: Tensor, path) => byPath.get(path) ?? null) as unknown as GradsOf<P>,
  };
}
