import type { NdArray } from '@pengi/core';
import { floats } from '@pengi/core';
import type { Communicator } from './communicator.js';

/** Values of a bucket: 16 MiB. A first bucket is under way while the next is still being filled. */
const BUCKET = 2 ** 22;

/** Sums lists of arrays over the parts of a step and over all processes, the same shapes at each call. */
export interface Reducer {
  /** Takes the arrays of a part that is not this process's last. */
  add(arrays: readonly NdArray[]): void;
  /**
   * Takes the arrays of the last part; there may be more of them than before.
   * @returns the sums, in memory that the next step overwrites
   */
  finish(arrays: readonly NdArray[]): Promise<NdArray[]>;
}

/** @param bucket how many values are sent at once */
export function createReducer(communicator: Communicator, bucket = BUCKET): Reducer {
  let flat = new Float32Array(0);
  /** How many values of `flat` are sums of earlier parts already. */
  let begun = 0;

  function put(data: ArrayLike<number>, at: number): void {
    if (at >= begun) flat.set(data, at);
    else for (let i = 0; i < data.length; i++) flat[at + i]! += data[i]!;
  }

  function reserve(arrays: readonly NdArray[]): number {
    const total = arrays.reduce((length, { data }) => length + data.length, 0);
    if (flat.length < total) {
      const larger = new Float32Array(total);
      larger.set(flat.subarray(0, begun));
      flat = larger;
    }
    return total;
  }

  return {
    add(arrays) {
      const total = reserve(arrays);
      let at = 0;
      for (const { data } of arrays) {
        put(data, at);
        at += data.length;
      }
      begun = total;
    },
    async finish(arrays) {
      reserve(arrays);
      const underWay: Promise<void>[] = [];
      const places: NdArray[] = [];
      let [filled, sent] = [0, 0];
      const send = (until: number) => {
        underWay.push(communicator.allReduce(flat.subarray(sent, until)));
        sent = until;
      };
      for (const { data, shape } of arrays) {
        put(data, filled);
        places.push(floats(flat.subarray(filled, filled + data.length), shape));
        filled += data.length;
        while (filled - sent >= bucket) send(sent + bucket);
      }
      if (filled > sent) send(filled);
      await Promise.all(underWay);
      begun = 0;
      return places;
    },
  };
}
