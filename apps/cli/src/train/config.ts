import { z } from 'zod';

const count = z.int().positive();
const names = z.array(z.string()).min(1);

/** Where examples come from. */
const sourceSchema = z.union([
  z.strictObject({
    /** CSV or JSONL with audio, prompt and target (see @pengi/datasets). */
    manifest: z.string(),
    /** Where audio paths count from; default: the manifest's folder. */
    root: z.string().optional(),
    /** Only rows of these splits. */
    splits: names.optional(),
  }),
  z.strictObject({
    /** A data set in its official layout: `pengi data list`. */
    set: z.string(),
    /** The folder that data sets lie in; default: that of the config, or PENGI_DATA. */
    root: z.string().optional(),
    splits: names.optional(),
    folds: z.array(count).min(1).optional(),
    /** What is asked about its labels, in place of the paper's template. */
    prompts: names.optional(),
    /** With prompts: labels in other words than the set's own. */
    wording: z.record(z.string(), z.string()).optional(),
  }),
  z.strictObject({
    /** WebDataset shards, as `pengi data pack` writes them: paths or addresses, with {000..123} for many. */
    shards: z.union([z.string(), names]),
  }),
]);

const augmentFields = {
  /** Play at one of these speeds, in semitones up. */
  speeds: z.array(z.number()).min(1).optional(),
  /** Louder or softer by up to so many dB. */
  gainDb: z.number().min(0).optional(),
  /** A smooth frequency response of up to so many dB. */
  equalizerDb: z.number().min(0).optional(),
  /** How often a random crop begins where the recording does. */
  startShare: z.number().min(0).max(1).optional(),
  /** Whether "pitch 60" in an answer follows the speed. */
  movePitch: z.boolean().optional(),
};

const earlyStopSchema = z.strictObject({
  metric: z.string().default('validationLoss'),
  mode: z.enum(['min', 'max']).default('min'),
  patience: count,
  minDelta: z.number().min(0).default(0),
});

const dataSchema = z.strictObject({
  /** One manifest: short for a source of its name. */
  manifest: z.string().optional(),
  /** Where its audio paths count from; default: its folder. */
  root: z.string().optional(),
  /** Several sources by name, in place of `manifest`. */
  sources: z.record(z.string(), sourceSchema).optional(),
  /** How often each source is drawn from, relative to the others; by their sizes by default. */
  weights: z
    .union([z.literal('proportional'), z.record(z.string(), z.number().min(0))])
    .default('proportional'),
  /** What counts as an example: each text of a recording, or each recording, of whose texts one is drawn. */
  unit: z.enum(['text', 'clip']).default('text'),
  /** The folder that data sets lie in; default: PENGI_DATA. */
  sets: z.string().optional(),
  /** What is done about recordings that evaluation sets have, too. */
  leaks: z
    .strictObject({
      found: z.enum(['leave-out', 'refuse', 'ignore']).default('leave-out'),
      /** Evaluation sets that do not count, such as one whose folds are divided here. */
      except: z.array(z.string()).default([]),
    })
    .prefault({}),
  /**
   * What is validated with: a manifest, other sources, or the share of each source's recordings that is held out (rows with the
   * split "valid", if there are any).
   */
  validation: z
    .union([z.string(), z.number().min(0).max(0.9), z.record(z.string(), sourceSchema)])
    .default(0.1),
  /** Of more validation examples, so many are drawn. */
  validationLimit: count.default(1000),
  /** Where log-mels are kept; null for nowhere. */
  cache: z.string().nullable().default('.cache/log-mels'),
  cacheDtype: z.enum(['float32', 'float16']).default('float32'),
  /** Leave bad rows and recordings out, saying which, rather than refuse them. */
  skipBadRows: z.boolean().default(false),
  /**
   * Whether each recording is heard once before the training, so that a bad one is found then; default: unless there are shards.
   */
  prepare: z.boolean().optional(),
  /** Where in a longer recording the crop begins: as the front end says, or anywhere. */
  crop: z.enum(['frontend', 'random']).default('frontend'),
  augment: z
    .strictObject({
      ...augmentFields,
      bySource: z.record(z.string(), z.strictObject(augmentFields)).optional(),
    })
    .default({}),
  /** CLAP's texts: how often, of a target with several parts ("guitar, pitch 60, bright"), the first is told alone. */
  firstPartAlone: z.number().min(0).max(1).default(0),
});

