import { readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { flatten, type NdArray, PengiError, sizeOf, type Tree } from '@pengi/core';
import { fileError, writeFileAtomic } from '@pengi/core/node';
import { cardText, type ModelCard } from './card.js';
import { folderMovedAside, writeFolderAtomic } from './folder.js';
import { openSafetensors } from './open.js';
import { sha256File } from './sha256.js';
import type { TensorFile } from './source.js';
import { type WriteOptions, type WrittenFile, writeSafetensors } from './write.js';

/** What a model folder holds; the first two make it one. */
const CONFIG = 'config.json';
const WEIGHTS = 'model.safetensors';
const TOKENIZER = 'tokenizer.json';
const CARD = 'README.md';
const CONTENT = `a model folder holds ${CONFIG} and ${WEIGHTS}`;

export interface ModelContent {
  /** Whatever the model's loader needs; JSON. */
  config: object;
  /** By the checkpoint's own names. */
  tensors: Tree<NdArray>;
  tokenizer?: object;
  /** A promise is waited for when the weights are written. */
  card?: ModelCard | Promise<ModelCard>;
}

export interface ModelFolder {
  readonly dir: string;
  /** As parsed; the model's own schema checks it. */
  readonly config: unknown;
  readonly file: TensorFile;
  /** Of the weights' file, in hexadecimal; reads the whole file when first asked. */
  sha256(): Promise<string>;
}

/**
 * Writes a model folder: config.json, model.safetensors, tokenizer.json when given, and README.md with the SHA-256 and
 * the number of parameters. It appears complete or not at all, and replaces only an empty folder or one that holds
 * nothing but a model.
 * @returns size and SHA-256 of the weights' file
 * @throws PengiError E_CANNOT_CREATE, E_DISK_FULL, E_IO, E_ST_TENSOR
 */
export async function saveModelFolder(
  dir: string,
  { config, tensors, tokenizer, card = { title: basename(resolve(dir)) } }: ModelContent,
  options: WriteOptions = {},
): Promise<WrittenFile> {
  const arrays = flatten<NdArray>(tensors);
  let written: WrittenFile | undefined;
  const fill = async (temporary: string): Promise<WrittenFile> => {
    // transformers reads only files that say who wrote the layout.
    const weights = await writeSafetensors(join(temporary, WEIGHTS), arrays, { format: 'pt' }, options);
    const numbers = {
      ...weights,
      tensors: Object.keys(arrays).length,
      parameters: Object.values(arrays).reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    };
    await writeFileAtomic(join(temporary, CONFIG), json(config));
    if (tokenizer !== undefined) await writeFileAtomic(join(temporary, TOKENIZER), json(tokenizer));
    await writeFileAtomic(join(temporary, CARD), cardText(await card, numbers));
    return weights;
  };
  await writeFolderAtomic(
    dir,
    async (temporary) => {
      written = await fill(temporary);
    },
    { mayReplace: isModelFolder, kind: 'model folder' },
  );
  return written as WrittenFile;
}

/**
 * Opens a model folder: reads the config and the weights' header, no weights.
 * @throws PengiError E_NOT_FOUND, E_CHECKPOINT, E_ST_HEADER, E_ST_TENSOR, E_IO
 */
export async function openModelFolder(dir: string): Promise<ModelFolder> {
  await assertFolder(dir);
  const config = await readConfig(join(dir, CONFIG), dir);
  const path = join(dir, WEIGHTS);
  if (!(await isFile(path))) throw notAModel(dir, `${WEIGHTS} is missing`);
  const file = await openSafetensors(path);
  let sha256: Promise<string> | undefined;
  return {
    dir,
    config,
    file,
    sha256() {
      sha256 ??= sha256File(path);
      return sha256;
    },
  };
}

/** Whether a folder with these entries holds a model and nothing that would be lost with it. */
function isModelFolder(entries: readonly string[]): boolean {
  return (
    [CONFIG, WEIGHTS].every((name) => entries.includes(name)) &&
    entries.every((name) => [CONFIG, WEIGHTS, TOKENIZER, CARD].includes(name))
  );
}

async function assertFolder(dir: string): Promise<void> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(dir)).isDirectory();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') throw fileError(error, dir, 'read');
    const aside = await folderMovedAside(dir);
    throw new PengiError('E_NOT_FOUND', 'no such folder', {
      file: dir,
      ...(aside === undefined
        ? {}
        : { hint: `a save was interrupted; the model before it is in ${aside}: rename that back` }),
      cause: error,
    });
  }
  if (isFolder) return;
  if (/\.(pth|pt|bin|ckpt)$/i.test(dir))
    throw new PengiError('E_CHECKPOINT', `is a PyTorch file, not a model folder; ${CONTENT}`, {
      file: dir,
      hint: 'convert it into a model folder first',
    });
  throw notAModel(dir, 'is a file');
}

async function readConfig(path: string, dir: string): Promise<unknown> {
  if (!(await isFile(path))) throw notAModel(dir, `${CONFIG} is missing`);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw fileError(error, path, 'read');
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new PengiError('E_CHECKPOINT', 'is not valid JSON', { file: path, cause: error });
  }
}

function notAModel(dir: string, found: string): PengiError {
  return new PengiError('E_CHECKPOINT', `${found}; ${CONTENT}`, {
    file: dir,
    hint: 'name the folder that was saved or converted',
  });
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
