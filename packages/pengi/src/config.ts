import { RELEASED_FRONTEND } from '@pengi/audio-frontend';
import { CLIP_TEXT_BASE, clipTextConfigSchema, frontendConfigSchema } from '@pengi/clap';
import { GPT2_BASE, gpt2ConfigSchema, RELEASED_STOP } from '@pengi/gpt2';
import { HTSAT_RELEASED, htsatConfigSchema } from '@pengi/htsat';
import {
  MAPPER_PAPER,
  MAPPER_RELEASED,
  mapperConfigSchema,
  SEQUENCE_MAPPER_RELEASED,
} from '@pengi/prefix-mapper';
import { z } from 'zod';

const size = z.int().positive();

export const pengiConfigSchema = z
  .strictObject({
    model: z.literal('pengi'),
    frontend: frontendConfigSchema,
    audio: htsatConfigSchema,
    /** CLIP's text tower for prompts, or null: then the language model's own embeddings of the prompt are mapped. */
    text: clipTextConfigSchema.nullable(),
    /** Channels of audio and text embeddings. */
    embedding: size,
    projectionDropout: z.number().min(0).max(1),
    gpt2: gpt2ConfigSchema,
    audioMapper: mapperConfigSchema,
    promptMapper: mapperConfigSchema,
    /**
     * What the prompt's mapper sees of the text embedding: divided by its length ("training", as the audio embedding
     * always is) or as it is ("wrapper"). The reference normalises in training but its wrapper does not.
     */
    textNorm: z.enum(['training', 'wrapper']),
    /** GPT-2's id (before renumbering) at which a text ends. */
    stopToken: z.int().min(0),
  })
  .superRefine((config, context) => {
    const must = (holds: boolean, path: string, message: string) => {
      if (!holds) context.addIssue({ code: 'custom', path: [path], message });
    };
    for (const name of ['audioMapper', 'promptMapper'] as const)
      must(config[name].width === config.gpt2.width, name, `width must be gpt2's, ${config.gpt2.width}`);
    must(config.audioMapper.kind !== 'sequence', 'audioMapper', 'a sequence mapper takes no embedding');
    must(
      (config.promptMapper.kind === 'sequence') === (config.text === null),
      'promptMapper',
      'a sequence mapper goes with text: null, and the other kinds with a text tower',
    );
    for (const name of ['audioMapper', 'promptMapper'] as const) {
      const mapper = config[name];
      if (mapper.kind !== 'sequence')
        must(mapper.inputs === config.embedding, name, `inputs must be ${config.embedding}`);
    }
    const prefix = prefixLengthOf(config);
    must(prefix < config.gpt2.positions, 'gpt2', `a prefix of ${prefix} leaves no position for text`);
    must(
      config.frontend.mels === config.audio.mels,
      'audio',
      `mels must be those of the frontend, ${config.frontend.mels}`,
    );
    const { keptIds, vocabularySize } = config.gpt2;
    must(
      keptIds === null ? config.stopToken < vocabularySize : keptIds.includes(config.stopToken),
      'stopToken',
      'must be in the vocabulary of gpt2',
    );
  });

/** Which parts a Pengi has, and their sizes: config.json of a model folder. */
export type PengiConfig = Readonly<z.infer<typeof pengiConfigSchema>>;

/** How many vectors the prefix has without additional text: those of the audio, then those of the prompt. */
export function prefixLengthOf(config: Mappers): number {
  return config.audioMapper.prefixLength + config.promptMapper.prefixLength;
}

type Mappers = Pick<PengiConfig, 'audioMapper' | 'promptMapper'>;

/**
 * The most tokens that the language model can give after the prefix and `additional` tokens. The last one is not fed to
 * it any more, so it needs no position.
 */
export function tokensAfterPrefix(config: PengiConfig, additional = 0): number {
  return config.gpt2.positions - prefixLengthOf(config) - additional + 1;
}

/** The released `base`: as the code has it, which halves the YAML's 8 mapper layers. */
export const PENGI_BASE = {
  model: 'pengi',
  frontend: RELEASED_FRONTEND,
  audio: HTSAT_RELEASED,
  text: CLIP_TEXT_BASE,
  embedding: 1024,
  projectionDropout: 0.5,
  gpt2: GPT2_BASE,
  audioMapper: MAPPER_RELEASED,
  promptMapper: MAPPER_RELEASED,
  textNorm: 'wrapper',
  stopToken: RELEASED_STOP,
} as const satisfies PengiConfig;

/** The released `base_no_text_enc`: prompts are embedded by GPT-2. */
export const PENGI_NO_TEXT_ENCODER = {
  ...PENGI_BASE,
  text: null,
  promptMapper: SEQUENCE_MAPPER_RELEASED,
} as const satisfies PengiConfig;

/** What the paper says (section 4): mappers of 8 layers, both embeddings normalised. */
export const PENGI_PAPER = {
  ...PENGI_BASE,
  audioMapper: MAPPER_PAPER,
  promptMapper: MAPPER_PAPER,
  textNorm: 'training',
} as const satisfies PengiConfig;
