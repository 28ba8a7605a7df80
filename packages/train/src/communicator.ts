import { PengiError } from '@pengi/core';

/**
 * Processes that train together, as `openMpi` of @pengi/mpi gives them. Each calls the same collectives in the same order;
 * calls made at once run one after the other.
 */
export interface Communicator {
  /** This process, 0 … size - 1. */
  readonly rank: number;
  readonly size: number;
  /** Sums the arrays of all processes element by element, in place. */
  allReduce(data: Float32Array): Promise<void>;
  /** The arrays of all processes, which have one length, one after the other by rank. */
  allGather<A extends Float32Array | Int32Array | Uint8Array>(data: A): Promise<A>;
  /** Overwrites the arrays of all processes with that of rank 0. */
  broadcast(data: Float32Array | Uint8Array): Promise<void>;
}

/** A process alone. */
export const ALONE: Communicator = {
  rank: 0,
  size: 1,
  allReduce: async () => undefined,
  allGather: async (data) => data,
  broadcast: async () => undefined,
};

/** Which of `count` equal parts, counted from 0. */
export interface Part {
  readonly index: number;
  readonly count: number;
}

/**
 * The part of a step's samples that is this process's: consecutive ones, so that all parts in their order are the whole,
 * however many there are.
 * @throws PengiError E_USAGE when the samples cannot be divided equally
 */
export function partOf<T>(items: readonly T[], part: Part | undefined): readonly T[] {
  if (part === undefined) return items;
  const size = items.length / part.count;
  if (!Number.isInteger(size) || size === 0)
    throw new PengiError(
      'E_USAGE',
      `${items.length} samples of a step cannot be divided into ${part.count} equal parts`,
      {
        hint: `choose a batch size that is a multiple of ${part.count}, the processes times the parts that each computes`,
      },
    );
  return items.slice(part.index * size, (part.index + 1) * size);
}

/** What each process has to say, by rank, as JSON. */
export async function gatherJson<T>(communicator: Communicator, value: T): Promise<T[]> {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const lengths = await communicator.allGather(Int32Array.of(bytes.length));
  const longest = Math.max(...lengths);
  const padded = new Uint8Array(longest);
  padded.set(bytes);
  const all = await communicator.allGather(padded);
  return Array.from(lengths, (length, rank) => {
    const text = all.subarray(rank * longest, rank * longest + length);
    return JSON.parse(new TextDecoder().decode(text)) as T;
  });
}
