import { CLAP_FEATURE_EXTRACTOR } from '@pengi/audio-frontend';
import { validate } from '@pengi/core';
import { z } from 'zod';
import { LAION_CLAP_HTSAT_UNFUSED, type TransformersClapConfig } from './config.js';

const size = z.int().positive();
const { audio, text, embedding } = LAION_CLAP_HTSAT_UNFUSED;

/** Transformers' own names and defaults; what changes the maths has to be as it is here. */
const audioSchema = z.looseObject({
  patch_embeds_hidden_size: size.default(audio.embedDim),
  depths: z.array(size).default([...audio.depths]),
  num_attention_heads: z.array(size).default([...audio.heads]),
  window_size: size.default(audio.windowSize),
  spec_size: size.default(audio.specSize),
  num_mel_bins: size.default(audio.mels),
  patch_size: size.default(audio.patchSize),
  mlp_ratio: z.number().default(audio.mlpRatio),
  num_classes: size.default(audio.classes),
  projection_dim: size.default(embedding),
  patch_embed_input_channels: z.literal(1).default(1),
  layer_norm_eps: z.literal(1e-5).default(1e-5),
  enable_fusion: z.literal(false).default(false),
  qkv_bias: z.literal(true).default(true),
  enable_patch_layer_norm: z.literal(true).default(true),
  hidden_act: z.literal('gelu').default('gelu'),
  projection_hidden_act: z.literal('relu').default('relu'),
});

const textSchema = z.looseObject({
  vocab_size: size.default(text.vocabularySize),
  max_position_embeddings: size.default(text.positions),
  hidden_size: size.default(text.width),
  intermediate_size: size.default(text.hidden),
  num_hidden_layers: size.default(text.layers),
  num_attention_heads: size.default(text.heads),
  type_vocab_size: size.default(text.tokenTypes),
  pad_token_id: z.int().min(0).default(text.pad),
  layer_norm_eps: z.number().positive().default(text.epsilon),
  projection_dim: size.default(embedding),
  hidden_act: z.literal('gelu').default('gelu'),
  projection_hidden_act: z.literal('relu').default('relu'),
});

const configSchema = z
  .looseObject({ audio_config: audioSchema.prefault({}), text_config: textSchema.prefault({}) })
  .superRefine(({ audio_config, text_config }, context) => {
    if (audio_config.projection_dim !== text_config.projection_dim)
      context.addIssue({
        code: 'custom',
        path: ['text_config'],
        message: "projection_dim must be audio_config's",
      });
  });

const { sampleRate, durationSeconds, fftSize, hopLength, fMin, fMax } = CLAP_FEATURE_EXTRACTOR;

/** preprocessor_config.json. Fusion takes several mels of a clip, and other filters. */
const extractorSchema = z.looseObject({
  sampling_rate: size.default(sampleRate),
  max_length_s: z.number().positive().default(durationSeconds),
  fft_window_size: size.default(fftSize),
  hop_length: size.default(hopLength),
  frequency_min: z.number().default(fMin),
  frequency_max: z.number().default(fMax),
  padding: z.enum(['repeatpad', 'repeat', 'pad']).default('repeatpad'),
  truncation: z.literal('rand_trunc').default('rand_trunc'),
});

const FIT = { repeatpad: 'repeat-pad', repeat: 'loop', pad: 'pad' } as const;

/**
 * The config of a `ClapModel` that Transformers saved, out of its config.json and preprocessor_config.json; what they leave
 * out has Transformers' default, which is `laion/clap-htsat-unfused`'s value.
 * @throws PengiError E_CONFIG that names the field of a model which is not the same maths (fusion, other activations)
 */
export function transformersClapConfig(
  config: unknown,
  preprocessor: unknown = {},
  where: { file?: string } = {},
): TransformersClapConfig {
  const { audio_config: hears, text_config: reads } = validate(configSchema, config, where);
  const extracts = validate(extractorSchema, preprocessor, where);
  return {
    ...LAION_CLAP_HTSAT_UNFUSED,
    frontend: {
      ...CLAP_FEATURE_EXTRACTOR,
      sampleRate: extracts.sampling_rate,
      melSampleRate: extracts.sampling_rate,
      durationSeconds: extracts.max_length_s,
      fit: FIT[extracts.padding],
      fftSize: extracts.fft_window_size,
      hopLength: extracts.hop_length,
      mels: hears.num_mel_bins,
      fMin: extracts.frequency_min,
      fMax: extracts.frequency_max,
    },
    audio: {
      ...audio,
      specSize: hears.spec_size,
      mels: hears.num_mel_bins,
      patchSize: hears.patch_size,
      embedDim: hears.patch_embeds_hidden_size,
      depths: hears.depths,
      heads: hears.num_attention_heads,
      windowSize: hears.window_size,
      mlpRatio: hears.mlp_ratio,
      classes: hears.num_classes,
    },
    text: {
      ...text,
      vocabularySize: reads.vocab_size,
      positions: reads.max_position_embeddings,
      width: reads.hidden_size,
      hidden: reads.intermediate_size,
      layers: reads.num_hidden_layers,
      heads: reads.num_attention_heads,
      tokenTypes: reads.type_vocab_size,
      pad: reads.pad_token_id,
      epsilon: reads.layer_norm_eps,
      promptLength: Math.min(text.promptLength, reads.max_position_embeddings - reads.pad_token_id - 1),
    },
    embedding: hears.projection_dim,
  };
}
