/** The configs of these packages for the words in which manifests describe a model. */

import { type FrontendConfig, type LogMelSettings, RELEASED_FRONTEND } from '@pengi/audio-frontend';
import { CLIP_TEXT_BASE, type ClipTextConfig, MSCLAP_2023, type MsclapConfig } from '@pengi/clap';
import { GPT2_BASE, type Gpt2Config } from '@pengi/gpt2';
import type { HtsatConfig } from '@pengi/htsat';
import type { PengiConfig } from 'pengi';
import type { Json } from './golden.js';

export function gpt2ConfigOf(config: Json): Gpt2Config {
  return {
    vocabularySize: config.vocab_size ?? config.vocab,
    positions: config.n_positions,
    width: config.n_embd,
    layers: config.n_layer,
    heads: config.n_head,
    dropout: 0.1,
    keptIds: null,
    splitDigits: false,
  };
}

/** Manifests describe a full HTSAT with the reference's names, and small ones with short names. */
export function htsatConfigOf(config: Json): HtsatConfig {
  return {
    specSize: config.spec_size ?? config.spec,
    mels: config.mel_bins ?? config.mels,
    patchSize: config.patch_size ?? config.patch,
    embedDim: config.embed_dim ?? config.embed,
    depths: config.depths,
    heads: config.num_heads ?? config.heads,
    windowSize: config.window_size ?? config.window,
    mlpRatio: config.mlp_ratio ?? 4,
    classes: config.classes,
    positionEmbedding: null,
    dropPath: 0.1,
  };
}

/** STFT and mel bank of a manifest's or golden's config. A full HTSAT names the rate that its mel bank is built for. */
export function logMelSettingsOf(config: Json): LogMelSettings {
  return {
    fftSize: config.n_fft,
    hopLength: config.hop,
    mels: config.mel_bins ?? config.mels,
    fMin: config.fmin,
    fMax: config.fmax,
    melSampleRate: config.sample_rate_of_mel ?? config.sr,
    topDb: null,
  };
}

export function clipTextConfigOf(config: Json): ClipTextConfig {
  return {
    ...CLIP_TEXT_BASE,
    vocabularySize: config.vocab,
    positions: config.positions,
    width: config.hidden,
    hidden: config.intermediate ?? config.inner,
    layers: config.layers,
    heads: config.heads,
    projection: config.projection ?? config.proj,
    promptLength: Math.min(40, config.positions),
  };
}

/** A manifest of msclap describes the towers in words where they are the released ones, else as other small models do. */
export function msclapConfigOf(config: Json): MsclapConfig {
  const { htsat, gpt2, text_len, d_proj } = config;
  return {
    ...MSCLAP_2023,
    ...(htsat && { frontend: smallFrontendOf(htsat, htsat.samples), audio: htsatConfigOf(htsat) }),
    text: { gpt2: gpt2 ? gpt2ConfigOf(gpt2) : GPT2_BASE, promptLength: text_len },
    embedding: d_proj,
  };
}

/** A small front end: log-mels of whole waveforms, whose length the golden gives. */
export function smallFrontendOf(config: Json, samples: number): FrontendConfig {
  return {
    ...RELEASED_FRONTEND,
    ...logMelSettingsOf(config),
    sampleRate: config.sr,
    durationSeconds: samples / config.sr,
  };
}

/** The small Pengis of the training goldens. As in the reference, `num_layers` is halved. */
export function smallPengiConfigOf(config: Json): PengiConfig {
  const mapper = {
    width: config.gpt2.n_embd,
    prefixLength: config.prefix_length,
    inputLength: config.clip_length,
    layers: Math.trunc(config.num_layers / 2),
    heads: 8,
    mlpRatio: 2,
  };
  const transformer = { kind: 'transformer', inputs: config.d_proj, ...mapper } as const;
  return {
    model: 'pengi',
    frontend: smallFrontendOf(config.htsat, config.samples),
    audio: htsatConfigOf(config.htsat),
    text: config.use_text_encoder === false ? null : clipTextConfigOf(config.clip),
    embedding: config.d_proj,
    projectionDropout: 0.5,
    gpt2: gpt2ConfigOf(config.gpt2),
    audioMapper: transformer,
    promptMapper: config.use_text_encoder === false ? { kind: 'sequence', ...mapper } : transformer,
    textNorm: 'training',
    stopToken: 0,
  };
}
