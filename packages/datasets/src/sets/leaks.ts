import type { Item } from './item.js';

/** A training item that is the same recording as an evaluation item, or another part of it. */
export interface Leak {
  /** What they share: "freesound:1234". */
  readonly source: string;
  /** Ids, each in its own data set. */
  readonly training: string;
  readonly evaluation: string;
}

/**
 * Compares the sources of items: Freesound ids (ESC-50, UrbanSound8K, FSD50K, Clotho, WavCaps), YouTube ids (AudioSet, AudioCaps,
 * DCASE 2017, WavCaps), BBC ids, Clotho's file names (ClothoAQA). Two parts of one video count as a leak. Items without
 * sources cannot be compared.
 */
export function findLeaks(training: readonly Item[], evaluation: readonly Item[]): Leak[] {
  const owners = new Map<string, string>();
  for (const { id, sources = [] } of evaluation)
    for (const source of sources) if (!owners.has(source)) owners.set(source, id);
  return training.flatMap(({ id, sources = [] }) =>
    sources.flatMap((source) => {
      const owner = owners.get(source);
      return owner === undefined ? [] : [{ source, training: id, evaluation: owner }];
    }),
  );
}

/** The training items that share nothing with any evaluation item, and the leaks of the others. */
export function withoutLeaks<T extends Item>(
  training: readonly T[],
  evaluation: readonly Item[],
): { items: T[]; leaks: Leak[] } {
  const leaks = findLeaks(training, evaluation);
  const leaking = new Set(leaks.map((leak) => leak.training));
  return { items: training.filter(({ id }) => !leaking.has(id)), leaks };
}
