import { leaves, type MapLeaves, PengiError, rebuildTree, type Tree } from '@pengi/core';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { registerGradients } from './gradients/index.js';

/** Gradients with the structure of the parameters; null where the loss does not depend on a parameter. */
export type GradsOf<P> = MapLeaves<P, Tensor, Tensor | null>;

/**
 * The value of `f(params)` and its gradient with respect to every leaf of `params`. Unlike `tf.valueAndGrads`, a leaf
 * that the value does not depend on is no error: its gradient is null, as `Parameter.grad` is None in torch.
 * @param f returns a scalar, or a scalar and a tree of tensors worth returning
 * @throws PengiError E_SHAPE when the loss is no scalar
 */
export function valueAndGrad<P, Aux = undefined>(
  f: (params: P) => Scalar | { loss: Scalar; aux: Aux },
  params: P & Tree<Tensor>,
): { loss: Scalar; aux: Aux; grads: GradsOf<P> } {
  registerGradients();
  const entries = leaves<Tensor>(params);
  let aux: Aux | undefined;

  const lossOf = () => {
    const result = f(params);
    const loss = result instanceof tf.Tensor ? result : result.loss;
    if (loss.rank !== 0) throw new PengiError('E_SHAPE', `expected a scalar loss, found [${loss.shape}]`);
    // What a differentiated function does not return is disposed after it, unless it is kept.
    if (!(result instanceof tf.Tensor))
      aux = rebuildTree<Aux>(result.aux, (_path, leaf) => tf.keep(tf.clone(leaf as Tensor)));
    return loss;
  };
  const tensors = entries.map(([, leaf]) => leaf);
  const { value, grads } = orElse(
    () => tf.tidy(() => tf.engine().gradients(lossOf, tensors, undefined, true)),
    () => {
      for (const [, kept] of leaves(aux as Tree<Tensor>)) kept.dispose();
      releaseTape();
    },
  );

  const byPath = new Map(entries.map(([path], i) => [path, grads[i] ?? null]));
  return {
    loss: value as Scalar,
    aux: rebuildTree<Aux>(aux, (_path, leaf) => {
      const kept = leaf as Tensor;
      const released = tf.clone(kept); // belongs to the caller's scope, as everything else
      kept.dispose();
      return released;
    }),
    grads: rebuildTree<GradsOf<P>>(params, (path) => byPath.get(path) ?? null),
  };
}

/** What TensorFlow.js keeps for the way back, and forgets about when something on the way fails. */
function releaseTape(): void {
  const { state } = tf.engine();
  if (state.gradientDepth > 0) return; // an outer gradient needs it
  for (const { saved = [] } of state.activeTape ?? []) for (const tensor of saved) tensor.dispose();
  state.activeTape = [];
}

function orElse<T>(attempt: () => T, cleanUp: () => void): T {
  try {
    return attempt();
  } catch (error) {
    cleanUp();
    throw error;
  }
}
