/** The families of released checkpoints: which config and which parameters each has. */
import type { TensorSource } from '@pengi/checkpoint';
import type { CheckpointFamily } from '@pengi/checkpoint/download';
import {
  CLIP_VIT_BASE,
  clipTextModelConfigSchema,
  clipTextModelParams,
  HTSAT_PREFIX,
  LAION_CLAP_HTSAT_UNFUSED,
  MSCLAP_2023,
  msclapConfigSchema,
  msclapParams,
  transformersClapConfig,
  transformersClapConfigSchema,
  transformersClapParams,
} from '@pengi/clap';
import type { NdArray, Tree } from '@pengi/core';
import { gpt2ConfigSchema, gpt2Params } from '@pengi/gpt2';
import type { z } from 'zod';
import { CLAPCAP_2023, clapcapConfigSchema } from '../clapcap/config.js';
import { CLAPCAP_HTSAT_PREFIX, clapcapParams } from '../clapcap/params.js';
import { PENGI_BASE, PENGI_NO_TEXT_ENCODER, pengiConfigSchema } from '../config.js';
import { pengiParams } from '../load.js';
import {
  clipTextOf,
  embeddingOf,
  frontendFor,
  gpt2Of,
  htsatOf,
  mapperOf,
  robertaOf,
  transformersHtsatOf,
} from './derive.js';
import { clipTextHeadsIn, gpt2HeadsIn, isOfType } from './hub-configs.js';
import type { Shapes } from './shapes.js';

/** JSON files beside a checkpoint, where there are any. */
export interface Beside {
  readonly config: unknown;
  readonly preprocessor: unknown;
  /** The folder, for messages. */
  readonly file: string;
}

interface FamilyOf<Config> {
  /** Where HTSAT lies in the file, if the front end's constants lie with it. */
  readonly htsat?: string;
  /** Whether the folder needs the model's own tokenizer.json. */
  readonly tokenizer?: true;
  readonly schema: z.ZodType<Config>;
  /** A config with undefined where only the user can know. */
  derive(shapes: Shapes, beside: Beside): object;
  params(source: TensorSource, config: Config): Tree<NdArray>;
}

/** A family whose config is whatever its schema lets through. */
export type Family = Omit<FamilyOf<object>, 'params'> & {
  params(source: TensorSource, config: object): Tree<NdArray>;
};

function family<Config extends object>(own: FamilyOf<Config>): Family {
  return { ...own, params: (source, config) => own.params(source, config as Config) };
}

function pengi(textEncoder: boolean): Family {
  return family({
    htsat: HTSAT_PREFIX,
    schema: pengiConfigSchema,
    params: (source, config) => pengiParams(source, config) as Tree<NdArray>,
    derive(shapes) {
      const preset = textEncoder ? PENGI_BASE : PENGI_NO_TEXT_ENCODER;
      const encoder = shapes.below('caption_encoder.');
      const decoder = shapes.below('caption_decoder.');
      const audio = htsatOf(shapes.below(HTSAT_PREFIX));
      const embedding = embeddingOf(shapes.below('audio_encoder.'), preset.embedding);
      const [audioMapper, promptMapper] = [decoder.below('audio_project.'), decoder.below('text_project.')];
      return {
        ...preset,
        frontend: frontendFor(shapes.below(HTSAT_PREFIX), audio.mels),
        audio,
        text: textEncoder
          ? clipTextOf(encoder.below('base.'), encoder.dim('clip_text_projection.weight', 0))
          : null,
        embedding,
        gpt2: gpt2Of(decoder.below('gpt.transformer.')),
        audioMapper: mapperOf(audioMapper, embedding, preset.audioMapper.layers),
        promptMapper: mapperOf(promptMapper, textEncoder ? embedding : null, preset.promptMapper.layers),
      };
    },
  });
}

export const FAMILY: Readonly<Record<CheckpointFamily, Family>> = {
  'pengi-base': pengi(true),
  'pengi-base-no-text-enc': pengi(false),
  'msclap-2023': family({
    htsat: HTSAT_PREFIX,
    schema: msclapConfigSchema,
    params: (source, config) => msclapParams(source, config) as Tree<NdArray>,
    derive(shapes) {
      const audio = htsatOf(shapes.below(HTSAT_PREFIX));
      const gpt2 = gpt2Of(shapes.below('caption_encoder.base.'));
      return {
        ...MSCLAP_2023,
        frontend: frontendFor(shapes.below(HTSAT_PREFIX), audio.mels),
        audio,
        text: { gpt2, promptLength: Math.min(MSCLAP_2023.text.promptLength, gpt2.positions ?? 0) },
        embedding: embeddingOf(shapes.below('audio_encoder.'), MSCLAP_2023.embedding),
      };
    },
  }),
  'clapcap-2023': family({
    htsat: CLAPCAP_HTSAT_PREFIX,
    schema: clapcapConfigSchema,
    params: (source, config) => clapcapParams(source, config) as Tree<NdArray>,
    derive(shapes) {
      const audio = htsatOf(shapes.below(CLAPCAP_HTSAT_PREFIX));
      const embedding = embeddingOf(shapes.below('clap.'), CLAPCAP_2023.embedding);
      return {
        ...CLAPCAP_2023,
        frontend: frontendFor(shapes.below(CLAPCAP_HTSAT_PREFIX), audio.mels),
        audio,
        embedding,
        mapper: mapperOf(shapes.below('clap_project.'), embedding, CLAPCAP_2023.mapper.layers),
        gpt2: gpt2Of(shapes.below('gpt.transformer.')),
      };
    },
  }),
  'transformers-clap': family({
    tokenizer: true,
    schema: transformersClapConfigSchema,
    params: (source, config) => transformersClapParams(source, config) as Tree<NdArray>,
    derive(shapes, { config, preprocessor, file }) {
      if (isOfType(config, ['clap'])) return transformersClapConfig(config, preprocessor, { file });
      const preset = LAION_CLAP_HTSAT_UNFUSED;
      const audio = transformersHtsatOf(shapes.below('audio_model.audio_encoder.'));
      return {
        ...preset,
        frontend: { ...transformersClapConfig({}, preprocessor, { file }).frontend, mels: audio.mels },
        audio,
        text: robertaOf(shapes.below('text_model.'), preset.text),
        embedding: shapes.dim('audio_projection.linear1.weight', 0) ?? preset.embedding,
      };
    },
  }),
  gpt2: family({
    schema: gpt2ConfigSchema,
    params: (source, config) => gpt2Params(source, config) as Tree<NdArray>,
    derive(shapes, { config, file }) {
      const below = shapes.has('transformer.wpe.weight') ? shapes.below('transformer.') : shapes;
      const derived = gpt2Of(below);
      return { ...derived, heads: gpt2HeadsIn(config, { file }) ?? derived.heads };
    },
  }),
  clip: family({
    schema: clipTextModelConfigSchema,
    params: (source, config) => clipTextModelParams(source, config) as Tree<NdArray>,
    derive(shapes, { config, file }) {
      const projection = shapes.dim('text_projection.weight', 0);
      const text = clipTextOf(shapes.below('text_model.'), projection);
      const heads = clipTextHeadsIn(config, { file }) ?? text.heads;
      return {
        ...CLIP_VIT_BASE,
        text: { ...text, heads, promptLength: text.positions },
        projected: projection !== undefined,
      };
    },
  }),
};
