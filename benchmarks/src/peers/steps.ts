/**
 * Training steps of both stages at full size, as `train` makes them: batch, forward, backward and Adam. Without what is random
 * in training, so that the peer computes the same, and its first loss can be compared.
 */
import { CLAP_PAPER } from '@pengi/clap';
import { floats, type NdArray } from '@pengi/core';
import type { Arrays, Engine } from '@pengi/jit';
import { constantRate } from '@pengi/nn';
import { type TrainTask, train } from '@pengi/train';
import { clapTask, PENGI_BASE, pengiTask } from 'pengi';
import { type Context, type Ours, pattern } from './context.js';

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
  return stepsOf(
    engine,
    clapTask(CLAP_PAPER, clap, () => samples(8)),
    ({ ids }) => ({ ids: rows(ids) }),
  );
}

export async function pengiStep({ engine, params }: Context): Promise<Ours> {
  const task = pengiTask(PENGI_BASE, params, () => samples(4));
  return stepsOf(engine, task, ({ promptIds, captionIds }) => ({
    ids: rows(promptIds),
    captions: rows(captionIds),
  }));
}

/** Ids [n, length] as lists. */
function rows({ data, shape }: NdArray): number[][] {
  const [n, length] = shape as [number, number];
  return Array.from({ length: n }, (_, i) => Array.from(data.subarray(i * length, (i + 1) * length)));
}

/** A run that makes one step whenever it is asked to. */
async function stepsOf<P, B>(
  engine: Engine,
  task: TrainTask<P, B>,
  peerArguments: (batch: Arrays<B>) => object,
): Promise<Ours> {
  const batch = await task.batch(0);
  let go: () => void = () => undefined;
  let tell: (loss: number) => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  const stop = new AbortController();
  const { contrast: _, ...plain } = task;
  const running = train(
    {
      ...plain,
      loss: (p, b) => task.loss(p, b, undefined),
      // One is asked for ahead: it waits until the step is wanted.
      batch: () =>
        new Promise<typeof batch>((resolve) => {
          go = () => resolve(batch);
        }),
    },
    {
      engine,
      steps: 1e6,
      schedule: constantRate(1e-4),
      optimizer: {},
      seed: 1,
      signal: stop.signal,
      progress: () => ({
        // The note begins with the loss, averaged: the first one is the loss itself.
        update: (_done, _total, note) => tell(Number(/loss ([^,]+)/.exec(note ?? '')?.[1])),
        end: () => undefined,
      }),
    },
  );
  running.catch((error: unknown) => fail(error));
  return {
    async run() {
      const loss = await new Promise<number>((resolve, reject) => {
        [tell, fail] = [resolve, reject];
        setImmediate(() => go());
      });
      return floats([loss]);
    },
    async dispose() {
      stop.abort();
      await running;
    },
    peerArguments: peerArguments(batch.arrays),
  };
}
