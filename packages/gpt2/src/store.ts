import { floats, type NdArray } from '@pengi/core';
import { MASKED } from '@pengi/nn';
import type { KeyValue } from './model.js';

/** Keys and values of some groups' prefixes and of all tokens that were ever generated for them. */
export interface Store {
  /** [G, H, S, D] per layer. */
  readonly layers: KeyValue<NdArray<'float32'>>[];
  /** Row r of each group goes on from what row `parents[g][r]` was. */
  branch(parents: readonly (readonly number[])[]): void;
  /** [G, R, S]: 0 for the slots that a row sees, `MASKED` for the others. */
  mask(): NdArray<'float32'>;
  /** Takes in keys and values [G, H, R, 1, D] of the rows' newest tokens. */
  append(newest: readonly KeyValue<NdArray>[]): void;
}

/**
 * A store of S slots per group, the first of which hold the prefix. Nothing is moved when rows branch, only their lists
 * of visible slots change.
 * @param prefixes [G, H, 1, P, D] per layer
 * @param lengths of the prefixes; the slots from there to P are never seen
 */
export function createStore(
  prefixes: readonly KeyValue<NdArray>[],
  lengths: readonly number[],
  { rows: R, slots: S }: { rows: number; slots: number },
): Store {
  const [G, H, , P, D] = prefixes[0]!.k.shape as [number, number, number, number, number];
  const layers = prefixes.map(({ k, v }) => ({ k: spread(k), v: spread(v) }));
  /** Slots of the generated tokens that each row sees, beyond its group's prefix. */
  let visible: number[][][] = lengths.map(() => Array.from({ length: R }, () => []));
  let next = P;

  function spread({ data }: NdArray): NdArray<'float32'> {
    const slots = new Float32Array(G * H * S * D);
    for (let gh = 0; gh < G * H; gh++) slots.set(data.subarray(gh * P * D, (gh + 1) * P * D), gh * S * D);
    return floats(slots, [G, H, S, D]);
  }

  function put({ data }: NdArray, slots: NdArray<'float32'>): void {
    for (let gh = 0; gh < G * H; gh++)
      slots.data.set(data.subarray(gh * R * D, (gh + 1) * R * D), (gh * S + next) * D);
  }

  return {
    layers,
    branch(parents) {
      visible = parents.map((group, g) => group.map((parent) => [...visible[g]![parent]!]));
    },
    mask() {
      const mask = new Float32Array(G * R * S).fill(MASKED);
      for (const [g, group] of visible.entries())
        for (const [r, slots] of group.entries()) {
          const start = (g * R + r) * S;
          mask.fill(0, start, start + lengths[g]!);
          for (const slot of slots) mask[start + slot] = 0;
        }
      return floats(mask, [G, R, S]);
    },
    append(newest) {
      for (const [l, { k, v }] of newest.entries()) {
        put(k, layers[l]!.k);
        put(v, layers[l]!.v);
      }
      for (const group of visible) for (const [r, slots] of group.entries()) slots.push(next + r);
      next += R;
    },
  };
}
