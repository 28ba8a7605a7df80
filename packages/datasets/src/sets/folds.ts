import { createRng, PengiError } from '@pengi/core';
import type { Item } from './item.js';

export interface FoldOptions {
  readonly count: number;
  readonly seed: number;
  /** Items of one group stay together, such as all takes of a speaker; each item is its own by default. */
  readonly group?: (item: Item) => string;
}

/**
 * Folds 1 … count for a data set that publishes none: the groups of each first label are shuffled by the seed and dealt
 * out one by one, each to the fold with the fewest items so far. The result does not depend on the items' order,
 * but on which items there are: a copy that lacks some has other folds.
 * @throws PengiError E_USAGE for fewer than two folds
 */
export function assignFolds<T extends Item>(items: readonly T[], { count, seed, group }: FoldOptions): T[] {
  if (!(Number.isInteger(count) && count >= 2))
    throw new PengiError('E_USAGE', `${count} folds; two are needed`);
  const groupOf = group ?? ((item: Item) => item.id);
  const groups = new Map<string, { stratum: string; size: number }>();
  for (const item of items) {
    const name = groupOf(item);
    const known = groups.get(name);
    // A group of several labels, such as a speaker, is no stratum of its own.
    const stratum = group ? '' : (item.labels?.[0] ?? '');
    groups.set(name, { stratum, size: (known?.size ?? 0) + 1 });
  }
  const strata = new Map<string, string[]>();
  for (const [name, { stratum }] of groups) strata.set(stratum, [...(strata.get(stratum) ?? []), name]);

  const rng = createRng(seed).fork('folds');
  const sizes = new Array<number>(count).fill(0);
  const foldOf = new Map<string, number>();
  for (const [stratum, names] of [...strata].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const name of rng.fork(stratum).shuffle(names.sort())) {
      const fold = sizes.indexOf(Math.min(...sizes));
      sizes[fold]! += groups.get(name)!.size;
      foldOf.set(name, fold + 1);
    }
  }
  return items.map((item) => ({ ...item, fold: foldOf.get(groupOf(item)) as number }));
}
