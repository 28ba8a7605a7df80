/** What the processes of a run must have in common, checked before the first step. */
import {
  isPengiError,
  leaves,
  mapTree,
  type NdArray,
  ndarray,
  PengiError,
  type PengiErrorOptions,
} from '@pengi/core';
import type { Arrays } from '@pengi/jit';
import type { Snapshot } from './checkpoint.js';
import { type Communicator, gatherJson } from './communicator.js';
import { differences, hashOf } from './settings.js';
import type { StepState } from './step.js';

/**
 * @param own what decides the numbers of this process, as JSON
 * @throws PengiError E_CONFIG, in all processes, that names what differs and where
 */
export async function assertAgreement(communicator: Communicator, own: object): Promise<void> {
  const [first, ...others] = await gatherJson(communicator, own);
  const found = others.flatMap((other, i) =>
    differences(first, other, (path, a, b) => `${path} is ${a} in rank 0 and ${b} in rank ${i + 1}`),
  );
  if (found.length === 0) return;
  const more = found.length > LISTED ? ` and ${found.length - LISTED} more` : '';
  throw new PengiError('E_CONFIG', `the processes disagree: ${found.slice(0, LISTED).join('; ')}${more}`, {
    hint: 'start all of them with the same command, config, data and files of weights',
  });
}

const LISTED = 5;

/**
 * That the parameters are still the same everywhere: they are never sent, since equal gradients change them equally.
 * @throws PengiError E_INTERNAL, in all processes, that names the first rank that differs
 */
export async function assertSameParams(
  communicator: Communicator,
  params: Record<string, NdArray>,
  step: number,
): Promise<void> {
  const hashes = await gatherJson(communicator, hashOf(params));
  const rank = hashes.findIndex((hash) => hash !== hashes[0]);
  if (rank < 0) return;
  throw new PengiError('E_INTERNAL', `after step ${step} rank ${rank} has other parameters than rank 0`, {
    hint: 'the memory or the MPI of a machine may be faulty; resume from the last checkpoint without it',
  });
}

/**
 * What rank 0 makes, in all processes.
 * @param make called in rank 0 only; what it throws is thrown everywhere
 */
export async function fromFirst<T>(
  communicator: Communicator,
  make: () => Promise<T>,
): Promise<T | undefined> {
  if (communicator.size === 1) return make();
  let made: T | undefined;
  let failure: unknown;
  if (communicator.rank === 0) {
    try {
      made = await make();
    } catch (error) {
      failure = error;
    }
  }
  const [told] = await gatherJson(communicator, failure === undefined ? null : describe(failure));
  if (communicator.rank === 0 && failure !== undefined) throw failure;
  if (told) throw new PengiError(told.code, `rank 0: ${told.message}`, told.options);
  return made;
}

/** The snapshot that rank 0 begins with, in all processes. */
export async function sharedSnapshot(
  communicator: Communicator,
  start: Snapshot | undefined,
  template: Arrays<StepState>,
): Promise<Snapshot> {
  if (communicator.size === 1) return start!;
  const { state: _, ...progress } = start ?? { state: undefined };
  const [counters] = await gatherJson(communicator, progress);
  const state = start?.state ?? mapTree<NdArray, NdArray, Arrays<StepState>>(template as never, copied);
  // A run that begins has the same initial state everywhere: that was checked.
  if ((counters as Snapshot).step > 0)
    for (const [, { data }] of leaves<NdArray>(state as never))
      await communicator.broadcast(data as Float32Array);
  return { ...(counters as Omit<Snapshot, 'state'>), state };
}

function copied({ dtype, shape, data }: NdArray): NdArray {
  return ndarray(dtype, shape, data.slice());
}

function describe(error: unknown): { code: PengiError['code']; message: string; options: PengiErrorOptions } {
  if (!isPengiError(error)) return { code: 'E_INTERNAL', message: String(error), options: {} };
  const { code, message, file, hint } = error;
  return { code, message, options: { ...(file && { file }), ...(hint && { hint }) } };
}
