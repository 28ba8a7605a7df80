import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFrontend } from '@pengi/audio-frontend';
import { saveModelFolder } from '@pengi/checkpoint';
import { flatten, floats, ints, type NdArray, sizeOf } from '@pengi/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClap } from './clap.js';
import { clapParams, HTSAT_PREFIX, loadClap } from './load.js';
import { LABELS, noise, numbers, TINY, testEngine, tinyParams } from './testing/tiny.js';

const params = tinyParams(1);
const tensors = flatten<NdArray>(params);
const zeros = (shape: number[]) => floats(new Float32Array(sizeOf(shape)), shape);
const MEL_BANK = `${HTSAT_PREFIX}logmel_extractor.melW`;

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clap-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('parameters out of a file', () => {
  it('may lie beside the constants of the reference', () => {
    const constants = {
      [`${HTSAT_PREFIX}spectrogram_extractor.stft.conv_real.weight`]: zeros([9, 1, 16]),
      [MEL_BANK]: zeros([129, 16]),
      [`${HTSAT_PREFIX}bn0.num_batches_tracked`]: ints([3], []),
      [`${HTSAT_PREFIX}layers.0.blocks.1.attn_mask`]: zeros([4, 16, 16]),
      'caption_encoder.base.embeddings.position_ids': ints(new Int32Array(12), [1, 12]),
    };
    expect(clapParams({ ...tensors, ...constants }, TINY)).toEqual(params);
  });

  it('must fit, or the difference is listed', () => {
    const { logit_scale: _missing, ...others } = tensors;
    const wrong = {
      ...others,
      'audio_encoder.projection.linear1.weight': zeros([10, 8]),
      'caption_encoder.base.text_model.final_layer_norm.bias': zeros([8]),
    };
    expect(() => clapParams(wrong, TINY)).toThrow(
      expect.objectContaining({
        code: 'E_WEIGHTS',
        message: [
          'the weights do not fit this CLAP config: 1 missing, 1 extra, 1 of another shape',
          '  - logit_scale []',
          '  + caption_encoder.base.text_model.final_layer_norm.bias [8]',
          '  ~ audio_encoder.projection.linear1.weight: file has [10,8], model wants [10,16]',
        ].join('\n'),
      }),
    );
  });
});

describe('a model folder', () => {
  it('gives the model that was saved', async () => {
    const path = join(dir, 'model');
    const engine = await testEngine();
    await saveModelFolder(path, { config: TINY, tensors: params });
    const [loaded, saved] = [await loadClap(path, { engine }), createClap(params, TINY, { engine })];
    const clips = [noise(1), noise(2)];
    expect(loaded.config).toEqual(TINY);
    expect(await loaded.embedAudio(clips)).toEqual(await saved.embedAudio(clips));
    expect(await loaded.embedText(LABELS)).toEqual(await saved.embedText(LABELS));
    expect(await loaded.zeroShot(clips, LABELS)).toEqual(await saved.zeroShot(clips, LABELS));
    await Promise.all([loaded.dispose(), saved.dispose()]);
  });

  it('brings its own mel bank', async () => {
    const path = join(dir, 'bank');
    const engine = await testEngine();
    const { melBank } = createFrontend({ ...TINY.frontend, fMax: 2000 });
    await saveModelFolder(path, { config: TINY, tensors: { ...tensors, [MEL_BANK]: melBank } });
    const clap = await loadClap(path, { engine });
    expect(numbers(clap.frontend.melBank)).toEqual(numbers(melBank));
    expect(numbers(clap.frontend.melBank)).not.toEqual(numbers(createFrontend(TINY.frontend).melBank));
    await clap.dispose();
  });

  it.each<[string, object, Record<string, NdArray>, object]>([
    [
      'a mel bank of another size',
      TINY,
      { [MEL_BANK]: zeros([129, 64]) },
      {
        code: 'E_WEIGHTS',
        message: `${MEL_BANK}: file has float32 [129,64], the front end wants float32 [129,16]`,
      },
    ],
    [
      'a config that contradicts itself',
      { ...TINY, text: { ...TINY.text, heads: 3 } },
      {},
      { code: 'E_CONFIG', message: 'text.heads: must divide width' },
    ],
    [
      'words that CLIP does not have',
      { ...TINY, text: { ...TINY.text, keptIds: TINY.text.keptIds!.map((id) => id + 1) } },
      {},
      { code: 'E_CONFIG' },
    ],
    ['another kind of model', { ...TINY, model: 'clapcap' }, {}, { code: 'E_CONFIG' }],
    ['another size', { ...TINY, embedding: 12 }, {}, { code: 'E_WEIGHTS' }],
  ])('with %s is refused', async (what, config, more, error) => {
    const path = join(dir, what);
    await saveModelFolder(path, { config, tensors: { ...tensors, ...more } });
    await expect(loadClap(path, { engine: await testEngine() })).rejects.toMatchObject(error);
  });

  it('that is not there is E_NOT_FOUND', async () => {
    await expect(loadClap(join(dir, 'none'))).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });
});
