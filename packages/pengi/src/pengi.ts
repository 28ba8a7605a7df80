import { createFrontend, type Frontend } from '@pengi/audio-frontend';
import {
  type AudioInput,
  createAudioEncoder,
  createTextEncoder,
  type EmbedOptions,
  normalized,
  type PoolOptions,
  type TextEncoder,
  type WindowEmbeddings,
  type WindowedOptions,
} from '@pengi/clap';
import { floats, type NdArray, PengiError, validate } from '@pengi/core';
import { PROMPTS, questionPrompt } from '@pengi/datasets/templates';
import { createGpt2, type Gpt2, type Tokenizer } from '@pengi/gpt2';
import { type Engine, quantized } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import {
  type Answer,
  answerOf,
  type DecodingOptions,
  generateRows,
  inBatches,
  joined,
  row,
  textListener,
  tokenLimit,
} from './answers.js';
import { type ClassifyOptions, classify, type LabelScores } from './classify.js';
import { type PengiConfig, pengiConfigSchema, prefixLengthOf, tokensAfterPrefix } from './config.js';
import { type AudioOptions, createHear, type Hear } from './hear.js';
import { audioPrefix } from './model.js';
import type { PengiParams } from './params.js';
import { createPromptHalves } from './prompts.js';
import { pengiTokenizer, stopTokenOf } from './tokenizer.js';
import { type CaptionWindowsOptions, captionWindows, type WindowAnswer } from './windows.js';

/** What is rounded to 8 bits: the language model, which is most of the work of an answer, or the encoders and mappers as well. */
export type QuantizeParts = 'language' | 'all';

export interface QuantizeOptions {
  /**
   * "int8": large weights are rounded to 8 bits, which takes a quarter of their memory and changes the numbers a little;
   * `compareQuantized` says how much. Default: not at all.
   */
  quantize?: 'int8' | undefined;
  /** Default "language". */
  quantizeParts?: QuantizeParts | undefined;
}

/** Is told what the caller should know of inputs that are used all the same. */
export type WarnOptions = Pick<EmbedOptions, 'warn'>;

export interface GenerateOptions extends Omit<DecodingOptions, 'maxTokens'> {
  /** One for all recordings or one for each; default "generate audio caption". */
  prompt?: string | readonly string[];
  /** Text that the answer goes on from (the paper's additional text, appendix A). */
  continue?: string;
  /** Default 67, msclap's, or fewer where the language model has positions for fewer. */
  maxTokens?: number;
  audio?: AudioOptions;
}

/**
 * The audio language model. Its methods throw PengiError: E_NOT_FOUND and E_AUDIO_… for recordings, E_TEXT for texts that
 * are empty or not known to a small vocabulary, E_USAGE for options out of range.
 */
export interface Pengi {
  readonly config: PengiConfig;
  readonly frontend: Frontend;
  /** Of the language model's texts; `gpt2.tokenizer` differs in what it makes of '!'. */
  readonly tokenizer: Tokenizer;
  readonly gpt2: Gpt2;
  /** Undefined for a model without a text tower. */
  readonly textEncoder: TextEncoder | undefined;
  /** An answer for each recording (section 3.2): by beam search unless the options say otherwise. */
  generate(inputs: readonly AudioInput[], options?: GenerateOptions): Promise<Answer[]>;
  /**
   * An answer for each of N audio embeddings [N, E] of length 1, such as those of `embedAudio`, and N prompts.
   * @throws PengiError E_SHAPE for other shapes
   */
  answer(
    audio: NdArray<'float32'>,
    prompts: readonly string[],
    options?: Omit<GenerateOptions, 'prompt' | 'audio'>,
  ): Promise<Answer[]>;
  caption(input: AudioInput, options?: Omit<GenerateOptions, 'prompt'>): Promise<Answer>;
  ask(input: AudioInput, question: string, options?: Omit<GenerateOptions, 'prompt'>): Promise<Answer>;
  /** Caption, metadata and events in one text, as the reference's `describe` joins them. */
  describe(input: AudioInput, options?: Omit<GenerateOptions, 'prompt'>): Promise<string>;
  /** The labels of each recording, the best first (close-ended tasks, section 4.2). */
  classify(
    inputs: readonly AudioInput[],
    labels: readonly string[],
    options?: ClassifyOptions,
  ): Promise<LabelScores[]>;
  /** An answer for each window of a recording of any length, with its times. */
  captionWindows(input: AudioInput, options?: CaptionWindowsOptions): Promise<WindowAnswer[]>;
  /** Audio embeddings [N, E] of length 1; with `pool`, of all windows of a recording together. */
  embedAudio(
    inputs: readonly AudioInput[],
    options?: AudioOptions & WarnOptions & PoolOptions,
  ): Promise<NdArray<'float32'>>;
  /** Embeddings [W, E] of length 1 of the windows of one recording, with their times. */
  embedWindows(input: AudioInput, options?: WindowedOptions): Promise<WindowEmbeddings>;
  /**
   * Text embeddings [N, E] of length 1; what does not fit into `config.text.promptLength` tokens is cut.
   * @throws PengiError E_USAGE for a model without a text tower
   */
  embedText(texts: readonly string[], options?: WarnOptions): Promise<NdArray<'float32'>>;
  /**
   * The prefixes of the language model (equation 1): for each recording [n, C], the audio's vectors, then the prompt's,
   * then the additional text's.
   * @param audio embeddings [N, E] of length 1, and N prompts
   * @throws PengiError E_SHAPE for other shapes
   */
  prefixes(audio: NdArray, prompts: readonly string[], options?: { continue?: string }): Promise<Prefixes>;
  dispose(): Promise<void>;
}

