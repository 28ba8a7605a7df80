/** Parts of trained models to start from, from model folders of any kind that have them. */
import { type ModelFolder, mergeParameters, openModelFolder } from '@pengi/checkpoint';
import {
  audioEncoderOf,
  type ClipTextConfig,
  clapConfigSchema,
  clapParams,
  clipTextConfigSchema,
  clipTextModelConfigSchema,
  clipTextModelParams,
  type TextEncoderParams,
  textEncoderSpec,
} from '@pengi/clap';
import { type NdArray, validate } from '@pengi/core';
import { type Gpt2Config, type Gpt2Params, gpt2ConfigSchema, gpt2Params } from '@pengi/gpt2';
import { pengiConfigSchema, pengiParams } from 'pengi';
import { z } from 'zod';
import type { RunConfig } from './config.js';

export interface TextPart {
  /** `embedding` only where the projection into the joint space is there, too. */
  readonly config: { readonly text: ClipTextConfig; readonly embedding?: number };
  readonly params: Partial<TextEncoderParams<NdArray>>;
}

/**
 * The text tower of a CLAP or a Pengi, or CLIP's own.
 * @throws PengiError E_CONFIG, E_WEIGHTS, and as `openModelFolder`
 */
export async function openTextPart(dir: string): Promise<TextPart> {
  const { config, file } = await openModelFolder(dir);
  if (modelOf(config) === 'clip-text') {
    const own = validate(clipTextModelConfigSchema, config, { file: dir });
    const { text_model, text_projection } = clipTextModelParams(file, own);
    const params = { base: text_model, ...(text_projection && { clip_text_projection: text_projection }) };
    return { config: { text: own.text }, params };
  }
  const schema = z.looseObject({ text: clipTextConfigSchema, embedding: z.int().positive() });
  const { text, embedding } = validate(schema, config, { file: dir });
  const params = mergeParameters(textEncoderSpec(text, embedding), file, {
    rename: (name) => (name.startsWith(TEXT) ? name.slice(TEXT.length) : null),
    ignore: ['base.embeddings.position_ids'],
    where: 'the text tower of this config',
  });
  return { config: { text, embedding }, params };
}

const TEXT = 'caption_encoder.';

/**
 * The language model of a Pengi, or one by itself.
 * @throws PengiError E_CONFIG, E_WEIGHTS, and as `openModelFolder`
 */
export async function openLanguagePart(
  dir: string,
): Promise<{ config: Gpt2Config; params: Gpt2Params<NdArray> }> {
  const { config, file } = await openModelFolder(dir);
  if (modelOf(config) === 'pengi') {
    const { gpt2 } = validate(pengiConfigSchema, config, { file: dir });
    return { config: gpt2, params: gpt2Params(file, gpt2, 'caption_decoder.gpt.') };
  }
  const own = validate(gpt2ConfigSchema, config, { file: dir });
  return { config: own, params: gpt2Params(file, own) };
}

/** @throws PengiError E_CONFIG, E_WEIGHTS, and as `openModelFolder` */
export async function openWholeClap(dir: string) {
  const { config, file } = await openModelFolder(dir);
  const own = validate(clapConfigSchema, config, { file: dir });
  return { config: own, params: clapParams(file, own) };
}

/** @throws PengiError E_CONFIG, E_WEIGHTS, and as `openModelFolder` */
export async function openWholePengi(dir: string) {
  const { config, file } = await openModelFolder(dir);
  const own = validate(pengiConfigSchema, config, { file: dir });
  return { config: own, params: pengiParams(file, own) };
}

function modelOf(config: ModelFolder['config']): unknown {
  return (config as { model?: unknown } | null)?.model;
}

/** The towers that a config names. */
export async function openTowers({ clap, audio: audioDir = clap, text: textDir = clap }: RunConfig['from']) {
  const audio = audioDir === undefined ? undefined : audioEncoderOf(await openModelFolder(audioDir));
  const text = textDir === undefined ? undefined : await openTextPart(textDir);
  return {
    audio,
    config: { ...audio?.config, ...text?.config, ...(audio && { embedding: audio.config.embedding }) },
    /** Puts their parameters among those of a model. */
    into(params: { audio_encoder: unknown; caption_encoder?: unknown }) {
      if (audio) params.audio_encoder = audio.params;
      if (!text) return;
      const { projection, ...tower } = text.params;
      const fits = audio === undefined || text.config.embedding === audio.config.embedding;
      params.caption_encoder = {
        ...(params.caption_encoder as TextEncoderParams<NdArray>),
        ...tower,
        ...(projection && fits && { projection }),
      };
    },
  };
}
