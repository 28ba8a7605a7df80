/** The run folder: what it is begun or resumed with, and what is written into it. */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve as resolvePath } from 'node:path';
import { isPengiError, PengiError } from '@pengi/core';
import { fileError, syncFolder, writeFileAtomic } from '@pengi/core/node';
import type { Arrays } from '@pengi/jit';
import {
  type CheckpointHeader,
  listCheckpoints,
  loadCheckpoint,
  nameOf,
  pruneCheckpoints,
  type Snapshot,
  saveCheckpoint,
  setAside,
  sweepCheckpoints,
  verifyCheckpoint,
} from './checkpoint.js';
import { memoryLog, openLog, pointsOf, type RunLog } from './log.js';
import { lossCurve } from './loss-curve.js';
import type { Manifest } from './manifest.js';
import { assertSameRun } from './settings.js';
import type { StepState } from './step.js';
import { sweepTemporaries } from './sweep.js';

export interface RunFolder {
  /** Where to begin. */
  readonly start: Snapshot;
  readonly log: RunLog;
  /** The name of the newest checkpoint. */
  readonly lastCheckpoint: string | undefined;
  /** Writes a checkpoint; only then older ones are removed. */
  save(snapshot: () => Promise<Snapshot>): Promise<void>;
  /** Draws loss.svg anew. */
  draw(): Promise<void>;
  close(): Promise<void>;
}

export interface RunFolderOptions {
  resume: boolean | 'auto';
  keep: number;
  warn: (message: string) => void;
}

const CONFIG = 'config.json';
const LOG = 'log.jsonl';
const CURVE = 'loss.svg';
const CHECKPOINTS = 'checkpoints';
const FORMAT = 'pengi-run';

/** For runs that leave nothing on disk. */
export function noRunFolder(start: Snapshot): RunFolder {
  return {
    start,
    log: memoryLog(),
    lastCheckpoint: undefined,
    save: async () => undefined,
    draw: async () => undefined,
    close: async () => undefined,
  };
}

/**
 * Begins a run in `dir`, or goes on with the one that is there.
 * @param initial the state that a new run begins with
 * @throws PengiError E_CANNOT_CREATE for a folder with something else or, unless `resume` is set, with checkpoints;
 *   E_NOT_FOUND for a resume without a checkpoint; E_CHECKPOINT for a damaged one; E_CONFIG and E_WEIGHTS for a
 *   checkpoint of another run; E_DISK_FULL, E_IO
 */
export async function openRunFolder(
  dir: string,
  header: CheckpointHeader,
  initial: Arrays<StepState>,
  { resume, keep, warn }: RunFolderOptions,
): Promise<RunFolder> {
  const checkpoints = join(dir, CHECKPOINTS);
  const existed = await isRunFolder(join(dir, CONFIG));
  if (!resume) await assertNoCheckpoints(dir, checkpoints);
  const found = resume ? await findCheckpoint(checkpoints, resume) : undefined;
  if (resume && existed && !found) warn(`${dir} holds no checkpoint yet: starting at the first step`);
  const start = found
    ? await restore(checkpoints, found.manifest, header, initial, warn)
    : firstSnapshot(initial);

  // Everything that could be refused has been; from here on the folder changes.
  await makeFolder(checkpoints, dir);
  await sweepCheckpoints(checkpoints);
  await sweepTemporaries(dir, (name) => [CONFIG, LOG, CURVE].some((file) => name === `.${file}`));
  for (const { step, error } of found?.damaged ?? []) {
    const name = await setAside(checkpoints, step);
    warn(`${error.line}; resuming from ${nameOf(start.step)}, the damaged one is now ${name}`);
  }
  const { task, settings, record } = header;
  const config = { format: FORMAT, version: 1, task, settings, record };
  await writeFileAtomic(join(dir, CONFIG), `${JSON.stringify(config, null, 2)}\n`);
  const log = await openLog(join(dir, LOG), start.step);
  let lastCheckpoint = found ? nameOf(found.manifest.step) : undefined;

  return {
    start,
    log,
    get lastCheckpoint() {
      return lastCheckpoint;
    },
    async save(snapshot) {
      await log.sync(); // a resume relies on the lines up to its step
      const current = await snapshot();
      await saveCheckpoint(checkpoints, header, current);
      lastCheckpoint = nameOf(current.step);
      await pruneCheckpoints(checkpoints, keep);
    },
    async draw() {
      const { losses, evaluations } = pointsOf(log.lines);
      await writeFileAtomic(join(dir, CURVE), lossCurve(losses, { title: `${task}: loss`, evaluations }));
    },
    close: () => log.close(),
  };
}

interface Found {
  manifest: Manifest;
  /** Newer than that. */
  damaged: { step: number; error: PengiError }[];
}

/** The newest undamaged checkpoint; undefined when there are none at all and `resume` is `'auto'`. */
async function findCheckpoint(folder: string, resume: true | 'auto'): Promise<Found | undefined> {
  const steps = await listCheckpoints(folder);
  if (steps.length === 0 && resume === 'auto') return undefined;
  if (steps.length === 0)
    throw new PengiError('E_NOT_FOUND', 'holds no checkpoint to resume from', {
      file: folder,
      hint: 'start the run without resuming',
    });
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

function refusal(damage: PengiError, good: string | undefined): PengiError {
  const previous = good === undefined ? 'no other checkpoint is good' : `${good} is the last good checkpoint`;
  return new PengiError('E_CHECKPOINT', `${damage.message}; ${previous}`, {
    ...(damage.file === undefined ? {} : { file: damage.file }),
    hint:
      good === undefined ? 'start a new run in another folder' : `resume with "auto" to go on from ${good}`,
    cause: damage,
  });
}

async function restore(
  folder: string,
  manifest: Manifest,
  header: CheckpointHeader,
  initial: Arrays<StepState>,
  warn: (message: string) => void,
): Promise<Snapshot> {
  assertSameRun(manifest, header, join(folder, nameOf(manifest.step)));
  if (manifest.engine !== header.engine)
    warn(
      `this run began on "${manifest.engine}" and goes on on "${header.engine}": results may differ in the last digits`,
    );
  return loadCheckpoint(folder, manifest, initial);
}

async function makeFolder(checkpoints: string, dir: string): Promise<void> {
  try {
    await mkdir(checkpoints, { recursive: true });
    await syncFolder(dirname(resolvePath(dir)));
  } catch (error) {
    throw fileError(error, dir, 'written');
  }
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