/** A training config: what `pengi train --config FILE` reads, and what recipes are. */
export const trainConfigSchema = z.strictObject({
  data: dataSchema,
  /**
   * Sizes of a model that starts from scratch, with what is to be different: fields of the models' config.json at any depth, or
   * the short forms below. What `from` names has its own sizes.
   */
  model: z
    .union([
      z.enum(['small', 'paper']),
      z.looseObject({
        preset: z.enum(['small', 'paper']),
        /** Texts beside those of the data whose words a small model is to know. */
        words: z.array(z.string()).optional(),
        /** Pengi: whether prompts go through CLIP's text tower, or the language model's own embeddings of them are mapped. */
        textTower: z.boolean().optional(),
        /** Pengi: both mappers. */
        mappers: z
          .strictObject({ kind: z.enum(['transformer', 'mlp']).optional(), layers: count.optional() })
          .optional(),
      }),
    ])
    .default('small'),
  /** Folders of trained models to start from: a whole model to go on with, or parts from models of any kind that have them. */
  from: z
    .strictObject({
      model: z.string().optional(),
      /** Both towers. */
      clap: z.string().optional(),
      audio: z.string().optional(),
      text: z.string().optional(),
      language: z.string().optional(),
    })
    .default({}),
  steps: count.optional(),
  /** In place of steps: how often all examples are seen. */
  epochs: z.number().positive().optional(),
  batch: count.default(32),
  /** In so many parts, one after the other, for less memory. */
  accumulate: count.default(1),
  learningRate: z.number().positive().default(1e-3),
  warmupSteps: z.int().min(0).default(50),
  schedule: z.enum(['cosine', 'linear']).default('cosine'),
  /** Share of the peak learning rate at the end. */
  floor: z.number().min(0).max(1).default(0),
  beta2: z.number().min(0).max(0.999999).default(0.999),
  weightDecay: z.number().min(0).default(0.05),
  /** Matrices that do not decay, as patterns. */
  noDecay: z.array(z.string()).optional(),
  /** Learning rates by pattern, as multiples. */
  rates: z.record(z.string(), z.number().positive()).optional(),
  clipNorm: z.number().positive().nullable().default(1),
  /** Averages of the parameters, which the result has. */
  emaDecay: z.number().min(0).max(0.999999).optional(),
  /** Parameters that stay as they are, as patterns such as `audio_encoder.base.**`. */
  frozen: z.array(z.string()).optional(),
  /** Pengi: everything but the mappers stays. */
  mapperOnly: z.boolean().default(false),
  /** Low-rank adapters in place of the weights. */
  lora: z
    .strictObject({
      rank: count,
      alpha: z.number().positive().optional(),
      /** Layers by pattern; default: the attention of the audio tower and of the language model. */
      targets: names.optional(),
      except: z.array(z.string()).optional(),
    })
    .optional(),
  specAugment: z.boolean().default(false),
  batchNorm: z.enum(['running', 'batch']).default('running'),
  /** CLAP: recordings are mixed in pairs. */
  mixUp: z.boolean().default(false),
  /** Language model: tokens of a document; default: as many as the model takes. */
  documentLength: count.optional(),
  seed: z.int().default(0),
  checkpointEvery: count.default(200),
  evaluateEvery: count.default(100),
  keep: count.default(2),
  /** Ends the run when evaluations get no better. */
  earlyStop: earlyStopSchema.optional(),
  /** Which parameters the model gets: the last ones, or those of the best evaluation; default: the best with `earlyStop`. */
  result: z.enum(['last', 'best']).optional(),
});

export type TrainConfig = z.infer<typeof trainConfigSchema>;
/** What a config file may leave out. */
export type TrainConfigInput = z.input<typeof trainConfigSchema>;
export type SourceConfig = z.infer<typeof sourceSchema>;
export type Sources = Readonly<Record<string, SourceConfig>>;

/** A config as a run takes it: paths are absolute, and what can be said in several ways is said in one. */
export type RunConfig = Omit<TrainConfig, 'data'> & {
  data: Omit<TrainConfig['data'], 'manifest' | 'root' | 'sources' | 'validation'> & {
    sources: Sources;
    validation: number | Sources;
  };
};
