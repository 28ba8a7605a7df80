/** `latest.json` and `best.json` of a run folder: which of the checkpoints is which, for readers. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PengiError } from '@pengi/core';
import { fileError, writeFileAtomic } from '@pengi/core/node';
import { CHECKPOINTS, nameOf } from './checkpoint.js';

export interface Pointer {
  /** The path of its folder from the run folder. */
  readonly checkpoint: string;
  readonly step: number;
}

/** The best evaluation whose parameters are kept. */
export interface BestPoint {
  readonly step: number;
  readonly metric: string;
  readonly mode: 'min' | 'max';
  readonly value: number;
}

export type PointerName = keyof Pointers;

/** The file of a pointer. */
export function fileOf(name: PointerName): string {
  return `${name}.json`;
}

/** What each pointer holds. */
interface Pointers {
  latest: Pointer;
  best: Pointer & BestPoint;
}

/**
 * The pointer `name` in a run folder; undefined where there is none.
 * @throws PengiError E_CHECKPOINT for something else under its name, E_NOT_FOUND, E_IO
 */
export async function readPointer<Name extends PointerName>(
  dir: string,
  name: Name,
): Promise<Pointers[Name] | undefined> {
  const file = join(dir, fileOf(name));
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError(error, file, 'read');
  }
  const pointer = parse(text);
  if (pointer && (name === 'latest' || isBest(pointer))) return pointer as Pointers[Name];
  throw new PengiError('E_CHECKPOINT', 'does not name a checkpoint', {
    file,
    hint: 'remove it; the next resume writes it anew',
  });
}

/** @throws PengiError E_CANNOT_CREATE, E_DISK_FULL, E_IO */
export async function writePointer<Name extends PointerName>(
  dir: string,
  name: Name,
  point: Omit<Pointers[Name], 'checkpoint'> & { step: number },
): Promise<void> {
  const pointer = { checkpoint: `${CHECKPOINTS}/${nameOf(point.step)}`, ...point };
  await writeFileAtomic(join(dir, fileOf(name)), `${JSON.stringify(pointer, null, 2)}\n`);
}

/** @throws PengiError E_CANNOT_CREATE, E_IO */
export async function removePointer(dir: string, name: PointerName): Promise<void> {
  const file = join(dir, fileOf(name));
  await rm(file, { force: true }).catch((error) => {
    throw fileError(error, file, 'written');
  });
}

function parse(text: string): Pointer | undefined {
  try {
    const pointer = JSON.parse(text) as Partial<Pointer> | null;
    const named = typeof pointer?.checkpoint === 'string' && Number.isInteger(pointer.step);
    return named ? (pointer as Pointer) : undefined;
  } catch {
    return undefined;
  }
}

function isBest(pointer: Pointer): boolean {
  const { metric, mode, value } = pointer as Partial<BestPoint>;
  return typeof metric === 'string' && (mode === 'min' || mode === 'max') && Number.isFinite(value);
}
