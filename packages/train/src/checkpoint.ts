/**
 * Checkpoints of a run: `step-000100/{params.safetensors, optimizer.safetensors, manifest.json}`. A folder of that name is
 * complete: it is made under a temporary name, every file synced, the manifest with the files' hashes last, and renamed.
 */
import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import {
  assertFinite,
  mergeParameters,
  openSafetensors,
  sha256File,
  type WrittenFile,
  writeFolderAtomic,
  writeSafetensors,
} from '@pengi/checkpoint';
import { flatten, mapTree, type NdArray, ndarray, PengiError, printable, type Tree } from '@pengi/core';
import { fileError, syncFolder, writeFileAtomic } from '@pengi/core/node';
import type { Arrays } from '@pengi/jit';
import { encodeManifest, type Manifest, type ManifestContent, parseManifest } from './manifest.js';
import { mergeParams } from './split.js';
import type { StepState } from './step.js';
import { entriesOf, sweepTemporaries } from './sweep.js';
import type { SkippedStep } from './task.js';

/** The moment of a run that a checkpoint holds. */
export interface Snapshot {
  step: number;
  seconds: number;
  skipped: number;
  /** The steps up to `step` that were left out one after the other. */
  skippedInARow: readonly SkippedStep[];
  state: Arrays<StepState>;
}

/** What is the same in all checkpoints of a run. */
export type CheckpointHeader = Pick<Manifest, 'task' | 'engine' | 'settings' | 'record'>;

const PARAMS = 'params.safetensors';
const OPTIMIZER = 'optimizer.safetensors';
/** Only of runs that have them. */
const BUFFERS = 'buffers.safetensors';
const EMA = 'ema.safetensors';
const MANIFEST = 'manifest.json';

/**
 * Writes `folder/step-…`.
 * @throws PengiError E_NONFINITE, before anything is written, E_CANNOT_CREATE, E_DISK_FULL, E_IO
 */
export async function saveCheckpoint(
  folder: string,
  header: CheckpointHeader,
  { state, ...progress }: Snapshot,
): Promise<void> {
  assertFinite(state.params, `parameters after step ${progress.step}`);
  assertFinite(state.adam as unknown as Tree<NdArray>, `optimizer state after step ${progress.step}`);
  assertFinite(state.buffers, `statistics after step ${progress.step}`);
  await writeFolderAtomic(
    join(folder, nameOf(progress.step)),
    async (temporary) => {
      const write = (name: string, arrays: unknown) =>
        writeSafetensors(join(temporary, name), flatten(arrays as Tree<NdArray>));
      const files: Record<string, WrittenFile> = {
        [PARAMS]: await write(PARAMS, state.params),
        [OPTIMIZER]: await write(OPTIMIZER, state.adam),
        ...(isEmpty(state.buffers) ? {} : { [BUFFERS]: await write(BUFFERS, state.buffers) }),
        ...(state.ema && { [EMA]: await write(EMA, state.ema) }),
      };
      const content: ManifestContent = { ...header, ...progress, files };
      await writeFileAtomic(join(temporary, MANIFEST), encodeManifest(content));
    },
    { kind: 'checkpoint' },
  );
}

/** The steps of the checkpoints in `folder`, the newest first. None where there is no such folder. */
export async function listCheckpoints(folder: string): Promise<number[]> {
  const steps = (await entriesOf(folder)).flatMap((name) => {
    const match = /^step-(\d{6,})$/.exec(name);
    return match ? Number(match[1]) : [];
  });
  return steps.sort((a, b) => b - a);
}

/**
 * Reads a checkpoint's manifest and every byte of its files.
 * @throws PengiError E_CHECKPOINT that says what is damaged
 */
