import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { pengi } from '../testing/command-line.js';
import { saveTinyModels, writeWav } from '../testing/models.js';

let dir: string;
const at = (name: string) => join(dir, name);
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-cli-export-'));
  vi.stubEnv('PENGI_CACHE', at('cache'));
  await saveTinyModels(dir);
  await writeWav(
    at('tone.wav'),
    Float32Array.from({ length: 8000 }, (_, n) => 0.3 * Math.sin(n / 5)),
  );
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true });
});

describe('export', () => {
  it('writes a part and its card, and says what it takes and gives', async () => {
    const { status, out, err } = await pengi(
      'export',
      at('model'),
      '--part',
      'clap-audio',
      '--out',
      at('a.onnx'),
    );
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/in {2}log_mel: float32 \[batch, 31, 64\]/);
    expect(out).toMatch(/out embedding: float32 \[batch, 128\]/);
    expect(out).toContain(`wrote ${at('a.onnx')}`);
    expect(await readFile(at('a.md'), 'utf8')).toContain('# clap-audio of model');
  });

  it('takes fixed sizes and a file for the weights', async () => {
    const { out } = await pengi(
      ...['export', at('model'), '--part', 'gpt2-prefill', '--out', at('p.onnx')],
      ...['--batch', '2', '--length', '20', '--external-data', '--json'],
    );
    const { inputs, files } = JSON.parse(out);
    expect(inputs[0]).toMatchObject({ name: 'embeddings', shape: [2, 20, 128] });
    expect(files).toHaveLength(2);
    expect(await readdir(dir)).toContain('p.onnx.data');
  });

  it('refuses parts that there are not, and says which there are', async () => {
    const { status, err } = await pengi('export', at('model'), '--part', 'decoder', '--out', at('x.onnx'));
    expect(status).toBe(2);
    expect(err).toMatch(/^E_USAGE there is no part "decoder"; choose htsat, clap-audio, .*gpt2-step\n$/);
  });
});

describe('weights of 8 bits', () => {
  it('are reported on, with recordings of the user', async () => {
    const quantize = (...more: string[]) => pengi('quantize', at('model'), '--tokens', '3', ...more);
    const { status, out } = await quantize('--clips', at('tone.wav'));
    expect(status).toBe(0);
    expect(out).toMatch(/^int8 weights \(language\), 1 recordings, 3 tokens\nlogits +cosine \d\.\d{5}, /);
    expect(out).toMatch(/beam searches +\d+\.0 % equal/);
    const { out: json } = await quantize('--parts', 'all', '--json');
    expect(JSON.parse(json)).toMatchObject({ parts: 'all', clips: 2, tokens: 6, problems: [] });
  });

  it('are used by caption, ask and classify, of Pengi models only', async () => {
    const int8 = ['--quantize', 'int8'];
    const model = ['--model', at('model')];
    for (const args of [
      ['caption', at('tone.wav'), '--max-tokens', '3'],
      ['ask', at('tone.wav'), 'what is it?', '--max-tokens', '3'],
      ['classify', at('tone.wav'), '--labels', 'a dog,a cat'],
    ])
      expect(await pengi(...args, ...model, ...int8)).toMatchObject({ status: 0, err: '' });
    expect(await readdir(join(at('cache'), 'quantize'))).toHaveLength(1);
    for (const args of [
      ['caption', at('tone.wav'), '--model', at('clapcap')],
      ['classify', at('tone.wav'), '--labels', 'dog,cat', '--model', at('clap')],
    ])
      expect(await pengi(...args, ...int8)).toMatchObject({
        status: 2,
        err: expect.stringContaining('--quantize is for Pengi models only'),
      });
  });
});
