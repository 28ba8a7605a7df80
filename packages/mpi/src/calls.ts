/** The few functions of MPI that are used here. Handles and buffers are addresses or integers in both families. */
import { promisify } from 'node:util';
import { PengiError } from '@pengi/core';
import type { Communicator, ReduceOperation, Transferable } from './communicator.js';
import type { MpiLibrary, NativeFunction } from './library.js';

/** MPI_THREAD_SERIALIZED: one call at a time, from any thread. That is how collectives run beside the event loop. */
const SERIALIZED = 2;

const POINTER = 'intptr_t';
const HANDLE = 'intptr_t';

/** Counts are C ints; longer arrays go in several calls. */
const MOST_ELEMENTS = 2 ** 28;

/** The collectives, one call each, off the event loop. The caller runs one at a time. */
export interface Calls extends Communicator {
  /** @throws PengiError E_MPI */
  finalize(): void;
  /** Ends all processes of the job. It does not return. */
  abort(code: number): void;
}

/** Buffers of calls under way: a native call does not keep them from being collected. */
const inUse = new Set<object>();

/**
 * Initialises MPI.
 * @throws PengiError E_MPI
 */
export function initialise(library: MpiLibrary): Calls {
  const { constants, addressOf, func } = library;
  const { world, types, operations, inPlace } = constants;
  const text = Buffer.alloc(8192);
  const number = new Int32Array(1);
  const errorString = func('MPI_Error_string', 'int', 'void*', 'void*');
  const check = (name: string, code: number): void => {
    if (code === 0) return;
    errorString(code, text, number);
    throw new PengiError('E_MPI', `${name}: ${text.toString('latin1', 0, number[0]).replace(/\0.*/s, '')}`);
  };
  const asynchronous = (name: string, ...types: string[]) => {
    const call = promisify(func(name, ...types).async as NativeFunction['async']);
    return async (buffers: readonly object[], ...args: unknown[]): Promise<void> => {
      for (const buffer of buffers) inUse.add(buffer);
      try {
        check(name, (await call(...args)) as number);
      } finally {
        for (const buffer of buffers) inUse.delete(buffer);
      }
    };
  };
  const numberFrom = (name: string): number => {
    check(name, func(name, HANDLE, 'void*')(world, number));
    return number[0]!;
  };

  check(
    'MPI_Init_thread',
    func('MPI_Init_thread', POINTER, POINTER, 'int', 'void*')(0, 0, SERIALIZED, number),
  );
  const provided = number[0]!;
  if (provided < SERIALIZED)
    throw new PengiError('E_MPI', `this MPI allows calls from one thread only (level ${provided})`, {
      file: library.path,
      hint: 'use an MPI that was built with thread support',
    });
  check(
    'MPI_Comm_set_errhandler',
    func('MPI_Comm_set_errhandler', HANDLE, HANDLE)(world, constants.errorsReturn),
  );
  const [rank, size] = [numberFrom('MPI_Comm_rank'), numberFrom('MPI_Comm_size')];

  const allReduce = asynchronous('MPI_Allreduce', POINTER, POINTER, 'int', HANDLE, HANDLE, HANDLE);
  const allGather = asynchronous('MPI_Allgather', POINTER, 'int', HANDLE, POINTER, 'int', HANDLE, HANDLE);
  const broadcast = asynchronous('MPI_Bcast', POINTER, 'int', HANDLE, 'int', HANDLE);
  const barrier = asynchronous('MPI_Barrier', HANDLE);
  const finalize = func('MPI_Finalize');
  const abort = func('MPI_Abort', HANDLE, 'int');

  const typeOf = (array: Transferable): bigint => types[typeName(array)];
  return {
    rank,
    size,
    async allReduce(data, operation: ReduceOperation = 'sum') {
      for (const part of parts(data))
        await allReduce(
          [part],
          inPlace,
          addressOf(part),
          part.length,
          typeOf(part),
          operations[operation],
          world,
        );
    },
    async allGather(data) {
      if (data.length > MOST_ELEMENTS)
        throw new PengiError(
          'E_SHAPE',
          `at most ${MOST_ELEMENTS} values can be gathered, found ${data.length}`,
        );
      const all = new (data.constructor as new (length: number) => typeof data)(data.length * size);
      const [length, type] = [data.length, typeOf(data)];
      if (length > 0)
        await allGather([data, all], addressOf(data), length, type, addressOf(all), length, type, world);
      return all;
    },
    async broadcast(data, root = 0) {
      for (const part of parts(data))
        await broadcast([part], addressOf(part), part.length, typeOf(part), root, world);
    },
    barrier: () => barrier([], world),
    finalize: () => check('MPI_Finalize', finalize()),
    abort: (code) => void abort(world, code),
  };
}

function typeName(array: Transferable): 'float32' | 'float64' | 'int32' | 'uint8' {
  if (array instanceof Float32Array) return 'float32';
  if (array instanceof Float64Array) return 'float64';
  if (array instanceof Int32Array) return 'int32';
  if (array instanceof Uint8Array) return 'uint8';
  throw new PengiError('E_SHAPE', 'MPI sends Float32Array, Float64Array, Int32Array and Uint8Array');
}

function* parts<A extends Transferable>(data: A): Generator<A> {
  for (let from = 0; from < data.length; from += MOST_ELEMENTS)
    yield data.subarray(from, Math.min(from + MOST_ELEMENTS, data.length)) as A;
}
