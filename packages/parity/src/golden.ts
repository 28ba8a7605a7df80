/** Goldens on disk: a JSON with facts and tolerances, a safetensors file beside it, and the manifest of the weights. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSafetensors } from '@pengi/checkpoint';
import type { NdArray } from '@pengi/core';
import { fill } from './fill.js';

/** Parsed JSON of goldens and manifests: each kind has its own structure, which its check knows. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Json = any;

/** One entry of a manifest: filled by the rule, computed by the model, or tied to another. */
export interface ManifestTensor {
  name: string;
  shape: number[];
  dtype: string;
  scale?: number;
  offset?: number;
  computed?: true;
  tied_to?: string;
  check?: { sum: number; first: number[] };
}

export interface Manifest {
  model: string;
  salt: string;
  config: Json;
  tensors: ManifestTensor[];
}

export interface Golden {
  readonly name: string;
  readonly folder: string;
  readonly json: Json;
  /** A stored tensor, as float32, int32 or bool; asking for it marks it as understood. */
  tensor(key: string): NdArray;
  has(key: string): boolean;
  keys(): string[];
  /** Keys that nothing has asked for. */
  unread(): string[];
  manifest(): Manifest;
}

export function openGolden(folder: string, name: string): Golden {
  const json = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
  const path = join(folder, `${name}.safetensors`);
  const file = existsSync(path) ? parseSafetensors(readFileSync(path), path) : undefined;
  const names = [...(file?.tensors.keys() ?? [])];
  const unread = new Set(names);
  return {
    name,
    folder,
    json,
    tensor(key) {
      unread.delete(key);
      if (!file?.tensors.has(key)) throw new Error(`${name}.safetensors has no "${key}"`);
      return file.array(key);
    },
    has: (key) => names.includes(key),
    keys: () => names,
    unread: () => [...unread],
    manifest: () => openManifest(folder, manifestNameOf(json)),
  };
}

export function openManifest(folder: string, name: string): Manifest {
  return JSON.parse(readFileSync(join(folder, name), 'utf8')) as Manifest;
}

/** A golden's manifest is the file that its JSON names, in whichever sentence. */
function manifestNameOf(json: Json): string {
  const found = /manifests\/[\w.-]+\.json/.exec(JSON.stringify(json));
  if (!found) throw new Error('the golden names no manifest');
  return found[0];
}

/**
 * The parameters of a manifest by name. What the model computes is left out, what is tied is the other's array.
 * @param salt instead of the manifest's
 */
export function weightsOf({ tensors, salt: ownSalt }: Manifest, salt = ownSalt): Record<string, NdArray> {
  const arrays: Record<string, NdArray> = {};
  for (const { name, shape, scale, offset, computed, tied_to } of tensors) {
    if (computed) continue;
    arrays[name] = tied_to === undefined ? fill(salt, name, shape, scale, offset) : arrays[tied_to]!;
  }
  return arrays;
}
