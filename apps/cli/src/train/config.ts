import { z } from 'zod';

const count = z.int().positive();

/** A training config: what `pengi train --config FILE` reads. */
export const trainConfigSchema = z.strictObject({
  data: z.strictObject({
    /** CSV or JSONL with audio, prompt and target (see @pengi/datasets); paths count from this config's folder. */
    manifest: z.string(),
    /** Where audio paths count from; default: the manifest's folder. */
    root: z.string().optional(),
    /** A manifest for validation, or the share of the examples that is held out (those with split "valid", if any). */
    validation: z.union([z.string(), z.number().min(0).max(0.9)]).default(0.1),
    /** Where log-mels are kept; null for nowhere. */
    cache: z.string().nullable().default('.cache/log-mels'),
    /** Leave bad rows out, saying which, rather than refuse them. */
    skipBadRows: z.boolean().default(false),
  }),
  /** Sizes of a model that starts from scratch; what `from` names has its own. */
  model: z.enum(['small', 'paper']).default('small'),
  /** Folders of trained models to start from: a whole model to go on with, or its parts. */
  from: z
    .strictObject({
      model: z.string().optional(),
      clap: z.string().optional(),
      language: z.string().optional(),
    })
    .default({}),
  steps: count,
  batch: count.default(32),
  learningRate: z.number().positive().default(1e-3),
  warmupSteps: z.int().min(0).default(50),
  schedule: z.enum(['cosine', 'linear']).default('cosine'),
  weightDecay: z.number().min(0).default(0.05),
  clipNorm: z.number().positive().nullable().default(1),
  /** Parameters that stay as they are, as patterns such as `audio_encoder.base.**`. */
  frozen: z.array(z.string()).optional(),
  specAugment: z.boolean().default(false),
  seed: z.int().default(0),
  checkpointEvery: count.default(200),
  evaluateEvery: count.default(100),
  keep: count.default(2),
});

export type TrainConfig = z.infer<typeof trainConfigSchema>;
/** What a config file may leave out. */
export type TrainConfigInput = z.input<typeof trainConfigSchema>;
