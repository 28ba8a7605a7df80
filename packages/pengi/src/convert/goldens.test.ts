import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { openSafetensors } from '@pengi/checkpoint';
import { loadGpt2 } from '@pengi/gpt2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPengi } from '../load.js';
import { numbers, testEngine } from '../testing/models.js';
import { convertCheckpoint } from './index.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-convert-'));
});
afterAll(() => rm(dir, { recursive: true }));
let made = 0;
/** A new path. */
const at = (name: string) => join(dir, `${++made}-${name}`);

/** Relative paths count from the repository's root. */
const GOLDENS = resolve(
  join(import.meta.dirname, '../../../..'),
  process.env.PENGI_GOLDENS ?? '../shared/goldens',
);
const WTE = 'caption_decoder.gpt.transformer.wte.weight';
const LM_HEAD = 'caption_decoder.gpt.lm_head.weight';

describe('golden checkpoints', () => {
  const g8 = join(GOLDENS, 'g8');
  // Sizes that shapes do not show, of manifests/checkpoint-*.json; vocabularies of so many ids and no more.
  const kept = (count: number, more: number[] = []) => [...Array(count - more.length).keys(), ...more];
  const pengi = {
    text: { heads: 2, keptIds: kept(30, [49406, 49407]) },
    gpt2: { heads: 2, keptIds: kept(41, [220, 50256]) },
    frontend: { sampleRate: 8000, hopLength: 16, durationSeconds: 0.2, melSampleRate: 8000, fMax: 4000 },
  };

  it
    .skipIf(!existsSync(g8))
    .each([
      'pengi-zip-f32.pth',
      'pengi-legacy-f32.pth',
      'pengi-zip-f16.pth',
      'pengi-zip-bf16.pth',
      'pengi-legacy-bf16.pth',
    ])('%s becomes a Pengi with the expected values', async (name) => {
    const out = at('golden');
    const { family, source, tied, melBank, tensors, parameters } = await convertCheckpoint(
      join(g8, name),
      out,
      {
        config: pengi,
      },
    );
    expect({ family, source, tied, bank: melBank?.text }).toMatchObject({
      family: 'pengi-base',
      source: { stripped: 'module.', root: ['model'] },
      tied: [LM_HEAD, WTE],
      bank: 'computed 50-4000 Hz @8000',
    });
    const expected = await openSafetensors(
      join(g8, `expected-${/(f32|bf16|f16)/.exec(name)![1]}.safetensors`),
    );
    const written = await openSafetensors(join(out, 'model.safetensors'));
    expect(written.tensors.size).toBe(tensors);
    expect(parameters).toBeGreaterThan(10_000);
    for (const path of written.tensors.keys())
      expect(written.array(path).data, path).toEqual(expected.array(path).data);
    const loaded = await loadPengi(out, { engine: await testEngine() });
    await loaded.dispose();
  });

  it
    .skipIf(!existsSync(g8))
    .each([
      'hf-gpt2-prefixed.safetensors',
      'hf-gpt2-bare.safetensors',
      'hf-gpt2-bf16.safetensors',
      'hf-gpt2-pytorch_model.bin',
    ])('%s becomes a GPT-2', async (name) => {
    const out = at('golden');
    const { family } = await convertCheckpoint(join(g8, name), out, { config: { heads: 2 } });
    expect(family).toBe('gpt2');
    const loaded = await loadGpt2(out, { engine: await testEngine() });
    const [embedded] = [await loaded.embed([3])];
    const file = await openSafetensors(join(out, 'model.safetensors'));
    expect(numbers(embedded)).toEqual(Array.from(file.array('wte.weight').data.subarray(48, 64), Number));
    await loaded.dispose();
  });
});