export async function verifyCheckpoint(folder: string, step: number): Promise<Manifest> {
  const dir = join(folder, nameOf(step));
  const path = join(dir, MANIFEST);
  await sizeOfFile(path);
  const text = await readFile(path, 'utf8').catch((error) => {
    throw fileError(error, path, 'read');
  });
  const manifest = parseManifest(text, path);
  if (manifest.step !== step)
    throw new PengiError('E_CHECKPOINT', `is of step ${manifest.step}`, { file: path });
  const optional = [BUFFERS, EMA].filter((name) => manifest.files[name]);
  for (const name of [PARAMS, OPTIMIZER, ...optional]) {
    const file = join(dir, name);
    const expected = manifest.files[name];
    const size = await sizeOfFile(file);
    if (!expected) throw new PengiError('E_CHECKPOINT', `lists no ${name}`, { file: path });
    if (size !== expected.byteLength)
      throw new PengiError('E_CHECKPOINT', `has ${size} bytes, ${expected.byteLength} were written`, {
        file,
      });
    if ((await sha256File(file)) !== expected.sha256)
      throw new PengiError('E_CHECKPOINT', 'does not match its sha256', { file });
  }
  return manifest;
}

/**
 * The state in a verified checkpoint.
 * @param template the state that the task begins with
 * @throws PengiError E_WEIGHTS that lists the differences, when names or shapes are others
 */
export async function loadCheckpoint(
  folder: string,
  { task, step, seconds, skipped, skippedInARow }: Manifest,
  template: Arrays<StepState>,
): Promise<Snapshot> {
  const read = async <T>(name: string, expected: T): Promise<T> => {
    const file = await openSafetensors(join(folder, nameOf(step), name));
    const wanted = flatten(expected as Tree<NdArray>);
    const found = mergeParameters(wanted, file, { where: `the task "${printable(task)}"` });
    // The arrays of a file read it at each access, and the file will be pruned.
    const inMemory = mapTree(found, ({ dtype, shape, data }: NdArray) => ndarray(dtype, shape, data));
    return mergeParams<T>(expected, inMemory);
  };
  const state = {
    params: await read(PARAMS, template.params),
    adam: await read(OPTIMIZER, template.adam),
    buffers: isEmpty(template.buffers) ? template.buffers : await read(BUFFERS, template.buffers),
    ...(template.ema && { ema: await read(EMA, template.ema) }),
  };
  return { step, seconds, skipped, skippedInARow, state };
}

function isEmpty(arrays: Record<string, NdArray>): boolean {
  return Object.keys(arrays).length === 0;
}

/** Removes all but the `keep` newest checkpoints. */
export async function pruneCheckpoints(folder: string, keep: number): Promise<void> {
  for (const step of (await listCheckpoints(folder)).slice(keep)) {
    const dir = join(folder, nameOf(step));
    // Renamed first, or a crash would leave a checkpoint with missing files.
    const doomed = join(folder, temporaryName(nameOf(step)));
    try {
      await rename(dir, doomed);
      await rm(doomed, { recursive: true, force: true });
    } catch (error) {
      throw fileError(error, dir, 'written');
    }
  }
}

/** Renames a damaged checkpoint, so that it neither counts as one nor is lost. Gives the new name. */
export async function setAside(folder: string, step: number): Promise<string> {
  const names = await entriesOf(folder);
  const base = `damaged-${nameOf(step)}`;
  let name = base;
  for (let n = 2; names.includes(name); n++) name = `${base}-${n}`;
  await rename(join(folder, nameOf(step)), join(folder, name)).catch((error) => {
    throw fileError(error, join(folder, nameOf(step)), 'written');
  });
  await syncFolder(folder);
  return name;
}

/** Removes half-written and half-removed checkpoints. */
export async function sweepCheckpoints(folder: string): Promise<void> {
  await sweepTemporaries(folder, (name) => name.startsWith('.step-') && name.endsWith(`.${hostname()}`));
}

/** `step-000100`; up to a million, names sort as the steps do. */
export function nameOf(step: number): string {
  return `step-${String(step).padStart(6, '0')}`;
}

/** Of the form that `writeFolderAtomic` uses, so that one sweep finds both. */
function temporaryName(name: string): string {
  return `.${name}.${hostname()}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
}

/** @throws PengiError E_CHECKPOINT when there is no such file, which makes a checkpoint incomplete */
async function sizeOfFile(file: string): Promise<number> {
  try {
    const found = await stat(file);
    if (found.isFile()) return found.size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw fileError(error, file, 'read');
  }
  throw new PengiError('E_CHECKPOINT', 'is missing', { file });
}
