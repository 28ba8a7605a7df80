import type { NdArray } from '@pengi/core';
import { floats } from '@pengi/core';
import type { Communicator } from './communicator.js';

/** Values of a bucket: 16 MiB. A first bucket is under way while the next is still being filled. */
const BUCKET = 2 ** 22;

/** Sums lists of arrays over all processes, the same shapes at each call. */
export interface Reducer {
  /** @returns the sums, in memory that the next call overwrites */
  sum(arrays: readonly NdArray[]): Promise<NdArray[]>;
}

/** @param bucket how many values are sent at once */
export function createReducer(communicator: Communicator, bucket = BUCKET): Reducer {
  let flat = new Float32Array(0);
  return {
    async sum(arrays) {
      const total = arrays.reduce((length, { data }) => length + data.length, 0);
      if (flat.length !== total) flat = new Float32Array(total);
      const underWay: Promise<void>[] = [];
      const places: NdArray[] = [];
      let [filled, sent] = [0, 0];
      const send = (until: number) => {
        underWay.push(communicator.allReduce(flat.subarray(sent, until)));
        sent = until;
      };
      for (const { data, shape } of arrays) {
        flat.set(data, filled);
        places.push(floats(flat.subarray(filled, filled + data.length), shape));
        filled += data.length;
        while (filled - sent >= bucket) send(sent + bucket);
      }
      if (filled > sent) send(filled);
      await Promise.all(underWay);
      return places;
    },
  };
}
