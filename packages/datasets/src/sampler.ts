import { createRng, PengiError, type Rng } from '@pengi/core';

/** What a sampler draws from; the index of an example is its place in the list. */
export type SamplerSource =
  /**
   * The group of each example. A group is drawn in proportion to its size to the power of `exponent` (0.5 by default:
   * the square root; 1 makes all examples equally likely, 0 all groups), then one of its examples.
   */
  | { readonly groups: readonly string[]; readonly exponent?: number }
  /** How likely each example is, relative to the others. */
  | { readonly weights: readonly number[] }
  /** The number of examples: every one comes once in an epoch, in another order each time. */
  | { readonly epochs: number };

/**
 * Draws batches: a pure function of the seed and the step, so that a resumed run sees the batches of an unbroken one.
 */
export interface Sampler {
  /**
   * The indices of step `step`'s batch, counted from 0. Epochs take `size` examples per step: use one size
   * throughout.
   * @throws PengiError E_USAGE unless `step` is a whole number from 0 on and `size` one from 1 on
   */
  batch(step: number, size: number): number[];
}

/** @throws PengiError E_DATA when there is nothing to draw, E_USAGE for weights or an exponent that make no sense */
export function createSampler(source: SamplerSource, seed: number): Sampler {
  const draw = 'epochs' in source ? drawEpochs(source.epochs, seed) : drawFreely(source, seed);
  return {
    batch(step, size) {
      if (!Number.isInteger(step) || step < 0 || !Number.isInteger(size) || size < 1)
        throw new PengiError(
          'E_USAGE',
          `step ${step} of batches of ${size}; whole numbers from 0 and 1 on are needed`,
        );
      return draw(step, size);
    },
  };
}

type Draw = (step: number, size: number) => number[];

function drawFreely(source: Exclude<SamplerSource, { epochs: number }>, seed: number): Draw {
  const pick = 'weights' in source ? pickWeighted(source.weights) : pickFromGroups(source);
  const root = createRng(seed).fork('sampler');
  return (step, size) => {
    const rng = root.fork(step);
    return Array.from({ length: size }, () => pick(rng));
  };
}

type Pick = (rng: Rng) => number;

function pickFromGroups({ groups, exponent = 0.5 }: { groups: readonly string[]; exponent?: number }): Pick {
  if (!Number.isFinite(exponent)) throw new PengiError('E_USAGE', `exponent is ${exponent}`);
  const byGroup = new Map<string, number[]>();
  groups.forEach((group, i) => {
    const members = byGroup.get(group);
    if (members === undefined) byGroup.set(group, [i]);
    else members.push(i);
  });
  const members = [...byGroup.values()];
  const pickGroup = pickWeighted(members.map(({ length }) => length ** exponent));
  return (rng) => {
    const group = members[pickGroup(rng)] as number[];
    return group[rng.int(group.length)] as number;
  };
}

function pickWeighted(weights: readonly number[]): Pick {
  const wrong = weights.findIndex((weight) => !(weight >= 0 && weight < Number.POSITIVE_INFINITY));
  if (wrong >= 0)
    throw new PengiError('E_USAGE', `weight ${wrong} is ${weights[wrong]}; weights are numbers from 0 on`);
  const last = weights.findLastIndex((weight) => weight > 0);
  if (last < 0) throw new PengiError('E_DATA', 'there are no examples to draw from');
  let total = 0;
  const ends = Float64Array.from(weights, (weight) => {
    total += weight;
    return total;
  });
  return (rng) => firstAbove(ends, rng.uniform() * total, last);
}

/** The index, at most `last`, of the first of the ascending `ends` that is above `value`. */
function firstAbove(ends: Float64Array, value: number, last: number): number {
  let low = 0;
  let high = last;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] as number) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

function drawEpochs(count: number, seed: number): Draw {
  if (!Number.isInteger(count) || count < 0)
    throw new PengiError('E_USAGE', `epochs is ${count}; it is a number of examples`);
  if (count === 0) throw new PengiError('E_DATA', 'there are no examples to draw from');
  const root = createRng(seed).fork('epochs');
  const inOrder = Array.from({ length: count }, (_, i) => i);
  const orderOf = lastKept((epoch) => root.fork(epoch).shuffle(inOrder));
  return (step, size) =>
    Array.from({ length: size }, (_, i) => {
      const position = step * size + i;
      return orderOf(Math.floor(position / count))[position % count] as number;
    });
}

/** `compute` that remembers its last two results: a batch can lie across two epochs. */
export function lastKept<T>(compute: (key: number) => T): (key: number) => T {
  const kept = new Map<number, T>();
  return (key) => {
    const known = kept.get(key);
    if (known !== undefined) return known;
    const value = compute(key);
    for (const old of [...kept.keys()].slice(0, -1)) kept.delete(old);
    kept.set(key, value);
    return value;
  };
}
