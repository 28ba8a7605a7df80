/** The run folder: what it is begun or resumed with, and what is written into it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorCode, formatBytes, isPengiError, PengiError } from '@pengi/core';
import { acquireLock, fileError, freeBytes, type Lock, makeFolder, writeFileAtomic } from '@pengi/core/node';
import type { Arrays } from '@pengi/jit';
import {
  bytesOf,
  CHECKPOINTS,
  type CheckpointHeader,
  listCheckpoints,
  nameOf,
  type Snapshot,
  saveCheckpoint,
} from './checkpoint.js';
import { pruneCheckpoints, setAside } from './kept.js';
import { memoryLog, openLog, pointsOf, type RunLog } from './log.js';
import { lossCurve } from './loss-curve.js';
import type { Position } from './manifest.js';
import { type BestPoint, removePointer, writePointer } from './pointers.js';
import { findCheckpoint, nothingToResume, restore, restoreBest } from './resume.js';
import type { StepState } from './step.js';
import { sweepTemporaries } from './sweep.js';
import type { TrainOptions } from './task.js';

export interface RunFolder {
  /** Where to begin. */
  readonly start: Snapshot;
  readonly log: RunLog;
  /** The name of the newest checkpoint. */
  readonly lastCheckpoint: string | undefined;
  /** The best evaluation whose checkpoint is kept. */
  readonly best: BestPoint | undefined;
  /** Writes a checkpoint; only then older ones are removed. */
  save(snapshot: () => Promise<Snapshot>): Promise<void>;
  /** Says that the newest checkpoint is the best one. */
  markBest(best: BestPoint): Promise<void>;
  /** Draws loss.svg anew; where that fails, warns. */
  draw(): Promise<void>;
  close(): Promise<void>;
}

export interface RunFolderOptions {
  resume: boolean | 'auto';
  keep: number;
  best: TrainOptions['best'];
  /** What a checkpoint says of the step after it. */
  position: (step: number) => Position;
  warn: (message: string) => void;
}

export const CONFIG = 'config.json';
export const LOG = 'log.jsonl';
const CURVE = 'loss.svg';
const LOCK = '.lock';
export const FORMAT = 'pengi-run';

/** For how long a process on another machine that held the folder may give no sign of life. */
const SILENT_SECONDS = 60;

/** For runs that leave nothing on disk. */
export function noRunFolder(start: Snapshot): RunFolder {
  let best: BestPoint | undefined;
  return {
    start,
    log: memoryLog(),
    lastCheckpoint: undefined,
    get best() {
      return best;
    },
    save: async () => undefined,
    async markBest(found) {
      best = found;
    },
    draw: async () => undefined,
    close: async () => undefined,
  };
}

/**
 * Begins a run in `dir`, or goes on with the one that is there. Until it is closed, other processes are kept out.
 * @param initial the state that a new run begins with
 * @throws PengiError E_BUSY naming the process that trains in `dir`; E_CANNOT_CREATE for a folder with something else or,
 *   unless `resume` is set, with checkpoints; E_NOT_FOUND for a resume without a checkpoint; E_CHECKPOINT for a damaged
 *   one; E_CONFIG and E_WEIGHTS for a checkpoint of another run; E_DISK_FULL, E_IO
 */
