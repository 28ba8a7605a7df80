import { describe, expect, it } from 'vitest';
import { LAION_CLAP_HTSAT_UNFUSED } from './config.js';
import { transformersClapConfig } from './transformers-config.js';

describe('a config of Transformers', () => {
  it('that says nothing is that of laion/clap-htsat-unfused', () => {
    expect(transformersClapConfig({ model_type: 'clap' })).toEqual(LAION_CLAP_HTSAT_UNFUSED);
  });

  it('gives each size its place', () => {
    const config = transformersClapConfig(
      {
        audio_config: { num_mel_bins: 32, window_size: 4, projection_dim: 7, mlp_ratio: 2 },
        text_config: {
          pad_token_id: 3,
          max_position_embeddings: 30,
          layer_norm_eps: 1e-5,
          projection_dim: 7,
        },
      },
      { sampling_rate: 16000, hop_length: 160, padding: 'pad', max_length_s: 5, frequency_max: 8000 },
    );
    expect(config).toMatchObject({
      embedding: 7,
      frontend: {
        ...{ sampleRate: 16000, melSampleRate: 16000, hopLength: 160, fit: 'pad' },
        ...{ durationSeconds: 5, fMin: 50, fMax: 8000, mels: 32 },
      },
      audio: { mels: 32, windowSize: 4, mlpRatio: 2, embedDim: 96 },
      text: { pad: 3, positions: 30, promptLength: 26, epsilon: 1e-5, width: 768 },
    });
  });

  it.each<[string, object, object]>([
    ['audio_config.enable_fusion', { audio_config: { enable_fusion: true } }, {}],
    ['audio_config.qkv_bias', { audio_config: { qkv_bias: false } }, {}],
    ['text_config.hidden_act', { text_config: { hidden_act: 'relu' } }, {}],
    ['text_config', { text_config: { projection_dim: 99 } }, {}],
    ['truncation', {}, { truncation: 'fusion' }],
    ['padding', {}, { padding: 'mirror' }],
  ])('of other maths is refused by name: %s', (field, config, preprocessor) => {
    expect(() => transformersClapConfig(config, preprocessor, { file: 'here' })).toThrow(
      expect.objectContaining({
        code: 'E_CONFIG',
        file: 'here',
        message: expect.stringMatching(`^${field}: `),
      }),
    );
  });
});
