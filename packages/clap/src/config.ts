import { type FrontendConfig, RELEASED_FRONTEND } from '@pengi/audio-frontend';
import { HTSAT_RELEASED, htsatConfigSchema } from '@pengi/htsat';
import { z } from 'zod';

const size = z.int().positive();
const rate = z.number().min(0).max(1);

/** Checked by the front end itself when it is made. */
export const frontendConfigSchema = z.custom<FrontendConfig>(
  (value) => typeof value === 'object' && value !== null,
  'expected the settings of the audio front end',
);

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
    /** Ids of a prompt: longer ones are cut, shorter ones padded. */
    promptLength: size,
    /** A small model's vocabulary: these of CLIP's ids, renumbered in their order. null: all of them. */
    keptIds: z.array(z.int().min(0)).readonly().nullable(),
  })
  .refine(({ width, heads }) => width % heads === 0, { message: 'heads must divide width', path: ['heads'] })
  .refine(({ promptLength, positions }) => promptLength <= positions, {
    message: 'promptLength must not exceed positions',
    path: ['promptLength'],
  });

export type ClipTextConfig = Readonly<z.infer<typeof clipTextConfigSchema>>;

export const clapConfigSchema = z.strictObject({
  model: z.literal('clap'),
  frontend: frontendConfigSchema,
  audio: htsatConfigSchema,
  text: clipTextConfigSchema,
  /** Channels of the joint space. */
  embedding: size,
  /** Dropout inside of both projections in training. */
  projectionDropout: rate,
});

export type ClapConfig = Readonly<z.infer<typeof clapConfigSchema>>;

/** The text tower of `openai/clip-vit-base-patch16` (and 32), with the prompt length of Pengi. */
export const CLIP_TEXT_BASE = {
  vocabularySize: 49408,
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
