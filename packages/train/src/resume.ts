/** Where a run goes on: the newest good checkpoint, whether it is of this run, and which evaluation was the best. */
import { join } from 'node:path';
import { isPengiError, PengiError } from '@pengi/core';
import type { Arrays } from '@pengi/jit';
import { bestAmong } from './best.js';
import {
  CHECKPOINTS,
  type CheckpointHeader,
  listCheckpoints,
  loadCheckpoint,
  nameOf,
  type Snapshot,
  verifyCheckpoint,
} from './checkpoint.js';
import { pointsOf, type RunLog } from './log.js';
import type { Manifest, Position } from './manifest.js';
import { type BestPoint, readPointer, removePointer, writePointer } from './pointers.js';
import { assertSameRun } from './settings.js';
import type { StepState } from './step.js';
import type { TrainOptions } from './task.js';

export interface Found {
  manifest: Manifest;
  /** Newer than that. */
  damaged: { step: number; error: PengiError }[];
}

/** The newest undamaged checkpoint; undefined when there are none at all and `resume` is `'auto'`. */
export async function findCheckpoint(folder: string, resume: true | 'auto'): Promise<Found | undefined> {
  const steps = await listCheckpoints(folder);
  if (steps.length === 0 && resume === 'auto') return undefined;
  if (steps.length === 0) throw nothingToResume(folder);
  const damaged: Found['damaged'] = [];
  let manifest: Manifest | undefined;
  for (const step of steps) {
    const checked = await verifyCheckpoint(folder, step).catch((error: unknown) => {
      if (isPengiError(error) && error.code === 'E_CHECKPOINT') return error;
      throw error; // a disk that cannot be read says nothing about the checkpoint
    });
    if (!isPengiError(checked)) {
      manifest = checked;
      break;
    }
    damaged.push({ step, error: checked });
  }
  // Without any good one there is nothing to fall back to: starting anew would throw away a run.
  if (manifest && (damaged.length === 0 || resume === 'auto')) return { manifest, damaged };
  throw refusal(damaged[0]!.error, manifest && nameOf(manifest.step));
}

export function nothingToResume(folder: string): PengiError {
  return new PengiError('E_NOT_FOUND', 'holds no checkpoint to resume from', {
    file: folder,
    hint: 'start the run without resuming',
  });
}

function refusal(damage: PengiError, good: string | undefined): PengiError {
  const previous = good === undefined ? 'no other checkpoint is good' : `${good} is the last good checkpoint`;
  return new PengiError('E_CHECKPOINT', `${damage.message}; ${previous}`, {
    file: damage.file,
    hint:
      good === undefined ? 'start a new run in another folder' : `resume with "auto" to go on from ${good}`,
    cause: damage,
  });
}

export async function restore(
  folder: string,
  manifest: Manifest,
  header: CheckpointHeader,
  position: (step: number) => Position,
  initial: Arrays<StepState>,
  warn: (message: string) => void,
): Promise<Snapshot> {
  const file = join(folder, nameOf(manifest.step));
  assertSameRun(manifest, { ...header, position: position(manifest.step) }, file);
  if (manifest.engine !== header.engine)
    warn(
      `this run began on "${manifest.engine}" and goes on on "${header.engine}": results may differ in the last digits`,
    );
  const names = [...new Set([...Object.keys(manifest.code), ...Object.keys(header.code)])];
  const changed = names.filter((name) => manifest.code[name] !== header.code[name]);
  const versions = (code: Manifest['code']) =>
    changed.map((name) => `${name} ${code[name] ?? 'none'}`).join(', ');
  if (changed.length > 0)
    warn(
      `this run began with ${versions(manifest.code)} and goes on with ${versions(header.code)}: results may differ`,
    );
  return loadCheckpoint(folder, manifest, initial);
}

/**
 * The best point whose checkpoint is there, as the log has it: a crash may have come between an evaluation and the
 * pointer, or the checkpoint may have been set aside. Without a criterion, the pointer's.
 */
export async function restoreBest(
  dir: string,
  { lines }: RunLog,
  criterion: TrainOptions['best'],
  warn: (message: string) => void,
): Promise<BestPoint | undefined> {
  const steps = await listCheckpoints(join(dir, CHECKPOINTS));
  const pointer = await readPointer(dir, 'best').catch((error: unknown) => {
    if (isPengiError(error) && error.code === 'E_CHECKPOINT') return void warn(error.line);
    throw error;
  });
  const kept = pointer && steps.includes(pointer.step) ? pointer : undefined;
  const best = criterion ? bestAmong(pointsOf(lines).evaluations, criterion, steps) : kept;
  const same = best?.step === kept?.step && best?.value === kept?.value && best?.metric === kept?.metric;
  if (!best) await removePointer(dir, 'best');
  else if (!same) await writePointer(dir, 'best', best);
  return best;
}
