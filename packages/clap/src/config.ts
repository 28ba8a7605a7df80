import { type FrontendConfig, RELEASED_FRONTEND, validateFrontend } from '@pengi/audio-frontend';
import { isPengiError } from '@pengi/core';
import { HTSAT_RELEASED, htsatConfigSchema } from '@pengi/htsat';
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
    fit: z.enum(['loop', 'pad']),
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

export const clapConfigSchema = z
  .strictObject({
    model: z.literal('clap'),
    frontend: frontendConfigSchema,
    audio: htsatConfigSchema,
    text: clipTextConfigSchema,
    /** Channels of the joint space. */
    embedding: size,
    /** Dropout inside of both projections in training. */
    projectionDropout: rate,
  })
  .superRefine(({ frontend, audio }, context) => {
    const must = mustIn(context);
    must(frontend.mels === audio.mels, 'audio', `mels must be the front end's, ${frontend.mels}`);
  });

export type ClapConfig = Readonly<z.infer<typeof clapConfigSchema>>;

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
