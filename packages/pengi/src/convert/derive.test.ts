import type { TensorInfo } from '@pengi/checkpoint';
import {
  CLIP_VIT_BASE,
  clipTextModelSpec,
  LAION_CLAP_HTSAT_UNFUSED,
  MSCLAP_2023,
  msclapSpec,
  transformersClapSpec,
} from '@pengi/clap';
import { flatten, type Leaf, type Tree } from '@pengi/core';
import { GPT2_BASE, gpt2Spec } from '@pengi/gpt2';
import { describe, expect, it } from 'vitest';
import { CLAPCAP_2023 } from '../clapcap/config.js';
import { clapcapSpec } from '../clapcap/params.js';
import { PENGI_BASE, PENGI_NO_TEXT_ENCODER, PENGI_PAPER } from '../config.js';
import { pengiSpec } from '../params.js';
import { configOf } from './config.js';
import { type Beside, FAMILY } from './families.js';
import { recognise } from './recognise.js';
import { shapesOf } from './shapes.js';

const NOTHING_BESIDE: Beside = { config: undefined, preprocessor: undefined, file: 'folder' };

/** What a file with these tensors would say of them. */
function tensorsOf(spec: unknown, more: Record<string, number[]> = {}): Map<string, TensorInfo> {
  const leaves = Object.entries(flatten<Leaf>(spec as Tree<Leaf>)).map(([name, { shape }]) => [name, shape]);
  return new Map(
    [...leaves, ...Object.entries(more)].map(([name, shape]) => [
      name as string,
      { dtype: 'F32', shape: shape as number[], byteLength: 0 },
    ]),
  );
}

function configFrom(tensors: Map<string, TensorInfo>, beside = NOTHING_BESIDE, given?: object): object {
  const family = recognise([...tensors.keys()], undefined, 'x.pth');
  return configOf(FAMILY[family], shapesOf(tensors), beside, given, 'x.pth');
}

describe('the config of a released architecture', () => {
  it.each<[string, unknown, object]>([
    ['pengi-base', pengiSpec(PENGI_BASE), PENGI_BASE],
    ['pengi-base-no-text-enc', pengiSpec(PENGI_NO_TEXT_ENCODER), PENGI_NO_TEXT_ENCODER],
    ['the paper’s mappers', pengiSpec(PENGI_PAPER), { ...PENGI_PAPER, textNorm: 'wrapper' }],
    ['msclap-2023', msclapSpec(MSCLAP_2023), MSCLAP_2023],
    ['clapcap-2023', clapcapSpec(CLAPCAP_2023), CLAPCAP_2023],
    ['transformers-clap', transformersClapSpec(LAION_CLAP_HTSAT_UNFUSED), LAION_CLAP_HTSAT_UNFUSED],
    ['gpt2', gpt2Spec(GPT2_BASE), GPT2_BASE],
    ['gpt2 below transformer.', { transformer: gpt2Spec(GPT2_BASE) }, GPT2_BASE],
    ['clip', clipTextModelSpec(CLIP_VIT_BASE), CLIP_VIT_BASE],
  ])('is seen in the shapes of %s', (_what, spec, config) => {
    expect(configFrom(tensorsOf(spec))).toEqual(config);
  });

  it('is seen in the shapes of larger models of the same kind', () => {
    const gpt2Large = { ...GPT2_BASE, width: 1280, layers: 36, heads: 20 }; // of the published config.json
    expect(configFrom(tensorsOf(gpt2Spec(gpt2Large)))).toEqual(gpt2Large);
    const text = { ...CLIP_VIT_BASE.text, width: 768, hidden: 3072, heads: 12, projection: 768 }; // ViT-L/14
    const clipLarge = { ...CLIP_VIT_BASE, text };
    expect(configFrom(tensorsOf(clipTextModelSpec(clipLarge)))).toEqual(clipLarge);
  });
});

