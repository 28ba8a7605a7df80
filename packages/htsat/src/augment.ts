import { PengiError } from '@pengi/core';
import { fold, type Keys, uniform } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/** The reference's SpecAugment: less than 64 frames twice, less than 8 bands twice. */
const STRIPES = { time: { count: 2, width: 64 }, frequency: { count: 2, width: 8 } };

/**
 * SpecAugment (Park et al., 2019) as torchlibrosa has it: stripes of random width and place are set to 0 (the mean,
 * after bn0), along time and along frequency, other ones for each clip. x [B, T, M].
 */
export function specAugment(x: Tensor, keys: Keys): Tensor {
  const [B, T, M] = x.shape as [number, number, number];
  const time = tf.reshape(keep(T, STRIPES.time, fold(keys, 'time')), [B, T, 1]);
  const frequency = tf.reshape(keep(M, STRIPES.frequency, fold(keys, 'frequency')), [B, 1, M]);
  return tf.mul(tf.mul(x, time), frequency);
}

/** [B, size] with 0 in the stripes, 1 elsewhere. */
function keep(size: number, stripes: { count: number; width: number }, keys: Keys): Tensor {
  const { count } = stripes;
  const [widths, places] = tf.split(uniform(keys, [count, 2]), 2, -1); // [B, count, 1] each
  const width = tf.floor(tf.mul(widths!, Math.min(stripes.width, size)));
  const start = tf.floor(tf.mul(places!, tf.sub(size, width)));
  const at = tf.reshape(tf.range(0, size), [1, 1, size]);
  const inside = tf.logicalAnd(tf.greaterEqual(at, start), tf.less(at, tf.add(start, width))); // [B, count, size]
  return tf.cast(tf.logicalNot(tf.any(inside, 1)), 'float32');
}

/**
 * Mix-up (Zhang et al., 2018): each clip keeps `share[b]` and takes the rest from its neighbour, the first from the second, the
 * third from the fourth and so on, and the other way round. HTSAT pairs a clip with that at the mirrored place, which may lie
 * in another part of a divided batch. Targets mix by the same function. x [B, ...], share [B], B even.
 * @throws PengiError E_SHAPE for an odd number
 */
export function mixUp(x: Tensor, share: Tensor): Tensor {
  const shares = tf.reshape(share, [x.shape[0]!, ...x.shape.slice(1).map(() => 1)]);
  return tf.add(tf.mul(x, shares), tf.mul(neighbours(x), tf.sub(1, shares)));
}

/**
 * Shares [B] for `mixUp`, the same for both clips of a pair: so the pair as a whole has as much of either as before. They are
 * drawn from the seed of its first clip, as in HTSAT from Beta(1/2, 1/2), which is that of sin²(πu/2).
 * @throws PengiError E_SHAPE for an odd number of clips
 */
export function mixUpShares({ seeds, site }: Keys): Tensor {
  const B = evenSize(seeds);
  const first = tf.reshape(tf.slice(tf.reshape(seeds, [B / 2, 2]), [0, 0], [B / 2, 1]), [B / 2]);
  const share = tf.square(tf.sin(tf.mul(uniform({ seeds: first, site }, []), Math.PI / 2)));
  return tf.reshape(tf.tile(tf.reshape(share, [B / 2, 1]), [1, 2]), [B]);
}

/** x [B, ...] with the two rows of each pair exchanged. */
export function neighbours(x: Tensor): Tensor {
  const B = evenSize(x);
  return tf.reshape(tf.reverse(tf.reshape(x, [B / 2, 2, ...x.shape.slice(1)]), 1), x.shape);
}

function evenSize({ shape }: Tensor): number {
  const [B = 0] = shape;
  if (B > 0 && B % 2 === 0) return B;
  throw new PengiError('E_SHAPE', `mix-up takes clips in pairs, found ${B}`, {
    hint: 'choose a batch whose parts have an even number of samples',
  });
}
