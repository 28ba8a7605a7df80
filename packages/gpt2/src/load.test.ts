import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveModelFolder } from '@pengi/checkpoint';
import { flatten, floats, leaves, type NdArray, sizeOf } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GPT2_BASE, type Gpt2Config } from './config.js';
import { gpt2Params, loadGpt2, tokenizerOf } from './load.js';
import { gpt2Spec } from './params.js';
import { TINY, tinyParams } from './testing/tiny.js';

const params = tinyParams(1);
const tensors = flatten<NdArray>(params);
const renamed = (rename: (name: string) => string) =>
  Object.fromEntries(Object.entries(tensors).map(([name, array]) => [rename(name), array]));
const zeros = (shape: number[]) => floats(new Float32Array(sizeOf(shape)), shape);

describe('parameters out of a file', () => {
  it('may lie at the top, below "transformer." and below a prefix', () => {
    expect(gpt2Params(tensors, TINY)).toEqual(params);
    expect(
      gpt2Params(
        renamed((name) => `transformer.${name}`),
        TINY,
      ),
    ).toEqual(params);
    const inside = { ...renamed((name) => `decoder.gpt.transformer.${name}`), 'encoder.x': zeros([2]) };
    expect(gpt2Params(inside, TINY, 'decoder.gpt.')).toEqual(params);
  });

  it('may have the output layer beside the embedding or instead of it', () => {
    const table = params.wte.weight;
    expect(gpt2Params({ ...tensors, 'lm_head.weight': table }, TINY)).toEqual(params);
    const { 'wte.weight': _embedding, ...others } = tensors;
    expect(gpt2Params({ ...others, 'lm_head.weight': table }, TINY)).toEqual(params);
  });

  it('may hold the buffers of old checkpoints', () => {
    const buffers = { 'h.0.attn.bias': zeros([1, 1, 40, 40]), 'h.1.attn.masked_bias': zeros([]) };
    expect(gpt2Params({ ...tensors, ...buffers }, TINY)).toEqual(params);
  });

  it('must fit, or the difference is listed', () => {
    const { 'h.1.ln_2.bias': _missing, ...others } = tensors;
    const wrong = { ...others, 'h.0.attn.c_attn.weight': zeros([24, 8]), 'h.2.ln_1.weight': zeros([8]) };
    expect(() => gpt2Params(wrong, TINY)).toThrow(
      expect.objectContaining({
        code: 'E_WEIGHTS',
        message: [
          'the weights do not fit this GPT-2 config: 1 missing, 1 extra, 1 of another shape',
          '  - h.1.ln_2.bias [8]',
          '  + h.2.ln_1.weight [8]',
          '  ~ h.0.attn.c_attn.weight: file has [24,8], model wants [8,24]',
        ].join('\n'),
      }),
    );
  });

  it('refuses an output layer of another vocabulary', () => {
    expect(() => gpt2Params({ ...tensors, 'lm_head.weight': zeros([12, 8]) }, TINY)).toThrow(
      /~ lm_head.weight: file has \[12,8\], model wants \[11,8\]/,
    );
  });
});

describe('the spec', () => {
  it('has the 124 million parameters of GPT-2 small', () => {
    const sizes = leaves(gpt2Spec(GPT2_BASE)).map(([, { shape }]) => sizeOf(shape));
    expect(sizes.reduce((a, b) => a + b)).toBe(124_439_808);
  });

  it.each<[Partial<Gpt2Config>, string]>([
    [{ heads: 3 }, 'heads: heads must divide width'],
    [{ layers: 0 }, 'layers: '],
    [{ dropout: 1 }, 'dropout: '],
    [{ keptIds: [0, 220, 50256] }, 'keptIds: must hold as many ids as vocabularySize says'],
  ])('refuses %o', (fields, message) => {
    expect(() => gpt2Spec({ ...TINY, ...fields })).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining(message) }),
    );
  });
});

describe('the tokenizer of a config', () => {
  it('knows all of GPT-2 or the ids that were kept', () => {
    expect(tokenizerOf(GPT2_BASE).vocabularySize).toBe(50257);
    const small = tokenizerOf({ keptIds: [0, 220, 3290, 50256], splitDigits: false });
    expect(small.encode(' dog dog')).toEqual([2, 2]);
    expect(small.endOfText).toBe(3);
  });

  it('splits digits where the config says so', () => {
    const whole = tokenizerOf({ keptIds: null, splitDigits: false });
    const split = tokenizerOf({ keptIds: null, splitDigits: true });
    expect(split.encode('12')).toEqual([...whole.encode('1'), ...whole.encode('2')]);
    expect(whole.encode('12')).toHaveLength(1);
  });
});

describe('a model folder', () => {
  let dir: string;
  let engine: Engine;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'gpt2-'));
    engine = await createEngine('jit', { threads: 1 });
  });
  afterAll(() => rm(dir, { recursive: true }));

  it('gives a model that works', async () => {
    const path = join(dir, 'model');
    await saveModelFolder(path, { config: TINY, tensors: params });
    const gpt2 = await loadGpt2(path, { engine });
    const prefix = await gpt2.embed([3, 1, 4]);
    const [texts] = await gpt2.generate([prefix], { beams: 2, maxTokens: 5, stopToken: 0 });
    expect(texts).toHaveLength(2);
    expect(gpt2.config).toEqual(TINY);
    await gpt2.dispose();
  });

  it('with an unknown field in its config is refused by name', async () => {
    const path = join(dir, 'other');
    await saveModelFolder(path, { config: { ...TINY, n_embd: 8 }, tensors: params });
    await expect(loadGpt2(path, { engine })).rejects.toMatchObject({
      code: 'E_CONFIG',
      file: path,
      message: expect.stringContaining('n_embd'),
    });
  });
});
