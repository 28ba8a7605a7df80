import { createFrontend, type Frontend } from '@pengi/audio-frontend';
import {
  type AudioInput,
  createAudioEncoder,
  type EmbedAudioOptions,
  normalized,
  type WindowEmbeddings,
  type WindowedOptions,
} from '@pengi/clap';
import { createRng, type NdArray, validate } from '@pengi/core';
import { createGpt2, type Gpt2, type Tokenizer } from '@pengi/gpt2';
import type { Engine } from '@pengi/jit';
import { createMapper } from '@pengi/prefix-mapper';
import {
  type Answer,
  answerOf,
  type DecodingOptions,
  type GeneratedText,
  generateRows,
  inBatches,
  row,
  textListener,
  tokenLimit,
} from '../answers.js';
import { type CompatOptions, referenceFrontend } from '../compat.js';
import { type AudioOptions, createHear } from '../hear.js';
import { pengiTokenizer, stopTokenOf } from '../tokenizer.js';
import { type ClapcapConfig, clapcapConfigSchema } from './config.js';
import type { ClapcapParams } from './params.js';

/** As Pengi's `GenerateOptions`; clapcap takes no prompt. Default: msclap's 5 beams and 67 tokens. */
export interface CaptionOptions extends DecodingOptions {
  audio?: AudioOptions;
}

/**
 * msclap's captioner (`CLAP.generate_caption`). Its methods throw PengiError: E_NOT_FOUND and E_AUDIO_… for recordings,
 * E_USAGE for options out of range.
 */
export interface Clapcap {
  readonly config: ClapcapConfig;
  readonly frontend: Frontend;
  readonly tokenizer: Tokenizer;
  readonly gpt2: Gpt2;
  /** A caption for each recording, with a capital letter at the start and no other. */
  generate(inputs: readonly AudioInput[], options?: CaptionOptions): Promise<Answer[]>;
  caption(input: AudioInput, options?: CaptionOptions): Promise<Answer>;
  /** Audio embeddings [N, E] of length 1. */
  embedAudio(
    inputs: readonly AudioInput[],
    options?: Omit<EmbedAudioOptions, 'normalize'>,
  ): Promise<NdArray<'float32'>>;
  /** Embeddings [W, E] of length 1 of the windows of one recording, with their times. */
  embedWindows(input: AudioInput, options?: WindowedOptions): Promise<WindowEmbeddings>;
  dispose(): Promise<void>;
}

export interface CreateClapcapOptions extends Partial<CompatOptions> {
  engine: Engine;
  /** Default: that of the config, with a computed mel bank. */
  frontend?: Frontend;
}

/**
 * A clapcap of parameters in memory; `loadClapcap` reads a folder.
 * @throws PengiError E_CONFIG that names each field that is wrong or does not go with another
 */
export function createClapcap(
  params: ClapcapParams<NdArray>,
  config: ClapcapConfig,
  { engine, compat, seed = 0, frontend: given = createFrontend(config.frontend) }: CreateClapcapOptions,
): Clapcap {
  validate(clapcapConfigSchema, config);
  const frontend = compat ? referenceFrontend(given) : given;
  const drawn = compat ? { rng: createRng(seed) } : {};
  const gpt2 = createGpt2(params.gpt.transformer, config.gpt2, engine);
  const tokenizer = pengiTokenizer(config.gpt2);
  const stopToken = stopTokenOf(config);
  const audioEncoder = createAudioEncoder(params.clap, config, engine, frontend);
  const mapper = createMapper(params.clap_project, config.mapper, engine);
  const hear = createHear(frontend, audioEncoder);
  const room = config.gpt2.positions - config.mapper.prefixLength + 1; // the last token needs no position

  const clapcap: Clapcap = {
    config,
    frontend,
    tokenizer,
    gpt2,

    async generate(inputs, { audio, onText, ...decoding } = {}) {
      const maxTokens = tokenLimit(room, decoding.maxTokens);
      return inBatches(inputs, async (batch, from, rows) => {
        const { embeddings, warnings } = await hear(batch, { ...drawn, ...audio });
        const mapped = await mapper.map(embeddings);
        const prefixes = batch.map((_, i) => row(mapped, i));
        const count = batch.length;
        const generations = await generateRows(gpt2, prefixes, rows, {
          ...decoding,
          maxTokens,
          stopToken,
          onText: textListener(onText, tokenizer, { stopToken, from, count }, (text) =>
            capitalize(compat ? text : text.trim()),
          ),
        });
        return generations.map((found, i) => {
          const answer = answerOf(found, tokenizer, warnings[i]!, { trim: !compat });
          return { ...capitalized(answer), alternatives: answer.alternatives.map(capitalized) };
        });
      });
    },

    async caption(input, options) {
      const [answer] = await clapcap.generate([input], options);
      return answer!;
    },

    async embedAudio(inputs, options) {
      return normalized(await audioEncoder.embed(inputs, { ...drawn, ...options }));
    },

    async embedWindows(input, options) {
      const { embeddings, times } = await audioEncoder.embedWindows(input, options);
      return { embeddings: normalized(embeddings), times };
    },

    async dispose() {
      await Promise.all([gpt2.dispose(), audioEncoder.dispose(), mapper.dispose()]);
    },
  };
  return clapcap;
}

function capitalized<Text extends GeneratedText>(found: Text): Text {
  return { ...found, text: capitalize(found.text) };
}

/** Python's `str.capitalize`: the first letter large, all others small. */
function capitalize(text: string): string {
  const [first = '', ...others] = text; // by code points
  return first.toUpperCase() + others.join('').toLowerCase();
}