export async function openRunFolder(
  dir: string,
  header: CheckpointHeader,
  initial: Arrays<StepState>,
  options: RunFolderOptions,
): Promise<RunFolder> {
  const checkpoints = join(dir, CHECKPOINTS);
  const existed = await isRunFolder(join(dir, CONFIG));
  if (options.resume === true && !existed) throw nothingToResume(checkpoints);
  await makeFolder(checkpoints);
  const lock = await acquireLock(join(dir, LOCK), {
    activity: 'trains in this folder',
    wait: false,
    silentSeconds: SILENT_SECONDS,
    onWait: ({ pid, host }) =>
      options.warn(
        `process ${pid} on ${host} trains in ${dir}, or did: waiting up to ${SILENT_SECONDS} s for a sign of life`,
      ),
  });
  try {
    return await openLocked(dir, existed, header, initial, { ...options, lock });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openLocked(
  dir: string,
  existed: boolean,
  header: CheckpointHeader,
  initial: Arrays<StepState>,
  { resume, keep, position, warn, lock, best: criterion }: RunFolderOptions & { lock: Lock },
): Promise<RunFolder> {
  const checkpoints = join(dir, CHECKPOINTS);
  if (!resume) await assertNoCheckpoints(dir, checkpoints);
  const found = resume ? await findCheckpoint(checkpoints, resume) : undefined;
  if (resume && existed && !found) warn(`${dir} holds no checkpoint yet: starting at the first step`);
  const start = found
    ? await restore(checkpoints, found.manifest, header, position, initial, warn)
    : firstSnapshot(initial);

  // Everything that could be refused has been; from here on the content changes.
  await sweepTemporaries(checkpoints, ['step-']);
  await sweepTemporaries(dir); // of whatever file of the run
  let lastCheckpoint: string | undefined;
  const pointTo = async (step: number) => {
    await writePointer(dir, 'latest', { step });
    lastCheckpoint = nameOf(step);
  };
  if (found) await pointTo(start.step);
  else await removePointer(dir, 'latest');
  for (const { step, error } of found?.damaged ?? []) {
    const name = await setAside(checkpoints, step);
    warn(`${error.line}; resuming from ${nameOf(start.step)}, the damaged one is now ${name}`);
  }
  const { task, settings, record } = header;
  const config = { format: FORMAT, version: 1, task, settings, record };
  await writeFileAtomic(join(dir, CONFIG), `${JSON.stringify(config, null, 2)}\n`);
  const log = await openLog(join(dir, LOG), start.step);
  let best: BestPoint | undefined;
  try {
    best = await restoreBest(dir, log, criterion, warn);
    await pruneCheckpoints(checkpoints, keep, best?.step); // a crash may have come before that was done
  } catch (error) {
    await log.close().catch(() => undefined);
    throw error;
  }
  warnOfSpace(dir, bytesOf(initial), keep, warn);

  /** What stops a run says what is left of it. */
  const guarded = async (step: number, write: () => Promise<void>): Promise<void> => {
    try {
      await write();
    } catch (error) {
      throw stoppedBy(error, dir, step, lastCheckpoint);
    }
  };
  return {
    start,
    log: { ...log, append: (line) => guarded(line.step, () => log.append(line)) },
    get lastCheckpoint() {
      return lastCheckpoint;
    },
    get best() {
      return best;
    },
    async save(snapshot) {
      const current = await snapshot();
      await guarded(current.step, async () => {
        await lock.assertHeld();
        await log.sync(); // a resume relies on the lines up to its step
        await saveCheckpoint(checkpoints, header, position(current.step), current);
        await pointTo(current.step);
        await pruneCheckpoints(checkpoints, keep, best?.step);
      });
    },
    async markBest(point) {
      const { step } = point;
      await guarded(step, async () => {
        await writePointer(dir, 'best', point);
        best = point;
        await pruneCheckpoints(checkpoints, keep, step);
      });
    },
    async draw() {
      const { losses, evaluations } = pointsOf(log.lines);
      const picture = lossCurve(losses, { title: `${task}: loss`, evaluations });
      await writeFileAtomic(join(dir, CURVE), picture).catch((error) => {
        warn(`no picture of the loss: ${isPengiError(error) ? error.line : error}`);
      });
    },
    async close() {
      // What counts was synced; an error here would hide the one that ends the run.
      await log.close().catch(() => undefined);
      await lock.release().catch(() => undefined);
    },
  };
}

/** What a full disk costs is time: better to know now than at the first checkpoint. */
function warnOfSpace(dir: string, bytes: number, keep: number, warn: (message: string) => void): void {
  const free = freeBytes(dir);
  const needed = (keep + 1) * bytes; // a new one is written before an old one goes
  if (free === undefined || free >= needed) return;
  warn(
    `${dir}: ${formatBytes(free)} free, ${keep} checkpoints and the next one may take ${formatBytes(needed)}`,
  );
}

function stoppedBy(error: unknown, dir: string, step: number, last: string | undefined): unknown {
  if (!isPengiError(error) || error.code === 'E_NONFINITE') return error;
  const { code, message, file, cause } = error;
  const hints: Partial<Record<ErrorCode, string>> = {
    E_DISK_FULL: 'free some space, then resume',
    E_CANNOT_CREATE: 'make the folder writable, then resume',
    E_NOT_FOUND: 'make the folder readable, then resume',
    E_IO: 'look after the disk, then resume, or copy the folder to another one first',
  };
  const left = last === undefined ? 'there was no checkpoint yet' : `${last} is kept`;
  return new PengiError(code, `${message}; training stopped at step ${step}, ${left}`, {
    file: file ?? dir,
    hint: hints[code] ?? error.hint,
    cause: cause ?? error,
  });
}

export function firstSnapshot(state: Arrays<StepState>): Snapshot {
  return { step: 0, seconds: 0, skipped: 0, skippedInARow: [], state };
}

/** Whether a run has been here. Refuses somebody else's config.json, such as a model folder's. */
async function isRunFolder(path: string): Promise<boolean> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw fileError(error, path, 'read');
  }
  if (text.includes(`"format": "${FORMAT}"`)) return true;
  throw new PengiError('E_CANNOT_CREATE', 'is not of a training run', {
    file: path,
    hint: 'name a new folder for the run',
  });
}

async function assertNoCheckpoints(dir: string, checkpoints: string): Promise<void> {
  const [newest] = await listCheckpoints(checkpoints);
  if (newest === undefined) return;
  throw new PengiError('E_CANNOT_CREATE', `holds a run with a checkpoint of step ${newest}`, {
    file: dir,
    hint: 'resume it, or name a new folder',
  });
}
