import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveModelFolder } from '@pengi/checkpoint';
import { flatten, floats, ints, leaves, type NdArray, sizeOf } from '@pengi/core';
import { bufferPaths, initParams } from '@pengi/nn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HTSAT_RELEASED, HTSAT_SMALL } from './config.js';
import { htsatParams, loadHtsat } from './load.js';
import { htsatSpec } from './params.js';
import { encode, expectNear, numbers, testEngine } from './testing/run.js';
import { logMels, TINY, tinyParams } from './testing/tiny.js';

const params = tinyParams(1);
const tensors = flatten<NdArray>(params);
const zeros = (shape: number[]) => floats(new Float32Array(sizeOf(shape)), shape);

describe('the spec', () => {
  it('has the parameters of the released encoder', () => {
    // 33.16 M with torchlibrosa's kernels (2 · 513 · 1024 and 513 · 64) and the projection to 1024.
    const count = (spec: ReturnType<typeof htsatSpec>) =>
      leaves(spec).reduce((sum, [, { shape, buffer }]) => sum + (buffer ? 0 : sizeOf(shape)), 0);
    const others = 2 * 513 * 1024 + 513 * 64 + 768 * 1024 + 1024 * 1024 + 2 * 1024;
    expect((count(htsatSpec(HTSAT_RELEASED)) + others) / 1e6).toBeCloseTo(33.16, 2);
    expect(bufferPaths(htsatSpec(HTSAT_RELEASED))).toEqual(['bn0.running_mean', 'bn0.running_var']);
  });

  it('starts a small encoder so that it gives finite outputs', async () => {
    const start = initParams(htsatSpec(HTSAT_SMALL), 1);
    const { latent } = await encode(logMels([1, 128, 128]), { config: HTSAT_SMALL, params: start });
    expect(latent.shape).toEqual([1, 128]);
    expect(numbers(latent).every(Number.isFinite)).toBe(true);
  });
});

describe('parameters out of a file', () => {
  it('may lie below a prefix, beside the constants of the reference and other models', () => {
    const inside = Object.fromEntries(
      Object.entries(tensors).map(([name, array]) => [`a.htsat.${name}`, array]),
    );
    const others = {
      'a.htsat.spectrogram_extractor.stft.conv_real.weight': zeros([9, 1, 16]),
      'a.htsat.logmel_extractor.melW': zeros([9, 16]),
      'a.htsat.bn0.num_batches_tracked': ints([3], []),
      'a.htsat.layers.0.blocks.1.attn_mask': zeros([4, 16, 16]),
      'a.htsat.layers.0.blocks.0.attn.relative_position_index': ints(new Int32Array(256), [16, 16]),
      'a.projection.weight': zeros([2, 2]),
    };
    expect(htsatParams({ ...inside, ...others }, TINY, 'a.htsat.')).toEqual(params);
  });

  it('must fit, or the difference is listed', () => {
    const { 'norm.bias': _missing, ...others } = tensors;
    const wrong = {
      ...others,
      'patch_embed.proj.weight': zeros([8, 1, 4, 8]),
      absolute_pos_embed: zeros([1, 64, 8]),
    };
    expect(() => htsatParams(wrong, TINY)).toThrow(
      expect.objectContaining({
        code: 'E_WEIGHTS',
        message: [
          'the weights do not fit this htsat config: 1 missing, 1 extra, 1 of another shape',
          '  - norm.bias [16]',
          '  + absolute_pos_embed [1,64,8]',
          '  ~ patch_embed.proj.weight: file has [8,1,4,8], model wants [8,1,4,4]',
        ].join('\n'),
      }),
    );
  });
});

describe('a model folder', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'htsat-'));
  });
  afterAll(() => rm(dir, { recursive: true }));

  it('gives an encoder that computes what the function computes', async () => {
    const path = join(dir, 'model');
    await saveModelFolder(path, { config: TINY, tensors: params });
    const encoder = await loadHtsat(path, { engine: await testEngine() });
    const x = logMels([2, 30, 16]);
    const [found, expected] = [await encoder.encode(x), await encode(x)];
    expect(encoder.config).toEqual(TINY);
    for (const output of ['latent', 'clipwise', 'framewise'] as const) {
      expect(found[output].shape).toEqual(expected[output].shape);
      expectNear(numbers(found[output]), numbers(expected[output]));
    }
    await encoder.dispose();
  });

  it('with sizes that do not go together is refused by name', async () => {
    const path = join(dir, 'other');
    await saveModelFolder(path, { config: { ...TINY, windowSize: 3 }, tensors: params });
    await expect(loadHtsat(path, { engine: await testEngine() })).rejects.toMatchObject({
      code: 'E_CONFIG',
      file: path,
      message: 'windows of 3 do not fill a grid of 8',
    });
  });
});