describe('other sizes', () => {
  const spec = (config: typeof PENGI_BASE.audio | object) =>
    pengiSpec({ ...PENGI_BASE, audio: { ...PENGI_BASE.audio, ...config } });
  const HTSAT = 'audio_encoder.base.htsat.';

  it('of the image are seen in the masks of shifted windows', () => {
    const audio = { specSize: 128, windowSize: 4, depths: [2, 2, 2], heads: [2, 4, 8], mels: 32 };
    // 128 / 4 tokens a side make 8 × 8 windows of 4 × 4
    const tensors = tensorsOf(spec(audio), {
      [`${HTSAT}layers.0.blocks.1.attn_mask`]: [64, 16, 16],
      [`${HTSAT}logmel_extractor.melW`]: [257, 32],
    });
    const config = configFrom(tensors, NOTHING_BESIDE, { audioMapper: {} });
    expect(config).toMatchObject({ audio, frontend: { fftSize: 512, mels: 32 } });
  });

  it('of heads cannot be seen where no released model has that width', () => {
    const tensors = tensorsOf(gpt2Spec({ ...GPT2_BASE, width: 96, heads: 4, layers: 1 }));
    expect(() => configFrom(tensors)).toThrow(
      expect.objectContaining({
        code: 'E_CONFIG',
        message: expect.stringContaining('the weights do not show heads'),
        hint: expect.stringContaining('--config FILE with {"heads":2}'),
      }),
    );
    expect(configFrom(tensors, NOTHING_BESIDE, { heads: 4 })).toMatchObject({ width: 96, heads: 4 });
  });

  it('are read from config.json beside the weights, if that is this model’s', () => {
    const tensors = tensorsOf(gpt2Spec({ ...GPT2_BASE, width: 96, heads: 4, layers: 1 }));
    const beside = (config: unknown) => ({ ...NOTHING_BESIDE, config });
    expect(configFrom(tensors, beside({ model_type: 'gpt2', n_head: 4 }))).toMatchObject({ heads: 4 });
    expect(() => configFrom(tensors, beside({ model_type: 'bert', n_head: 4 }))).toThrow('do not show heads');
    expect(() =>
      configFrom(tensors, beside({ model_type: 'gpt2', n_head: 4, activation_function: 'gelu' })),
    ).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining('activation_function') }),
    );
    const clip = tensorsOf(clipTextModelSpec(CLIP_VIT_BASE));
    expect(() =>
      configFrom(clip, beside({ model_type: 'clip', text_config: { hidden_act: 'gelu' } })),
    ).toThrow('text_config.hidden_act');
  });
});

describe('recognition', () => {
  const base = [...tensorsOf(pengiSpec(PENGI_BASE)).keys()];
  const withoutText = [...tensorsOf(pengiSpec(PENGI_NO_TEXT_ENCODER)).keys()];

  it('names the variant that a file is, when another was wanted', () => {
    expect(() => recognise(withoutText, 'pengi-base', 'a.pth')).toThrow(
      'this is Pengi base_no_text_enc, not Pengi base: it has no caption_encoder.*',
    );
    expect(() => recognise(base, 'pengi-base-no-text-enc', 'a.pth')).toThrow(
      'this is Pengi base, not Pengi base_no_text_enc: it has caption_encoder.*',
    );
    expect(recognise(base, 'pengi-base', 'a.pth')).toBe('pengi-base');
  });

  it.each([
    [
      'msclap 2022',
      ['audio_encoder.base.conv_block1.conv1.weight', 'caption_encoder.base.encoder.layer.0.x'],
    ],
    [
      'fusion',
      [
        'audio_model.audio_encoder.patch_embed.fusion_model.local_att.0.weight',
        'text_model.encoder.layer.0.x',
      ],
    ],
    ["LAION's own layout", ['audio_branch.bn0.weight', 'text_branch.x']],
    ["OpenAI's own layout", ['visual.conv1.weight', 'transformer.resblocks.0.x']],
  ])('says what to take in place of %s', (what, names) => {
    expect(() => recognise(names, undefined, 'a.pth')).toThrow(
      expect.objectContaining({
        code: 'E_CHECKPOINT',
        message: expect.stringMatching(new RegExp(`^this is .*${what}.*, which is not read here`)),
        hint: expect.stringContaining('take '),
      }),
    );
  });

  it('shows what was found, and what each family would want', () => {
    const names = ['encoder.a.weight', 'encoder.a.bias', 'gpt.wte'];
    expect(() => recognise(names, undefined, 'a.pth')).toThrow(
      expect.objectContaining({
        code: 'E_CHECKPOINT',
        message: expect.stringMatching(
          /^no known family: 3 tensors, of encoder\.a \(2\), gpt\.wte\n(.*\n)* {2}clapcap-2023 \(clapcap 2023\) lacks clap\.\*, clap_project\.\*\n/,
        ),
      }),
    );
    expect(recognise(names, 'gpt2', 'a.pth')).toBe('gpt2'); // so that the diff is shown
  });
});
