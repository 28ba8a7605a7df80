import {
  CLAP_FEATURE_EXTRACTOR,
  type FrontendConfig,
  RELEASED_FRONTEND,
  validateFrontend,
} from '@pengi/audio-frontend';
import { isPengiError } from '@pengi/core';
import { GPT2_BASE, gpt2ConfigSchema } from '@pengi/gpt2';
import { HTSAT_RELEASED, type HtsatConfig, htsatConfigSchema } from '@pengi/htsat';
import { z } from 'zod';

const size = z.int().positive();
const rate = z.number().min(0).max(1);

const number = z.number();

/** `FrontendConfig` of @pengi/audio-frontend, with its own checks. */
export const frontendConfigSchema: z.ZodType<FrontendConfig> = z
  .strictObject({
    sampleRate: number,
    durationSeconds: number,
    channels: z.enum(['mix', 'concatenate', 'left']),
    fit: z.enum(['loop', 'pad', 'repeat-pad']),
    crop: z.enum(['start', 'centre', 'random']),
    fftSize: number,
    hopLength: number,
    mels: number,
    fMin: number,
    fMax: number,
    melSampleRate: number,
    topDb: number.nullable(),
    trimSilence: z.strictObject({ belowPeakDb: number }).readonly().nullable(),
    peak: number.nullable(),
  })
  .superRefine((config, context) => {
    try {
      validateFrontend(config);
    } catch (error) {
      if (!isPengiError(error)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
    }
  });

/** CLIP's own vocabulary. */
const CLIP_VOCABULARY = 49408;

export const clipTextConfigSchema = z
  .strictObject({
    vocabularySize: size,
    /** Longest text in tokens, start and end included. */
    positions: size,
    width: size,
    hidden: size,
    layers: size,
    heads: size,
    /** Channels after CLIP's own projection. */
    projection: size,
    /** Dropout in training; CLIP has none. */
    dropout: rate,
    /** Ids of a prompt, start and end included: longer ones are cut, shorter ones padded. */
    promptLength: z.int().min(3),
    /** A small model's vocabulary: these of CLIP's ids, renumbered in their order. null: all of them. */
    keptIds: z.array(z.int().min(0)).readonly().nullable(),
  })
  .superRefine(({ width, heads, promptLength, positions, keptIds, vocabularySize }, context) => {
    const must = mustIn(context);
    must(width % heads === 0, 'heads', 'must divide width');
    must(promptLength <= positions, 'promptLength', 'must not exceed positions');
    const known = keptIds?.length ?? CLIP_VOCABULARY;
    const what = keptIds ? 'the number of keptIds' : 'all of CLIP, as keptIds is null';
    must(vocabularySize === known, 'vocabularySize', `must be ${known}, ${what}`);
  });

export type ClipTextConfig = Readonly<z.infer<typeof clipTextConfigSchema>>;

/** What the families have alike. */
const common = {
  model: z.literal('clap'),
  frontend: frontendConfigSchema,
  audio: htsatConfigSchema,
  /** Channels of the joint space. */
  embedding: size,
};

/** The paper's family: HTSAT and CLIP's text tower. */
export const clapConfigSchema = z
  .strictObject({
    ...common,
    family: z.literal('pengi').optional(),
    text: clipTextConfigSchema,
    /** Dropout inside of both projections in training. */
    projectionDropout: rate,
  })
  .superRefine(sameMels);

export type ClapConfig = Readonly<z.infer<typeof clapConfigSchema>>;

export const gpt2TextConfigSchema = z
  .strictObject({
    gpt2: gpt2ConfigSchema,
    /** Ids of a prompt, the end marker included: longer ones are cut, shorter ones padded with id 0. */
    promptLength: z.int().min(2),
  })
  .superRefine(({ gpt2, promptLength }, context) => {
    const must = mustIn(context);
    must(promptLength <= gpt2.positions, 'promptLength', "must not exceed gpt2's positions");
  });

export type Gpt2TextConfig = Readonly<z.infer<typeof gpt2TextConfigSchema>>;

/** msclap's second family (2023): HTSAT and GPT-2. */
export const msclapConfigSchema = z
  .strictObject({
    ...common,
    family: z.literal('msclap'),
    text: gpt2TextConfigSchema,
    /** Dropout inside of both projections in training. */
    projectionDropout: rate,
  })
  .superRefine(sameMels);

export type MsclapConfig = Readonly<z.infer<typeof msclapConfigSchema>>;

export const robertaConfigSchema = z
  .strictObject({
    vocabularySize: size,
    /** Rows of the position table, of which the first `pad + 1` belong to no token. */
    positions: size,
    width: size,
    hidden: size,
    layers: size,
    heads: size,
    /** Kinds of token; all texts are of the first. */
    tokenTypes: size,
    /** The id of padding. */
    pad: z.int().min(0),
    epsilon: z.number().positive(),
    /** Ids of a prompt, start and end included: longer ones are cut, shorter ones padded. */
    promptLength: z.int().min(2),
  })
  .superRefine(({ width, heads, promptLength, positions, pad, vocabularySize }, context) => {
    const must = mustIn(context);
    must(width % heads === 0, 'heads', 'must divide width');
    must(pad < vocabularySize, 'pad', 'must be in the vocabulary');
    must(promptLength < positions - pad, 'promptLength', `must not exceed positions - pad - 1`);
  });

export type RobertaConfig = Readonly<z.infer<typeof robertaConfigSchema>>;

/** Transformers' `ClapModel` without fusion, LAION's weights: HTSAT and RoBERTa. */
export const transformersClapConfigSchema = z
  .strictObject({ ...common, family: z.literal('transformers'), text: robertaConfigSchema })
  .superRefine(sameMels);

export type TransformersClapConfig = Readonly<z.infer<typeof transformersClapConfigSchema>>;

/** config.json of a CLAP of any family. Without `family` it is the paper's. */
export const anyClapConfigSchema = z.discriminatedUnion('family', [
  clapConfigSchema,
  msclapConfigSchema,
  transformersClapConfigSchema,
]);

export type AnyClapConfig = ClapConfig | MsclapConfig | TransformersClapConfig;

function sameMels(
  { frontend, audio }: { frontend: FrontendConfig; audio: HtsatConfig },
  context: z.RefinementCtx,
): void {
  const must = mustIn(context);
  must(frontend.mels === audio.mels, 'audio', `mels must be the front end's, ${frontend.mels}`);
}

/** Adds an issue where a rule does not hold. */
function mustIn(context: z.RefinementCtx) {
  return (holds: boolean, field: string, message: string) => {
    if (!holds) context.addIssue({ code: 'custom', path: [field], message });
  };
}

/** The text tower of `openai/clip-vit-base-patch16` (and 32), with the prompt length of Pengi. */
export const CLIP_TEXT_BASE = {
  vocabularySize: CLIP_VOCABULARY,
  positions: 77,
  width: 512,
  hidden: 2048,
  layers: 12,
  heads: 8,
  projection: 512,
  dropout: 0,
  promptLength: 40,
  keptIds: null,
} as const satisfies ClipTextConfig;

/** The paper's CLAP: HTSAT and CLIP's text tower, joint space of 1024. */
export const CLAP_PAPER = {
  model: 'clap',
  frontend: RELEASED_FRONTEND,
  audio: HTSAT_RELEASED,
  text: CLIP_TEXT_BASE,
  embedding: 1024,
  projectionDropout: 0.5,
} as const satisfies ClapConfig;

/** `CLAP_weights_2023.pth` of msclap. */
export const MSCLAP_2023 = {
  model: 'clap',
  family: 'msclap',
  frontend: RELEASED_FRONTEND,
  audio: HTSAT_RELEASED,
  text: { gpt2: GPT2_BASE, promptLength: 77 },
  embedding: 1024,
  projectionDropout: 0.5,
} as const satisfies MsclapConfig;

/** `laion/clap-htsat-unfused`. */
export const LAION_CLAP_HTSAT_UNFUSED = {
  model: 'clap',
  family: 'transformers',
  frontend: CLAP_FEATURE_EXTRACTOR,
  audio: HTSAT_RELEASED,
  text: {
    vocabularySize: 50265,
    positions: 514,
    width: 768,
    hidden: 3072,
    layers: 12,
    heads: 12,
    tokenTypes: 1,
    pad: 1,
    epsilon: 1e-12,
    promptLength: 77,
  },
  embedding: 512,
} as const satisfies TransformersClapConfig;
