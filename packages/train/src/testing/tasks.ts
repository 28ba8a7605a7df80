/** Tasks whose parts of a batch count differently, or see each other. */
import { createRng, floats, ints } from '@pengi/core';
import { constantInit, initParams, l2Normalize, linear, linearSpec, type ParamsOf, param } from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { partOf } from '../communicator.js';
import type { TrainTask } from '../task.js';

/** Sequences of random lengths, whose loss is a mean over the values that count: parts of a batch weigh differently. */
export function maskedTask(): TrainTask<{ w: Tensor }, { x: Tensor; mask: Tensor }> {
  const size = 8;
  return {
    name: 'masked',
    params: { w: floats([0.3, -0.2, 0.5, 0.1]) },
    frozen: [],
    loss: ({ w }, { x, mask }) => {
      const errors = tf.square(tf.sub(tf.mul(x, w), 1));
      return tf.div(tf.sum(tf.mul(errors, mask)), tf.sum(mask)) as Scalar;
    },
    async batch(step, part) {
      const rng = createRng(1).fork(step);
      const rows = Array.from({ length: size }, () => ({
        x: Array.from({ length: 4 }, rng.normal),
        length: 1 + rng.int(4),
      }));
      const chosen = partOf(rows, part);
      const shape = [chosen.length, 4];
      return {
        arrays: {
          x: floats(
            chosen.flatMap(({ x }) => x),
            shape,
          ),
          mask: floats(
            chosen.flatMap(({ length }) => [0, 1, 2, 3].map((i) => Number(i < length))),
            shape,
          ),
        },
        ids: chosen.map((_, i) => String(i)),
      };
    },
    weight: ({ mask }) => Array.from(mask.data, Number).reduce((sum, value) => sum + value, 0),
  };
}

const pairSpec = { left: linearSpec(5, 4), right: linearSpec(3, 4), scale: param([], constantInit(1)) };
type PairParams = ParamsOf<typeof pairSpec>;
interface Pairs {
  left: Tensor;
  right: Tensor;
  group: Tensor;
}

/** Picks the partner out of the batch; the scale of the logits is a parameter of the loss itself. */
export function pairTask(): TrainTask<PairParams, Pairs> &
  Required<Pick<TrainTask<PairParams, Pairs>, 'contrast'>> {
  const contrast = {
    rows: (p: PairParams, { left, right, group }: Pairs) => ({
      left: l2Normalize(linear(p.left, left)),
      right: l2Normalize(linear(p.right, right)),
      group,
    }),
    value(p: PairParams, rows: Record<string, Tensor>) {
      const { left, right, group } = rows as Record<'left' | 'right' | 'group', tf.Tensor2D>;
      const logits = tf.mul(tf.exp(p.scale), tf.matMul(left, right, false, true));
      const partners = tf.cast(tf.equal(tf.reshape(group, [-1, 1]), tf.reshape(group, [1, -1])), 'float32');
      const targets = tf.div(partners, tf.sum(partners, 1, true));
      return tf.neg(tf.mean(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1))) as Scalar;
    },
  };
  return {
    name: 'pairs',
    params: initParams(pairSpec, 2),
    frozen: [],
    contrast,
    loss: (p, batch) => contrast.value(p, contrast.rows(p, batch)),
    async batch(step, part) {
      const rng = createRng(7).fork(step);
      const samples = Array.from({ length: 8 }, (_, i) => ({
        id: `${i}`,
        left: Array.from({ length: 5 }, rng.normal),
        right: Array.from({ length: 3 }, rng.normal),
        group: i % 6, // 0 and 6, 1 and 7 are right for each other, and lie in different parts
      }));
      const chosen = partOf(samples, part);
      const B = chosen.length;
      return {
        arrays: {
          left: floats(
            chosen.flatMap(({ left }) => left),
            [B, 5],
          ),
          right: floats(
            chosen.flatMap(({ right }) => right),
            [B, 3],
          ),
          group: ints(chosen.map(({ group }) => group)),
        },
        ids: chosen.map(({ id }) => id),
      };
    },
  };
}

/** Inputs of mean 50, which a normalisation by the batch makes useful; its running statistics are buffers `mean` and `variance`. */
export function normalisedTask(): TrainTask<NormalisedParams, { x: Tensor }> {
  const size = 8;
  const momentum = 0.1;
  return {
    name: 'normalised',
    params: { w: floats([0.3, -0.2, 0.5]), mean: floats([50, 50, 50]), variance: floats([1, 1, 1]) },
    frozen: ['mean', 'variance'],
    loss: ({ w, mean, variance }, { x }) => {
      const normal = tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-5)));
      return tf.mean(tf.square(tf.sub(tf.sum(tf.mul(normal, w), 1), 1))) as Scalar;
    },
    statistics: {
      buffers: ['mean', 'variance'],
      sums: ({ mean }, { x }) => {
        const centred = tf.sub(x, mean);
        return {
          count: tf.scalar(x.shape[0]!),
          sum: tf.sum(centred, 0),
          squares: tf.sum(tf.square(centred), 0),
        };
      },
      apply({ mean, variance }, { count, sum, squares }) {
        const shift = tf.div(sum!, count!);
        const seen = {
          mean: tf.add(mean, shift),
          variance: tf.sub(tf.div(squares!, count!), tf.square(shift)),
        };
        const moved = (from: Tensor, to: Tensor) => tf.add(tf.mul(from, 1 - momentum), tf.mul(to, momentum));
        return { seen, next: { mean: moved(mean, seen.mean), variance: moved(variance, seen.variance) } };
      },
    },
    async batch(step, part) {
      const rng = createRng(9).fork(step);
      const rows = Array.from({ length: size }, () =>
        Array.from({ length: 3 }, (_, i) => 50 + (i + 1) * rng.normal()),
      );
      const chosen = partOf(rows, part);
      return { arrays: { x: floats(chosen.flat(), [chosen.length, 3]) }, ids: chosen.map((_, i) => `${i}`) };
    },
  };
}

type NormalisedParams = Record<'w' | 'mean' | 'variance', Tensor>;
