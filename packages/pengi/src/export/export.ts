/** Parts of model folders as ONNX files with a card beside them. */
import { basename, resolve } from 'node:path';
import { openModelFolder } from '@pengi/checkpoint';
import { clapConfigSchema, clapParams, frontendOf } from '@pengi/clap';
import { type NdArray, PengiError, validate } from '@pengi/core';
import { writeFileAtomic } from '@pengi/core/node';
import { exportOnnx, type ModelValue, type OnnxFile, type WriteOnnxOptions } from '@pengi/jit';
import { type PengiConfig, pengiConfigSchema, prefixLengthOf } from '../config.js';
import { pengiParams } from '../load.js';
import type { PengiParams } from '../params.js';
import { cardText } from './card.js';
import { LANGUAGE_PARTS, type PartOf, TOWER_PARTS, type TowersConfig } from './parts.js';

export type ExportPart = keyof typeof TOWER_PARTS | keyof typeof LANGUAGE_PARTS;

/** What can be exported, and what it is. */
export const EXPORT_PARTS = Object.fromEntries(
  Object.entries({ ...TOWER_PARTS, ...LANGUAGE_PARTS }).map(([name, { what }]) => [name, what]),
) as Readonly<Record<ExportPart, string>>;

export interface ExportPartOptions extends WriteOnnxOptions {
  /** So many clips or sequences at once, always. Default: any number. */
  batch?: number;
  /** Vectors of a prefix, for `gpt2-prefill`. Default: those of a recording and a prompt. */
  length?: number;
}

/** What was exported. */
export interface ExportedPart {
  part: ExportPart;
  what: string;
  inputs: readonly ModelValue[];
  outputs: readonly ModelValue[];
  /** Operators, all of ONNX' standard set. */
  nodes: number;
  /** The model, then the file of its weights if they have one. */
  files: OnnxFile[];
  /** Where all of this is written down. */
  card: string;
}

/**
 * Writes a part of a Pengi, or a tower of a CLAP of the paper's family, as an ONNX file, with a card (Markdown) beside it:
 * `x.onnx` and `x.md`, and `x.onnx.data` where weights have a file of their own. Replaces what is there.
 * @throws PengiError E_USAGE for a part that the model does not have, E_NOT_FOUND, E_CHECKPOINT, E_CONFIG, E_WEIGHTS,
 *   E_CANNOT_CREATE, E_DISK_FULL, E_IO
 */
export async function exportPart(
  dir: string,
  part: ExportPart,
  path: string,
  { batch, length, ...writing }: ExportPartOptions = {},
): Promise<ExportedPart> {
  if (!path.endsWith('.onnx'))
    throw new PengiError('E_USAGE', 'the file must be named *.onnx', { file: path });
  for (const [name, size] of Object.entries({ batch, length }))
    if (size !== undefined && !(Number.isInteger(size) && size >= 1))
      throw new PengiError('E_USAGE', `${name} must be a whole number of at least 1, found ${size}`);
  const folder = await openModelFolder(dir);
  const source = sourceOf(folder);
  const frontend = frontendOf(source.config, folder.file);
  const { fn, inputs, docs, fixed } = partOf(source, part, dir, {
    batch: batch ?? 'batch',
    frames: frontend.frames,
    length,
  });
  const what = EXPORT_PARTS[part];
  const sha256 = await folder.sha256();
  const title = `${part} of ${basename(resolve(dir))}`;
  const model = exportOnnx(fn as (p: unknown, inputs: unknown) => unknown, source.params as never, inputs, {
    name: part,
    doc: what,
    docOf: (name) => docs[name.replace(/\.\d+\./, '.*.')],
    metadata: {
      part,
      weights_sha256: sha256,
      config: JSON.stringify(source.config),
    },
  });
  const files = await model.write(path, writing);
  const { nodes } = model;
  const exported = { part, what, inputs: model.inputs, outputs: model.outputs, nodes, files };
  const card = path.replace(/\.onnx$/, '.md');
  await writeFileAtomic(card, cardText({ ...exported, title, fixed, sha256, config: source.config }));
  return { ...exported, card };
}

type Source =
  | { kind: 'pengi'; params: PengiParams<NdArray>; config: PengiConfig }
  | { kind: 'clap'; params: object; config: TowersConfig };

function sourceOf({ dir, config, file }: Awaited<ReturnType<typeof openModelFolder>>): Source {
  const { model, family } = (config ?? {}) as { model?: unknown; family?: unknown };
  if (model === 'clap' && family === undefined) {
    const checked = validate(clapConfigSchema, config, { file: dir });
    return { kind: 'clap', params: clapParams(file, checked), config: checked };
  }
  if (model !== 'pengi')
    throw new PengiError('E_USAGE', 'only a Pengi, and a CLAP of its kind, can be exported', { file: dir });
  const checked = validate(pengiConfigSchema, config, { file: dir });
  return { kind: 'pengi', params: pengiParams(file, checked), config: checked };
}

function partOf(
  source: Source,
  part: ExportPart,
  dir: string,
  sizes: { batch: number | string; frames: number; length: number | undefined },
): PartOf<never> {
  const { length, ...others } = sizes;
  if (part === 'clap-text' && source.config.text === null)
    throw new PengiError('E_USAGE', 'this model has no text tower', { file: dir });
  if (Object.hasOwn(TOWER_PARTS, part))
    return TOWER_PARTS[part as keyof typeof TOWER_PARTS].of(source.config, { ...others, length: 0 });
  if (source.kind === 'clap')
    throw new PengiError('E_USAGE', `a CLAP has no part "${part}"`, {
      file: dir,
      hint: `it has ${Object.keys(TOWER_PARTS).join(', ')}`,
    });
  const { config } = source;
  const vectors = length ?? prefixLengthOf(config);
  if (vectors > config.gpt2.positions)
    throw new PengiError(
      'E_USAGE',
      `the language model has ${config.gpt2.positions} positions, not ${vectors}`,
    );
  return LANGUAGE_PARTS[part as keyof typeof LANGUAGE_PARTS].of(config, { ...others, length: vectors });
}
