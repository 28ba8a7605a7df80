import { open, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openPth, openSafetensors, type TensorSource } from '@pengi/checkpoint';
import { PengiError, printable } from '@pengi/core';
import { fileError } from '@pengi/core/node';

/** A checkpoint with what lies beside it. */
export interface OpenedWeights {
  /** The file that holds the tensors. */
  readonly path: string;
  /** Its folder, with links followed. */
  readonly folder: string;
  readonly bytes: number;
  readonly source: TensorSource & { close(): void };
  /** Which dictionary of a PyTorch file the tensors are from. */
  readonly root: readonly string[];
  /** A JSON file beside it; undefined when there is none. */
  json(name: string): Promise<unknown>;
}

const NAMES = ['model.safetensors', 'pytorch_model.bin'];
const INDEX = /\.(safetensors|bin)\.index\.json$/;
const EXTENSION = /\.(safetensors|bin|pth|pt|ckpt)$/i;
/** Many times what a tokenizer.json takes. */
const MAX_JSON_BYTES = 64 * 2 ** 20;

/**
 * Opens a checkpoint, or the only one in a folder: safetensors or what `torch.save` wrote.
 * @throws PengiError E_NOT_FOUND, E_CHECKPOINT, E_IO, E_ST_HEADER, E_ST_TENSOR
 */
export async function openWeights(given: string): Promise<OpenedWeights> {
  const isFolder = (await statOf(given)).isDirectory();
  const path = isFolder ? join(given, await weightsIn(given)) : given;
  const opened = await openFile(path);
  const folder = await realpath(dirname(path));
  return {
    ...opened,
    path,
    folder,
    bytes: (await statOf(path)).size,
    json: (name) => readJsonIfThere(join(folder, name)),
  };
}

async function openFile(path: string): Promise<Pick<OpenedWeights, 'source' | 'root'>> {
  // Behind its length the header of safetensors starts with a brace, in whatever the file is named.
  if (path.endsWith('.safetensors') || (await ninthByte(path)) === 0x7b)
    return { source: await openSafetensors(path), root: [] };
  const source = await openPth(path);
  return { source, root: source.root };
}

async function weightsIn(folder: string): Promise<string> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw fileError(error, folder, 'read');
  });
  const usual = NAMES.find((name) => names.includes(name));
  if (usual !== undefined) return usual;
  const found = names.filter((name) => EXTENSION.test(name) && !name.startsWith('.'));
  if (found.length === 1 && !names.some((name) => INDEX.test(name))) return found[0]!;
  const fail = (message: string, hint: string) =>
    new PengiError('E_CHECKPOINT', message, { file: folder, hint });
  if (names.some((name) => INDEX.test(name)))
    throw fail(
      'holds weights in several parts',
      'join them into one file; no model of these families has parts',
    );
  if (found.length === 0)
    throw fail(
      `holds no weights (${NAMES.join(', ')}, *.pth, …)`,
      'name the file, or the folder that has it',
    );
  const shown = found.slice(0, 5).map((name) => printable(name, 60));
  throw fail(`holds several files of weights: ${shown.join(', ')}`, 'name one of them');
}

async function ninthByte(path: string): Promise<number | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const { bytesRead, buffer } = await file.read(new Uint8Array(1), 0, 1, 8);
      return bytesRead === 1 ? buffer[0] : undefined;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileError(error, path, 'read');
  }
}

async function readJsonIfThere(path: string): Promise<unknown> {
  const found = await stat(path).catch(() => null);
  return found?.isFile() ? readJson(path) : undefined;
}

/** @throws PengiError E_NOT_FOUND, E_IO, E_CHECKPOINT for what is no JSON or too much of it */
export async function readJson(path: string): Promise<unknown> {
  const { size } = await statOf(path);
  if (size > MAX_JSON_BYTES)
    throw new PengiError('E_CHECKPOINT', `has ${size} bytes; at most ${MAX_JSON_BYTES} are read`, {
      file: path,
    });
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw fileError(error, path, 'read');
  });
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new PengiError('E_CHECKPOINT', 'is not valid JSON', { file: path, cause: error });
  }
}

async function statOf(path: string) {
  return stat(path).catch((error: unknown) => {
    throw fileError(error, path, 'read');
  });
}
