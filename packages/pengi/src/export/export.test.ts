import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveModelFolder } from '@pengi/checkpoint';
import { clapSpec } from '@pengi/clap';
import { initParams } from '@pengi/nn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BASE, NO_TEXT_ENCODER, paramsOf, SMALL } from '../testing/models.js';
import { EXPORT_PARTS, type ExportPart, exportPart } from './export.js';

let dir: string;
const at = (name: string) => join(dir, name);
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-parts-'));
  await saveModelFolder(at('pengi'), { config: BASE, tensors: paramsOf(BASE) });
  await saveModelFolder(at('no-text'), { config: NO_TEXT_ENCODER, tensors: paramsOf(NO_TEXT_ENCODER) });
  await saveModelFolder(at('clap'), { config: SMALL.clap, tensors: initParams(clapSpec(SMALL.clap), 1) });
});
afterAll(() => rm(dir, { recursive: true }));

// What the parts compute is compared in Python, by `pnpm test:export`.
describe('a part of a Pengi', () => {
  it.each<[ExportPart, string[], string[]]>([
    [
      'htsat',
      ['log_mel [batch, 31, 64]'],
      ['latent [batch, 16]', 'clipwise [batch, 1]', 'framewise [batch, 256, 1]'],
    ],
    ['clap-audio', ['log_mel [batch, 31, 64]'], ['embedding [batch, 128]']],
    ['clap-text', ['ids [batch, 40]'], ['embedding [batch, 128]']],
    ['prefix', ['audio_embedding [batch, 128]', 'prompt_ids [batch, 40]'], ['prefix [batch, 16, 128]']],
    [
      'gpt2-prefill',
      ['embeddings [batch, 16, 128]', 'last [batch]'],
      [
        `logits [batch, ${BASE.gpt2.vocabularySize}]`,
        ...[0, 1].flatMap((layer) =>
          ['key', 'value'].map((kind) => `present.${layer}.${kind} [batch, 4, 16, 32]`),
        ),
      ],
    ],
    [
      'gpt2-step',
      [
        'tokens [batch]',
        'positions [batch]',
        'past_mask [batch, past]',
        ...[0, 1].flatMap((layer) =>
          ['key', 'value'].map((kind) => `past.${layer}.${kind} [batch, 4, past, 32]`),
        ),
      ],
      [
        `logits [batch, ${BASE.gpt2.vocabularySize}]`,
        ...[0, 1].flatMap((layer) =>
          ['key', 'value'].map((kind) => `present.${layer}.${kind} [batch, 4, 1, 32]`),
        ),
      ],
    ],
  ])('%s has named inputs and outputs and a card that tells of them', async (part, inputs, outputs) => {
    const exported = await exportPart(at('pengi'), part, at(`${part}.onnx`));
    const shapes = (values: typeof exported.inputs) =>
      values.map(({ name, shape }) => `${name} [${shape.join(', ')}]`);
    expect(shapes(exported.inputs)).toEqual(inputs);
    expect(shapes(exported.outputs)).toEqual(outputs);
    for (const { name, doc } of [...exported.inputs, ...exported.outputs]) expect(doc, name).toMatch(/\.$/);
    const card = await readFile(at(`${part}.md`), 'utf8');
    for (const text of [
      EXPORT_PARTS[part],
      `${part}.onnx`,
      exported.files[0]!.sha256,
      'Sizes left open: batch',
    ])
      expect(card).toContain(text);
    expect(card.includes('"sampleRate": 16000')).toBe(part === 'htsat' || part === 'clap-audio');
  });

  it('can have fixed sizes, and weights beside it', async () => {
    const options = { batch: 2, length: 20, externalData: true };
    const { inputs, files } = await exportPart(at('pengi'), 'gpt2-prefill', at('fixed.onnx'), options);
    expect(inputs[0]!.shape).toEqual([2, 20, 128]);
    expect(files.map(({ path }) => path)).toEqual([at('fixed.onnx'), at('fixed.onnx.data')]);
    expect(await readFile(at('fixed.md'), 'utf8')).toContain('All sizes are fixed.');
  });
});

describe('refused', () => {
  it.each<[string, string, ExportPart, string, object, string]>([
    ['a text tower that is not there', 'no-text', 'clap-text', 'x.onnx', {}, 'no text tower'],
    ['a language model of a CLAP', 'clap', 'gpt2-step', 'x.onnx', {}, 'a CLAP has no part "gpt2-step"'],
    ['another ending', 'pengi', 'htsat', 'x.bin', {}, 'must be named *.onnx'],
    ['a batch of none', 'pengi', 'htsat', 'x.onnx', { batch: 0 }, 'batch must be a whole number'],
    [
      'more than there are positions',
      'pengi',
      'gpt2-prefill',
      'x.onnx',
      { length: 129 },
      '128 positions, not 129',
    ],
  ])('is %s', async (_what, folder, part, file, options, message) => {
    await expect(exportPart(at(folder), part, at(file), options)).rejects.toMatchObject({
      code: 'E_USAGE',
      message: expect.stringContaining(message),
    });
    expect((await readdir(dir)).filter((name) => name.startsWith('x.'))).toEqual([]);
  });
});

it('a CLAP has its towers', async () => {
  for (const part of ['clap-audio', 'clap-text'] as const)
    expect((await exportPart(at('clap'), part, at(`of-${part}.onnx`))).outputs).toMatchObject([
      { name: 'embedding', shape: ['batch', 128] },
    ]);
});