export interface Prefixes {
  prefixes: NdArray<'float32'>[];
  warnings: string[][];
}

/**
 * A Pengi of parameters in memory; `loadPengi` reads a folder.
 * @param frontend default: that of the config, with a computed mel bank
 * @throws PengiError E_CONFIG that names each field that is wrong or does not go with another, E_ENGINE for `quantize` with an
 *   engine that has no weights of 8 bits
 */
export function createPengi(
  params: PengiParams<NdArray>,
  config: PengiConfig,
  {
    engine: exact,
    frontend = createFrontend(config.frontend),
    quantize,
    quantizeParts = 'language',
  }: { engine: Engine; frontend?: Frontend } & QuantizeOptions,
): Pengi {
  validate(pengiConfigSchema, config);
  const rounded = quantize ? quantized(exact, quantize) : exact;
  const engine = quantizeParts === 'all' ? rounded : exact;
  const gpt2 = createGpt2(params.caption_decoder.gpt.transformer, config.gpt2, rounded);
  const tokenizer = pengiTokenizer(config.gpt2);
  const stopToken = stopTokenOf(config);
  const audioEncoder = createAudioEncoder(params.audio_encoder, config, engine, frontend);
  const textEncoder = config.text
    ? createTextEncoder(params.caption_encoder!, config.text, engine)
    : undefined;
  const promptHalves = createPromptHalves(params, config, engine);
  const audioProgram = engine.compile(
    (p: PengiParams, embedding: Tensor) => audioPrefix(p, embedding, config),
    params,
    { name: 'pengi.audio-prefix', prepack: false },
  );

  const hear = createHear(frontend, audioEncoder);

  /** Answers for embeddings [n, E] and as many prompts, the first of which is input `from`; decoded as if there were `rows` of them. */
  async function respond(
    { embeddings, warnings: heard }: Awaited<ReturnType<Hear>>,
    prompts: readonly string[],
    { prompt: _prompt, audio: _audio, continue: more = '', onText, ...decoding }: GenerateOptions,
    { from = 0, rows = prompts.length } = {},
  ): Promise<Answer[]> {
    const maxTokens = tokenLimit(roomAfter(config, tokenizer.encode(more).length), decoding.maxTokens);
    const { prefixes, warnings } = await pengi.prefixes(embeddings, prompts, { continue: more });
    const generations = await generateRows(gpt2, prefixes, rows, {
      ...decoding,
      maxTokens,
      stopToken,
      onText: textListener(onText, tokenizer, { stopToken, from, count: prompts.length }),
    });
    return generations.map((found, i) => answerOf(found, tokenizer, [...heard[i]!, ...warnings[i]!]));
  }

  const pengi: Pengi = {
    config,
    frontend,
    tokenizer,
    gpt2,
    textEncoder,

    async embedAudio(inputs, options) {
      return normalized(await audioEncoder.embed(inputs, options));
    },

    async embedWindows(input, options) {
      const { embeddings, times } = await audioEncoder.embedWindows(input, options);
      return { embeddings: normalized(embeddings), times };
    },

    async embedText(texts, options) {
      if (!textEncoder)
        throw new PengiError('E_USAGE', 'this model has no text encoder', {
          hint: 'use log-likelihoods instead',
        });
      return normalized(await textEncoder.embed(texts, options));
    },

    async prefixes(audio, prompts, options = {}) {
      checkRows(audio, prompts);
      const audioHalves = await audioProgram.run(audio);
      const promptParts = await promptHalves.of(prompts);
      const more = tokenizer.encode(options.continue ?? '');
      const additional = more.length > 0 ? [await gpt2.embed(more)] : [];
      const prefixes = promptParts.map(({ prefix }, i) =>
        joined([row(audioHalves, i), prefix, ...additional], config.gpt2.width),
      );
      return { prefixes, warnings: promptParts.map(({ warnings }) => [...warnings]) };
    },

    async generate(inputs, options = {}) {
      const { prompt = PROMPTS.caption } = options;
      const prompts = typeof prompt === 'string' ? inputs.map(() => prompt) : prompt;
      if (prompts.length !== inputs.length)
        throw new PengiError('E_USAGE', `${inputs.length} recordings, but ${prompts.length} prompts`);
      return inBatches(inputs, async (batch, from, rows) =>
        respond(await hear(batch, options.audio), prompts.slice(from, from + batch.length), options, {
          from,
          rows,
        }),
      );
    },

    async answer(audio, prompts, options = {}) {
      checkRows(audio, prompts);
      const [, E] = audio.shape as [number, number];
      return inBatches(prompts, async (batch, from, rows) => {
        const part = audio.data.subarray(from * E, (from + batch.length) * E);
        const embeddings = floats(part, [batch.length, E]);
        return respond({ embeddings, warnings: batch.map(() => []) }, batch, options, { from, rows });
      });
    },

    async caption(input, options = {}) {
      const [answer] = await pengi.generate([input], { ...options, prompt: PROMPTS.caption });
      return answer!;
    },

    async ask(input, question, options = {}) {
      if (question.trim() === '') throw new PengiError('E_TEXT', 'the question is empty');
      const [answer] = await pengi.generate([input], { ...options, prompt: questionPrompt(question) });
      return answer!;
    },

    async describe(input, options = {}) {
      const { embeddings, warnings } = await hear([input], options.audio);
      const [E, prompts] = [embeddings.data.length, [PROMPTS.caption, PROMPTS.metadata, PROMPTS.events]];
      const thrice = Float32Array.from({ length: 3 * E }, (_, i) => embeddings.data[i % E]!);
      const heard = { embeddings: floats(thrice, [3, E]), warnings: prompts.map(() => warnings[0]!) };
      const [caption, metadata, events] = await respond(heard, prompts, options);
      return `${caption!.text} ${metadata!.text} this audio contains sound events: ${events!.text}.`;
    },

    captionWindows: (input, options) => captionWindows(pengi, input, options),

    classify: (inputs, labels, options) => classify(pengi, hear, inputs, labels, options),

    async dispose() {
      await Promise.all([
        gpt2.dispose(),
        audioEncoder.dispose(),
        textEncoder?.dispose(),
        promptHalves.dispose(),
        audioProgram.dispose(),
      ]);
    },
  };
  return pengi;
}

function checkRows(audio: NdArray, prompts: readonly string[]): void {
  if (audio.shape[0] !== prompts.length)
    throw new PengiError('E_SHAPE', `${audio.shape[0]} audio embeddings, but ${prompts.length} prompts`);
}

/**
 * How many tokens fit after the prefix and `additional` tokens.
 * @throws PengiError E_TEXT when none does
 */
function roomAfter(config: PengiConfig, additional: number): number {
  const room = tokensAfterPrefix(config, additional);
  if (room < 1)
    throw new PengiError(
      'E_TEXT',
      `${additional} tokens of additional text are too many after a prefix of ${prefixLengthOf(config)}`,
      { hint: `at most ${tokensAfterPrefix(config, 1)} fit` },
    );
  return room;
}
