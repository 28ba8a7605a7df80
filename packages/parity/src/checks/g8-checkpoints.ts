import { join } from 'node:path';
import {
  openPth,
  openSafetensors,
  type PthFile,
  stripCommonPrefix,
  type TensorSource,
} from '@pengi/checkpoint';
import { flatten, isPengiError, type NdArray } from '@pengi/core';
import { gpt2Params } from '@pengi/gpt2';
import type { Check } from '../check.js';
import { gpt2ConfigOf } from '../configs.js';
import { type Json, openManifest, weightsOf } from '../golden.js';
import type { Report } from '../report.js';

/** What a file that is not as it should be may be refused with. */
const REFUSALS = ['E_CHECKPOINT', 'E_ST_HEADER', 'E_ST_TENSOR'];

/**
 * Checkpoint files: what must load equals the expected file or its manifest bit for bit, what must be refused is refused
 * with a typed error, and what may be either has no effect.
 */
export const checkCheckpoints: Check = async ({ folder, json }, report) => {
  for (const entry of json.files) {
    const { file, expect } = entry;
    const path = join(folder, file);
    if (expect === 'refuse') report.equal(`${file}: refused`, await outcome(path), 'refused');
    else if (expect === 'refuse-or-harmless')
      report.equal(`${file}: refused or harmless`, await isHarmless(path), true);
    else if (expect !== 'load') throw new Error(`${file}: nobody knows what "${expect}" means`);
    else {
      const source = await open(path);
      if (entry.expected === undefined) checkManifest(report, folder, entry, source);
      else checkExpected(report, entry, source, await openSafetensors(join(folder, entry.expected)));
    }
  }
};

/** Every tensor, and nothing but them: names, types, shapes, bytes. */
function checkExpected(report: Report, entry: Json, source: TensorSource, expected: TensorSource): void {
  const { file, prefix } = entry;
  const strip = prefix ? stripCommonPrefix(source.tensors.keys(), prefix) : (name: string) => name;
  const names = new Map([...source.tensors.keys()].map((name) => [strip(name), name]));
  report.equal(`${file}: names`, [...names.keys()].sort(), [...expected.tensors.keys()].sort());
  for (const name of expected.tensors.keys()) {
    const found = names.get(name);
    report.equal(`${file}: ${name}`, found && raw(source, found), raw(expected, name));
  }
  for (const [name, value] of Object.entries(entry.scalars ?? {}))
    report.equal(`${file}: the value ${name}`, (source as PthFile).values.get(name), value);
}

function checkManifest(report: Report, folder: string, entry: Json, source: TensorSource): void {
  const { file, manifest: name, dtype } = entry;
  if (name === undefined) throw new Error(`${file}: no manifest says what it holds`);
  const manifest = openManifest(folder, name);
  const config = gpt2ConfigOf(manifest.config);
  const found = flatten<NdArray>(gpt2Params(source, config));
  const wanted = flatten<NdArray>(gpt2Params(weightsOf(manifest), config));
  const stored = dtype ?? [...source.tensors.values()][0]!.dtype;
  for (const [path, { data }] of Object.entries(wanted)) {
    const expected = stored === 'BF16' ? (data as Float32Array).map(toBfloat16) : data;
    report.near(`${file}: ${path}`, found[path]!, expected as Float32Array, 0);
  }
}

function open(path: string): Promise<TensorSource> {
  return path.endsWith('.safetensors') ? openSafetensors(path) : openPth(path);
}

/** Opens a file and reads all that it offers. */
async function outcome(path: string): Promise<string> {
  try {
    const source = await open(path);
    for (const name of source.tensors.keys()) source.read(name);
    return 'loaded';
  } catch (error) {
    if (!isPengiError(error)) return `an untyped error: ${String(error)}`;
    return REFUSALS.includes(error.code) ? 'refused' : error.code;
  }
}

async function isHarmless(path: string): Promise<boolean> {
  const before = Object.getOwnPropertyNames(Object.prototype).length;
  const how = await outcome(path);
  return (
    ['loaded', 'refused'].includes(how) && Object.getOwnPropertyNames(Object.prototype).length === before
  );
}

function raw(source: TensorSource, name: string): unknown {
  const { dtype, shape, bytes } = source.read(name);
  return { dtype, shape, bytes: Buffer.from(bytes).toString('base64') };
}

/** The nearest bfloat16, ties to even. */
function toBfloat16(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0] = (bits[0]! + 0x7fff + ((bits[0]! >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer)[0]!;
}
