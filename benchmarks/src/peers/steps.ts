/** Training steps of both stages at full size: forward, backward and Adam, as `train` compiles them. */
import { CLAP_PAPER } from '@pengi/clap';
import { floats, ints, type NdArray, pathMatcher } from '@pengi/core';
import type { Arrays, Engine } from '@pengi/jit';
import { adamInit, adamUpdate, keysFrom, valueAndGrad } from '@pengi/nn';
import { mergeParams, splitParams, type TrainTask } from '@pengi/train';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { clapTask, PENGI_BASE, pengiTask } from 'pengi';
import { type Context, type Ours, pattern } from './context.js';

type Tensors = Record<string, Tensor>;
type State = { params: Tensors; adam: ReturnType<typeof adamInit<Tensors>> };

const CAPTIONS = [
  'a dog barks twice while rain falls',
  'a woman speaks and a door closes',
  'music plays softly in a large room',
  'an engine idles and then revs up',
  'birds sing beside a running stream',
  'footsteps on gravel come closer',
  'a bell rings three times far away',
  'people laugh and clap their hands',
] as const;

/** The recordings of a batch, as the peers have them. */
function samples(count: number) {
  const all = pattern(count * 965 * 64, 60).map((value) => value - 20);
  return Array.from({ length: count }, (_, i) => ({
    id: String(i),
    logMel: all.slice(i * 965 * 64, (i + 1) * 965 * 64),
    caption: CAPTIONS[i]!,
    prompt: 'generate audio caption',
    target: CAPTIONS[i]!,
  }));
}

export async function clapStep({ engine, params }: Context): Promise<Ours> {
  const clap = {
    audio_encoder: params.audio_encoder,
    caption_encoder: params.caption_encoder!,
    logit_scale: floats([Math.log(1 / 0.07)], []),
  } as Arrays<never>;
  return stepOf(
    engine,
    clapTask(CLAP_PAPER, clap, () => samples(8)),
    ({ ids }) => ({ ids: rows(ids) }),
  );
}

export async function pengiStep({ engine, params }: Context): Promise<Ours> {
  const task = pengiTask({ ...PENGI_BASE, textNorm: 'training' }, params, () => samples(4));
  return stepOf(engine, task, ({ promptIds, captionIds }) => ({
    ids: rows(promptIds),
    captions: rows(captionIds),
  }));
}

/** Ids [n, length] as lists. */
function rows({ data, shape }: NdArray): number[][] {
  const [n, length] = shape as [number, number];
  return Array.from({ length: n }, (_, i) => Array.from(data.subarray(i * length, (i + 1) * length)));
}

async function stepOf<P, B>(
  engine: Engine,
  task: TrainTask<P, B>,
  peerArguments: (batch: Arrays<B>) => object,
): Promise<Ours> {
  const { frozen, trainable } = splitParams<NdArray>(task.params as never, pathMatcher(task.frozen));
  const batch = await task.batch(0);
  const seeds = ints(batch.ids.map((_, i) => i + 1));
  const program = engine.compileStep(
    (fixed: Tensors, { params, adam }: State, given: B, keys: Tensor) => {
      const { loss, grads } = valueAndGrad<Tensors>((p) => {
        const value = task.loss(mergeParams<P>(task.params, fixed, p), given, keysFrom(keys));
        return value instanceof tf.Tensor ? value : value.loss;
      }, params);
      const next = adamUpdate<Tensors>(params, grads, adam as never, tf.scalar(1e-4) as Scalar, {});
      return { state: { params: next.params, adam: next.state as never }, output: { loss } };
    },
    frozen as Arrays<Tensors>,
    { params: trainable, adam: adamInit(trainable as never) } as never,
  );
  return {
    async run() {
      const { loss } = await program.run(batch.arrays, seeds);
      return floats(Float32Array.from(loss.data as Float32Array), [1]);
    },
    dispose: () => program.dispose(),
    peerArguments: peerArguments(batch.arrays),
  };
}
