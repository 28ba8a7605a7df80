import type { NdArray } from '@pengi/core';
import type { Engine } from '@pengi/jit';
import { adamUpdate, keysFrom, valueAndGrad } from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import {
  type Head,
  type HeadParams,
  headLogits,
  headLosses,
  headTrainingLogits,
  type PredictionType,
  totalLoss,
} from './head.js';

type Floats = NdArray<'float32'>;

/** Adam's moments, like the parameters. */
export interface AdamMoments<Leaf = Floats> {
  m: HeadParams<Leaf>;
  v: HeadParams<Leaf>;
}

/** P probes under training; leaves are [P, …]. */
export interface HeadState<Leaf = Floats> extends Head<Leaf> {
  adam: AdamMoments<Leaf> & { step: Leaf };
}

export interface HeadBatch {
  /** [S, N, D] */
  readonly x: NdArray;
  /** [S, N, K] */
  readonly y: NdArray;
  /** [S, N, 1] */
  readonly mask: NdArray;
  /** Learning rates, [P, 1, 1]. */
  readonly rates: NdArray;
  /** Of the dropout, [P] int32. */
  readonly seeds: NdArray;
}

/** P probes in an engine. */
export interface HeadProgram {
  /** One step of Adam for each. @returns the losses before it, [P] */
  train(batch: HeadBatch): Promise<NdArray>;
  /** [P, N, K], by running statistics. @param x [S, N, D] */
  logits(x: NdArray): Promise<NdArray>;
  state(): Promise<HeadState>;
  dispose(): Promise<void>;
}

/** One graph for the forward and backward pass and Adam of all probes, another for their logits. */
export function compileHeads(
  engine: Engine,
  dropout: number,
  type: PredictionType,
  initial: HeadState,
): HeadProgram {
  const step = engine.compileStep(
    (
      _weights: Record<string, never>,
      state: HeadState<Tensor>,
      { x, y, mask, rates, seeds }: { [Name in keyof HeadBatch]: Tensor },
    ) => {
      const { aux, grads } = valueAndGrad((params: HeadParams) => {
        const { logits, statistics } = headTrainingLogits(
          { params, statistics: state.statistics },
          x,
          mask,
          dropout,
          keysFrom(seeds),
        );
        const losses = headLosses(type, logits, y, mask);
        return { loss: totalLoss(losses), aux: { losses, statistics } };
      }, state.params);
      // A rate for each probe: it broadcasts over parameters [P, rows, columns] as a scalar would.
      const next = adamUpdate(state.params, grads, state.adam, rates as unknown as Scalar);
      return {
        state: { params: next.params, statistics: aux.statistics, adam: next.state },
        output: aux.losses,
      };
    },
    {},
    initial,
    { name: 'probes' },
  );
  const forward = engine.compile(
    (_weights: Record<string, never>, head: Head<Tensor>, x: Tensor) => headLogits(head, x),
    {},
    { name: 'probe logits' },
  );
  return {
    train: (batch) => step.run(batch as never),
    async logits(x) {
      const { params, statistics } = (await step.state()) as HeadState;
      return forward.run({ params, statistics }, x);
    },
    state: async () => (await step.state()) as HeadState,
    async dispose() {
      await step.dispose();
      await forward.dispose();
    },
  };
}
