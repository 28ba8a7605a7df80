/**
 * Checkpoints of a run: `step-000100/{params.safetensors, optimizer.safetensors, manifest.json}`. A folder of that name is
 * complete: it is made under a temporary name, every file synced, the manifest with the files' hashes last, and renamed.
 */
import { readFile, stat } from 'node:fs/promises';
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
import {
  flatten,
  leaves,
  mapTree,
  type NdArray,
  ndarray,
  PengiError,
  printable,
  type Tree,
} from '@pengi/core';
import { fileError, writeFileAtomic } from '@pengi/core/node';
import type { Arrays } from '@pengi/jit';
import {
  encodeManifest,
  type Manifest,
  type ManifestContent,
  type Position,
  parseManifest,
} from './manifest.js';
import { mergeParams } from './split.js';
import type { StepState } from './step.js';
import { entriesOf } from './sweep.js';
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
export type CheckpointHeader = Pick<Manifest, 'task' | 'engine' | 'code' | 'settings' | 'record'>;

type Part = keyof StepState;

/** The parts of the state: each has a file, and what messages call it. Some runs have no buffers, or keep no averages. */
const PARTS: Readonly<Record<Part, { file: string; words: string; optional?: true }>> = {
  params: { file: 'params.safetensors', words: 'parameters' },
  adam: { file: 'optimizer.safetensors', words: 'optimizer state' },
  buffers: { file: 'buffers.safetensors', words: 'statistics', optional: true },
  ema: { file: 'ema.safetensors', words: 'averages of parameters', optional: true },
};
const MANIFEST = 'manifest.json';

/** Where they lie in the run folder. */
export const CHECKPOINTS = 'checkpoints';

/**
 * Writes `folder/step-…`.
 * @throws PengiError E_NONFINITE, before anything is written, E_CANNOT_CREATE, E_DISK_FULL, E_IO
 */
export async function saveCheckpoint(
  folder: string,
  header: CheckpointHeader,
  position: Position,
  { state, ...progress }: Snapshot,
): Promise<void> {
  const parts = partsOf(state).map((part) => ({
    ...PARTS[part],
    arrays: state[part] as never as Tree<NdArray>,
  }));
  for (const { arrays, words } of parts) assertFinite(arrays, `${words} after step ${progress.step}`);
  await writeFolderAtomic(
    join(folder, nameOf(progress.step)),
    async (temporary) => {
      const files: Record<string, WrittenFile> = {};
      for (const { arrays, file } of parts)
        files[file] = await writeSafetensors(join(temporary, file), flatten(arrays));
      const content: ManifestContent = { ...header, ...progress, position, files };
      await writeFileAtomic(join(temporary, MANIFEST), encodeManifest(content));
    },
    { kind: 'checkpoint', bytes: bytesOf(state) },
  );
}

/** How much a checkpoint takes, up to a few kilobytes. */
export function bytesOf(state: Arrays<StepState>): number {
  return leaves<NdArray>(state as never).reduce((sum, [, { data }]) => sum + data.byteLength, 0);
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
  for (const { file: name, optional } of Object.values(PARTS)) {
    if (optional && !manifest.files[name]) continue;
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
  const dir = join(folder, nameOf(step));
  const read = async (part: Part) => [part, await readPart(dir, part, template[part], task)] as const;
  const found = Object.fromEntries(await Promise.all(partsOf(template).map(read)));
  return { step, seconds, skipped, skippedInARow, state: { ...template, ...found } as Arrays<StepState> };
}

/** Those that a state has. */
function partsOf(state: Arrays<StepState>): Part[] {
  return (Object.keys(PARTS) as Part[]).filter(
    (part) => !PARTS[part].optional || Object.keys(state[part] ?? {}).length > 0,
  );
}

/**
 * One part of the state in a verified checkpoint.
 * @throws PengiError E_WEIGHTS that lists the differences, when names or shapes are not those of `template`
 */
export async function readPart<T>(dir: string, part: Part, template: T, task: string): Promise<T> {
  const file = await openSafetensors(partFile(dir, part));
  const wanted = flatten(template as Tree<NdArray>);
  const found = mergeParameters(wanted, file, { where: `the task "${printable(task)}"` });
  // The arrays of a file read it at each access, and the file will be pruned.
  const inMemory = mapTree(found, ({ dtype, shape, data }: NdArray) => ndarray(dtype, shape, data));
  return mergeParams<T>(template, inMemory);
}

/** The file of one part of the state in the folder of a checkpoint. */
export function partFile(dir: string, part: Part): string {
  return join(dir, PARTS[part].file);
}

/** `step-000100`; up to a million, names sort as the steps do. */
export function nameOf(step: number): string {
  return `step-${String(step).padStart(6, '0')}`;
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
