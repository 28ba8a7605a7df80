/** Several processes of a run as promises in this one. */
import type { Communicator } from '../communicator.js';

type Sent = Float32Array | Int32Array | Uint8Array;

interface Meeting {
  kind: string;
  arrays: Sent[];
  waiting: (() => void)[];
}

/**
 * @param corrupt changes what a rank gets out of an all-reduce
 * @throws Error (each collective) when the processes do not call the same ones with the same lengths
 */
export function ranks(
  size: number,
  { corrupt }: { corrupt?: (rank: number, data: Float32Array) => void } = {},
): Communicator[] {
  const meetings: Meeting[] = [];

  /** Waits until all have come to their `index`-th collective, then `then` turns all arrays into one's result. */
  function meet(
    rank: number,
    index: number,
    kind: string,
    data: Sent,
    then: (all: Sent[]) => void,
  ): Promise<void> {
    meetings[index] ??= { kind: `${kind} ${data.constructor.name}[${data.length}]`, arrays: [], waiting: [] };
    const { kind: expected, arrays, waiting } = meetings[index];
    const found = `${kind} ${data.constructor.name}[${data.length}]`;
    if (found !== expected)
      throw new Error(`collective ${index} is ${expected}, rank ${rank} calls ${found}`);
    arrays[rank] = data.slice();
    return new Promise((resolve) => {
      waiting.push(() => {
        then(arrays);
        resolve();
      });
      if (waiting.length === size) for (const go of waiting) go();
    });
  }

  return Array.from({ length: size }, (_, rank) => {
    let index = 0;
    return {
      rank,
      size,
      allReduce: async (data) =>
        meet(rank, index++, 'allReduce', data, (all) => {
          data.fill(0);
          for (const other of all) for (const [i, value] of other.entries()) data[i]! += value;
          corrupt?.(rank, data);
        }),
      async allGather<A extends Sent>(data: A): Promise<A> {
        const joined = new (data.constructor as new (length: number) => A)(data.length * size);
        await meet(rank, index++, 'allGather', data, (all) => {
          for (const [from, other] of all.entries()) joined.set(other, from * data.length);
        });
        return joined;
      },
      broadcast: async (data) => meet(rank, index++, 'broadcast', data, ([first]) => data.set(first!)),
    };
  });
}

/** What `run` gives for every rank. */
export function onAll<T>(size: number, run: (communicator: Communicator) => Promise<T>): Promise<T[]> {
  return Promise.all(ranks(size).map(run));
}
