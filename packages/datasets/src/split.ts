import { createRng, PengiError } from '@pengi/core';

export interface SplitOptions {
  readonly seed: number;
  /** The share of each instrument's recordings that is held out; 0.2 by default. */
  readonly heldOut?: number;
}

/**
 * Divides notes so that no recording is on both sides. Of each instrument the share `heldOut` of its recordings is
 * drawn by the seed, at least one, and at least one is left for training. The result does not depend on the order of
 * the notes; each side keeps it.
 * @throws PengiError E_DATA for an instrument with a single recording, E_USAGE for a share outside of 0 … 1
 */
export function splitByRecording<T extends { readonly audio: string; readonly instrument: string }>(
  notes: readonly T[],
  { seed, heldOut = 0.2 }: SplitOptions,
): { train: T[]; heldOut: T[] } {
  if (!(heldOut > 0 && heldOut < 1))
    throw new PengiError('E_USAGE', `heldOut is ${heldOut}; it is a share between 0 and 1`);
  const recordings = new Map<string, Set<string>>();
  for (const { instrument, audio } of notes)
    recordings.set(instrument, (recordings.get(instrument) ?? new Set()).add(audio));

  const rng = createRng(seed).fork('split');
  const drawn = new Set<string>();
  for (const [instrument, files] of recordings) {
    if (files.size < 2)
      throw new PengiError('E_DATA', `${instrument} has one recording; two are needed to hold one out`);
    const count = Math.min(files.size - 1, Math.max(1, Math.round(files.size * heldOut)));
    for (const file of rng
      .fork(instrument)
      .shuffle([...files].sort())
      .slice(0, count))
      drawn.add(file);
  }
  return {
    train: notes.filter(({ audio }) => !drawn.has(audio)),
    heldOut: notes.filter(({ audio }) => drawn.has(audio)),
  };
}
