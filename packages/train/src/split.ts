import { type Leaf, leaves, type NdArray, ndarray, PengiError, rebuildTree, type Tree } from '@pengi/core';

/** The leaves of `params` by path, apart by whether `isFrozen` matches their path. */
export function splitParams<L extends Leaf>(
  params: Tree<L>,
  isFrozen: (path: string) => boolean,
): { frozen: Record<string, L>; trainable: Record<string, L> } {
  const [frozen, trainable]: [string, L][][] = [[], []];
  for (const entry of leaves<L>(params)) (isFrozen(entry[0]) ? frozen : trainable)!.push(entry);
  return { frozen: Object.fromEntries(frozen!), trainable: Object.fromEntries(trainable!) };
}

/**
 * The opposite of `splitParams`: a tree of `template`'s structure with the leaves of `parts`. Where several parts have a
 * path, the last one counts.
 * @throws PengiError E_WEIGHTS for a path that no part has
 */
export function mergeParams<T>(template: unknown, ...parts: Readonly<Record<string, Leaf>>[]): T {
  return rebuildTree<T>(template, (path) => {
    const part = parts.findLast((candidate) => Object.hasOwn(candidate, path));
    if (!part) throw new PengiError('E_WEIGHTS', `no value for the parameter ${path}`);
    return part[path];
  });
}

/** The same values in memory of their own. */
export function copies(arrays: Readonly<Record<string, NdArray>>): Record<string, NdArray> {
  const copied = Object.entries(arrays).map(([path, { dtype, shape, data }]) => [
    path,
    ndarray(dtype, shape, data.slice()),
  ]);
  return Object.fromEntries(copied);
}
