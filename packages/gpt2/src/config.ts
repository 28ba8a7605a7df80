import { z } from 'zod';

const size = z.int().positive();

export const gpt2ConfigSchema = z
  .strictObject({
    vocabularySize: size,
    /** Longest sequence, prefix included. */
    positions: size,
    width: size,
    layers: size,
    heads: size,
    /** Dropout in training: of embeddings, attention weights and residuals. */
    dropout: z.number().min(0).lt(1),
    /** A small model's vocabulary: these of GPT-2's ids, renumbered in their order. null: all of them. */
    keptIds: z.array(z.int().min(0)).readonly().nullable(),
    /** Whether each digit of a number is a token of its own. */
    splitDigits: z.boolean(),
  })
  .refine(({ width, heads }) => width % heads === 0, { message: 'heads must divide width', path: ['heads'] })
  .refine(({ keptIds, vocabularySize }) => keptIds === null || keptIds.length === vocabularySize, {
    message: 'must hold as many ids as vocabularySize says',
    path: ['keptIds'],
  });

export type Gpt2Config = Readonly<z.infer<typeof gpt2ConfigSchema>>;

/** GPT-2 small: 124 M parameters, the language model of Pengi. */
export const GPT2_BASE = {
  vocabularySize: 50257,
  positions: 1024,
  width: 768,
  layers: 12,
  heads: 12,
  dropout: 0.1,
  keptIds: null,
  splitDigits: false,
} as const satisfies Gpt2Config;
