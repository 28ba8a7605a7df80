import { createRng, PengiError, type Rng } from '@pengi/core';
import { lastKept } from '../sampler.js';
import { type ExampleSource, shuffle } from './source.js';

/** One example of a step. */
export interface Draw {
  /** Which of the sources. */
  readonly source: number;
  /** The example's index there. */
  readonly index: number;
}

export interface Mixture {
  readonly sources: readonly ExampleSource[];
  /** Examples of all sources together. */
  readonly length: number;
  /** The share of each source in what is drawn; they add up to 1. */
  readonly shares: readonly number[];
  /** Changes with the examples, the shares and the seed: with everything that `draw` depends on. */
  readonly fingerprint: string;
  /**
   * The examples of step `step`, counted from 0: a function of its arguments and the seed. Use one size throughout.
   * @throws PengiError E_USAGE unless `step` is a whole number from 0 on and `size` one from 1 on
   */
  draw(step: number, size: number): Draw[];
}

export interface MixtureOptions {
  readonly seed: number;
  /**
   * How often each source is drawn from, relative to the others, by name; sources that are not named are left out.
   * 'proportional', the default: by their sizes, so that every example comes once before any comes again.
   */
  readonly weights?: 'proportional' | Readonly<Record<string, number>>;
}

/**
 * Several sources as one stream. It is dealt in blocks: a block has a fixed number of each source's examples, in an order
 * drawn for it, and each source goes through its own epochs, each in an order of its own. So the place of any draw can be
 * computed without those before it, and shares are exact over a block.
 * @throws PengiError E_USAGE for weights that make no sense or name no source, and for sources with the same name
 */
export function createMixture(
  sources: readonly ExampleSource[],
  { seed, weights = 'proportional' }: MixtureOptions,
): Mixture {
  checkNames(sources);
  const counts = blockCounts(sources, weights);
  const length = counts.reduce((sum, count) => sum + count, 0);
  const root = createRng(seed).fork('mixture');
  const blockOf = lastKept((block) => dealt(counts, root.fork('block').fork(block)));
  const orders = sources.map(({ name, order }) => {
    const rng = root.fork('order').fork(name);
    return lastKept((epoch) => order(rng.fork(epoch)));
  });

  return {
    sources,
    length: sources.reduce((sum, source) => sum + source.length, 0),
    shares: counts.map((count) => count / length),
    fingerprint: JSON.stringify({
      seed,
      counts,
      sources: sources.map(({ name, fingerprint }) => [name, fingerprint]),
    }),
    draw(step, size) {
      if (!Number.isInteger(step) || step < 0 || !Number.isInteger(size) || size < 1)
        throw new PengiError(
          'E_USAGE',
          `step ${step} of batches of ${size}; whole numbers from 0 and 1 on are needed`,
        );
      return Array.from({ length: size }, (_, i) => {
        const position = step * size + i;
        const block = Math.floor(position / length);
        const { owners, ranks } = blockOf(block);
        const source = owners[position % length] as number;
        const place = block * (counts[source] as number) + (ranks[position % length] as number);
        const { length: examples } = sources[source] as ExampleSource;
        const order = orders[source]?.(Math.floor(place / examples)) as Uint32Array;
        return { source, index: order[place % examples] as number };
      });
    },
  };
}

/** Draws of a block where the sizes of the sources do not give it: fine enough for a share of 1 in 10,000. */
const BLOCK = 2 ** 16;

/** How many draws of a block each source has. */
function blockCounts(
  sources: readonly ExampleSource[],
  weights: NonNullable<MixtureOptions['weights']>,
): number[] {
  if (weights === 'proportional') return sources.map(({ length }) => length);
  for (const [name, weight] of Object.entries(weights)) {
    if (!sources.some((source) => source.name === name))
      throw new PengiError('E_USAGE', `no source is called "${name}"`, {
        hint: `sources are ${sources.map((source) => source.name).join(', ')}`,
      });
    if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY))
      throw new PengiError('E_USAGE', `the weight of ${name} is ${weight}; weights are numbers from 0 on`);
  }
  const wanted = sources.map(({ name }) => weights[name] ?? 0);
  const total = wanted.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) throw new PengiError('E_USAGE', 'all weights are 0');
  // What is wanted at all is drawn at least once.
  return wanted.map((weight) => (weight === 0 ? 0 : Math.max(1, Math.round((weight / total) * BLOCK))));
}

interface Block {
  /** By position: the source, and how many of the block's earlier draws are of the same. */
  readonly owners: Uint32Array;
  readonly ranks: Uint32Array;
}

function dealt(counts: readonly number[], rng: Rng): Block {
  const owners = new Uint32Array(counts.reduce((sum, count) => sum + count, 0));
  let at = 0;
  counts.forEach((count, source) => {
    owners.fill(source, at, at + count);
    at += count;
  });
  shuffle(owners, rng);
  const next = counts.map(() => 0);
  const ranks = owners.map((source) => {
    const rank = next[source] as number;
    next[source] = rank + 1;
    return rank;
  });
  return { owners, ranks };
}

function checkNames(sources: readonly ExampleSource[]): void {
  if (sources.length === 0) throw new PengiError('E_USAGE', 'a mixture needs a source');
  const names = sources.map(({ name }) => name);
  const repeated = names.find((name, i) => names.indexOf(name) < i);
  if (repeated !== undefined)
    throw new PengiError('E_USAGE', `two sources are called "${repeated}"`, {
      hint: 'give them other names',
    });
}
