import { join } from 'node:path';
import { openSafetensors } from '@pengi/checkpoint';
import { flatten, isPengiError, type NdArray } from '@pengi/core';
import { gpt2Params } from '@pengi/gpt2';
import type { Check } from '../check.js';
import { gpt2ConfigOf } from '../configs.js';
import { openManifest, weightsOf } from '../golden.js';

/** Checkpoint files: what must load equals its manifest bit for bit, what must be refused is refused by name. */
export const checkCheckpoints: Check = async ({ folder, json }, report) => {
  const later: string[] = [];
  for (const { file, expect, manifest: name, dtype } of json.files) {
    if (!file.endsWith('.safetensors')) {
      later.push(file);
      continue;
    }
    if (expect === 'refuse') {
      report.equal(`${file}: refused`, await refusal(join(folder, file)), true);
      continue;
    }
    if (name === undefined) throw new Error(`${file}: no manifest says what it holds`);
    const manifest = openManifest(folder, name);
    const source = await openSafetensors(join(folder, file));
    const found = flatten<NdArray>(gpt2Params(source, gpt2ConfigOf(manifest.config)));
    const wanted = flatten<NdArray>(gpt2Params(weightsOf(manifest), gpt2ConfigOf(manifest.config)));
    const stored = dtype ?? [...source.tensors.values()][0]!.dtype;
    for (const [path, { data }] of Object.entries(wanted)) {
      const expected = stored === 'BF16' ? (data as Float32Array).map(toBfloat16) : data;
      report.near(`${file}: ${path}`, found[path]!, expected as Float32Array, 0);
    }
  }
  return later.length > 0
    ? { skipped: `${later.length} .pth files: their reader is not part of this version` }
    : undefined;
};

async function refusal(path: string): Promise<boolean> {
  try {
    await openSafetensors(path);
    return false;
  } catch (error) {
    return isPengiError(error);
  }
}

/** The nearest bfloat16, ties to even. */
function toBfloat16(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0] = (bits[0]! + 0x7fff + ((bits[0]! >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer)[0]!;
}
