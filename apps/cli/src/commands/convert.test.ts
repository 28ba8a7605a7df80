import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PthEntry, writePth } from '@pengi/checkpoint/testing';
import { clipTextModelSpec } from '@pengi/clap';
import { flatten, type NdArray, type Tree } from '@pengi/core';
import { initParams } from '@pengi/nn';
import { pengiSpec } from 'pengi';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pengi } from '../testing/command-line.js';
import { TINY, writeWav } from '../testing/models.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-convert-cli-'));
  vi.stubEnv('PENGI_CACHE', join(dir, 'cache'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true });
});

/** A checkpoint of random weights under the released names. */
async function writeWeights(file: string, params: unknown): Promise<void> {
  const arrays = Object.entries(flatten<NdArray>(params as Tree<NdArray>));
  const entries = arrays.map(([name, { shape, data }]): [string, PthEntry] => [
    name,
    { shape, bytes: () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength) },
  ]);
  await writePth(file, { epoch: 1, model: Object.fromEntries(entries) });
}

async function writeTinyPengi(): Promise<{ file: string; config: string }> {
  const [file, config] = [join(dir, 'base.pth'), join(dir, 'sizes.json')];
  await writeWeights(file, initParams(pengiSpec(TINY.pengi), 1));
  await writeFile(config, JSON.stringify(TINY.pengi));
  return { file, config };
}

describe('convert', () => {
  it('makes a model folder that the other commands take', async () => {
    const { file, config } = await writeTinyPengi();
    const out = join(dir, 'models', 'pengi');
    const converted = await pengi('convert', file, '--out', out, '--config', config);
    expect(converted).toMatchObject({ status: 0, err: '' });
    expect(converted.out).toMatch(/^Pengi base: [\d,]+ parameters in \d+ tensors\n/);
    expect(converted.out).toContain('read     "model" of it');
    expect(converted.out).toContain(`Now:\n  pengi caption dog.wav --model ${out}`);

    const wav = join(dir, 'a.wav');
    await writeWav(wav, new Float32Array(4800).fill(0.1));
    const { status, err } = await pengi('caption', wav, '--model', out, '--max-tokens', '2');
    expect({ status, err }).toEqual({ status: 0, err: '' });
  });

  it('gives programs all that it found', async () => {
    const { file, config } = await writeTinyPengi();
    const out = join(dir, 'model');
    const { out: text } = await pengi(
      'convert',
      file,
      '--out',
      out,
      '--config',
      config,
      '--dtype',
      'bf16',
      '--checksum',
      '--json',
    );
    const result = JSON.parse(text);
    expect(result).toMatchObject({
      family: 'pengi-base',
      folder: out,
      source: { path: file, root: ['model'], stripped: null },
      weights: { dtype: 'BF16', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      leftOut: [],
      tied: null,
      melBank: null,
    });
    expect(result.source.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(await readFile(join(out, 'README.md'), 'utf8')).toContain(result.source.sha256);
  });

  it('names the variant that a file is', async () => {
    const { file, config } = await writeTinyPengi();
    const out = join(dir, 'model');
    const { status, err } = await pengi(
      ...['convert', file, '--out', out, '--config', config, '--family', 'pengi-base-no-text-enc'],
    );
    expect(status).toBe(65);
    expect(err).toMatch(
      /^E_CHECKPOINT .*this is Pengi base, not Pengi base_no_text_enc: it has caption_encoder/,
    );
    expect(existsSync(out)).toBe(false);
  });

  it('says which sizes it has to be told', async () => {
    const config = {
      model: 'clip-text' as const,
      text: { ...TINY.pengi.text!, width: 24, heads: 2 },
      projected: true,
    };
    const [file, sizes, out] = [join(dir, 'clip.bin'), join(dir, 'sizes.json'), join(dir, 'clip')];
    await writeWeights(file, initParams(clipTextModelSpec(config), 1));
    const asked = await pengi('convert', file, '--out', out);
    expect(asked.status).toBe(2);
    expect(asked.err).toContain('the weights do not show text.heads');
    expect(asked.err).toContain('--config FILE with {"text":{"heads":2}}');
    await writeFile(sizes, JSON.stringify({ text: { heads: 2, keptIds: config.text.keptIds } }));
    expect(await pengi('convert', file, '--out', out, '--config', sizes)).toMatchObject({ status: 0 });
    const embedded = await pengi('embed', '--text', 'generate metadata', '--model', out, '--json');
    const { embedding } = JSON.parse(embedded.out) as { embedding: number[] };
    expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
    expect(await pengi('embed', 'a.wav', '--model', out)).toMatchObject({ status: 2 });
  });

  it.each<[string, string[], number, string]>([
    ['an artefact that is not here', ['gpt2'], 66, 'run: pengi pull gpt2'],
    ['a missing file', ['nowhere.pth'], 66, 'does not exist'],
    ['an unknown family', ['x.pth', '--family', 'bert'], 2, 'known are pengi-base, '],
    ['an unknown type', ['x.pth', '--dtype', 'f8'], 2, 'none of f32, f16, bf16'],
    ['a missing config', ['x.pth', '--config', 'nowhere.json'], 66, 'nowhere.json'],
  ])('refuses %s', async (_what, args, status, message) => {
    const result = await pengi('convert', ...args, '--out', join(dir, 'out'));
    expect(result.status).toBe(status);
    expect(result.err).toContain(message);
  });
});
