/** What reductions take. */
export type Reducible = Float32Array | Float64Array;

/** What is sent as it is. */
export type Transferable = Reducible | Int32Array | Uint8Array;

export type ReduceOperation = 'sum' | 'max' | 'min';

/**
 * Processes that work on one thing together. Every one of them calls the same collectives in the same order with arrays of
 * the same type and length; a call is done once its own part is. Calls that are made at once run one after the other.
 * @throws PengiError (each of the collectives, as rejection) E_MPI when the library reports an error, E_SHAPE for an array
 *   whose buffer has been transferred away, E_USAGE after `finalize`
 */
export interface Communicator {
  /** This process, 0 … size - 1. */
  readonly rank: number;
  readonly size: number;
  /** Combines the arrays of all processes element by element, in place. */
  allReduce(data: Reducible, operation?: ReduceOperation): Promise<void>;
  /** The arrays of all processes one after the other, by rank. */
  allGather<A extends Transferable>(data: A): Promise<A>;
  /** Overwrites the arrays of all processes with that of `root`, 0 by default. */
  broadcast(data: Transferable, root?: number): Promise<void>;
  /** Waits for all processes. */
  barrier(): Promise<void>;
}
