import { createFrontend, type Frontend } from '@pengi/audio-frontend';
import {
  type AudioInput,
  createAudioEncoder,
  createTextEncoder,
  type EmbedAudioOptions,
  normalized,
  promptIds,
  type TextEncoder,
} from '@pengi/clap';
import { floats, ints, type NdArray, PengiError } from '@pengi/core';
import { PROMPTS, questionPrompt } from '@pengi/datasets';
import { createGpt2, type Gpt2, type Tokenizer } from '@pengi/gpt2';
import type { Engine } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import { type ClassifyOptions, classify, type LabelScores } from './classify.js';
import type { PengiConfig } from './config.js';
import { audioPrefix, promptEmbedding, promptPrefix } from './model.js';
import type { PengiParams } from './params.js';
import { pengiTokenizer, stopTokenOf } from './tokenizer.js';

export interface GenerateOptions {
  /** One for all recordings or one for each; default "generate audio caption". */
  prompt?: string | readonly string[];
  /** Text that the answer goes on from (the paper's additional text, appendix A). */
  continue?: string;
  strategy?: 'beam' | 'greedy' | 'sample';
  /** Default 5. */
  beams?: number;
  /** Default 67. */
  maxTokens?: number;
  temperature?: number;
  topK?: number;
  topP?: number;
  seed?: number;
  /** How files are read and cropped. */
  audio?: EmbedAudioOptions;
}

export interface Answer {
  text: string;
  /** Mean log-probability of its tokens, in nats. */
  score: number;
  /** Whether the text ended by itself within the limit. */
  finished: boolean;
  /** The other beams or samples, best first. */
  alternatives: { text: string; score: number; finished: boolean }[];
  /** What the caller should know, such as a prompt that was cut. */
  warnings: string[];
}

/** The audio language model. */
export interface Pengi {
  readonly config: PengiConfig;
  readonly frontend: Frontend;
  readonly tokenizer: Tokenizer;
  readonly gpt2: Gpt2;
  /** Undefined for a model without a text tower. */
  readonly textEncoder: TextEncoder | undefined;
  /** An answer for each recording. */
  generate(inputs: readonly AudioInput[], options?: GenerateOptions): Promise<Answer[]>;
  caption(input: AudioInput, options?: Omit<GenerateOptions, 'prompt'>): Promise<Answer>;
  ask(input: AudioInput, question: string, options?: Omit<GenerateOptions, 'prompt'>): Promise<Answer>;
  /** Caption, metadata and events in one text, as the reference's `describe` joins them. */
  describe(input: AudioInput, options?: Omit<GenerateOptions, 'prompt'>): Promise<string>;
  /** The labels of each recording, the best first. */
  classify(
    inputs: readonly AudioInput[],
    labels: readonly string[],
    options?: ClassifyOptions,
  ): Promise<LabelScores[]>;
  /** Audio embeddings [N, E] of length 1. */
  embedAudio(inputs: readonly AudioInput[], options?: EmbedAudioOptions): Promise<NdArray<'float32'>>;
  /** Text embeddings [N, E] of length 1. @throws PengiError E_USAGE for a model without a text tower */
  embedText(texts: readonly string[]): Promise<NdArray<'float32'>>;
  /** The prefixes of the language model, one [n, C] for each recording: audio, prompt, and additional text. */
  prefixes(audio: NdArray, prompts: readonly string[], options?: { continue?: string }): Promise<Prefixes>;
  dispose(): Promise<void>;
}

export interface Prefixes {
  prefixes: NdArray<'float32'>[];
  warnings: string[][];
}

/** Recordings that are decoded together. */
const BATCH = 4;

export function createPengi(
  params: PengiParams<NdArray>,
  config: PengiConfig,
  { engine, frontend = createFrontend(config.frontend) }: { engine: Engine; frontend?: Frontend },
): Pengi {
  const gpt2 = createGpt2(params.caption_decoder.gpt.transformer, config.gpt2, engine);
  const tokenizer = pengiTokenizer(config.gpt2);
  const stopToken = stopTokenOf(config);
  const audioEncoder = createAudioEncoder(params.audio_encoder, config, engine, frontend);
  const textEncoder = config.text
    ? createTextEncoder(params.caption_encoder!, config.text, engine)
    : undefined;
  const prompts = createPrompts(params, config, engine, tokenizer, textEncoder);
  const audioProgram = engine.compile(
    (p: PengiParams, embedding: Tensor) => audioPrefix(p, embedding, config),
    params,
    { name: 'pengi.audio-prefix', prepack: false },
  );

  const pengi: Pengi = {
    config,
    frontend,
    tokenizer,
    gpt2,
    textEncoder,

    async embedAudio(inputs, options) {
      return normalized(await audioEncoder.embed(inputs, options));
    },

    async embedText(texts) {
      if (!textEncoder)
        throw new PengiError('E_USAGE', 'this model has no text encoder', {
          hint: 'use log-likelihoods instead',
        });
      return normalized(await textEncoder.embed(texts));
    },

    async prefixes(audio, texts, options = {}) {
      const audioHalf = await audioProgram.run(audio);
      const halves = await prompts.prefixes(texts);
      const more = options.continue ? tokenizer.encode(options.continue) : [];
      const additional = more.length > 0 ? await gpt2.embed(more) : undefined;
      const C = config.gpt2.width;
      const prefixes = halves.map(({ prefix }, i) => {
        const own = row(audioHalf, i);
        const parts = [
          own,
          prefix.data as Float32Array,
          ...(additional ? [additional.data as Float32Array] : []),
        ];
        const data = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
        let at = 0;
        for (const part of parts) {
          data.set(part, at);
          at += part.length;
        }
        return floats(data, [data.length / C, C]);
      });
      return { prefixes, warnings: halves.map(({ warnings }) => warnings) };
    },

    async generate(inputs, options = {}) {
      const asked = options.prompt ?? PROMPTS.caption;
      const texts = typeof asked === 'string' ? inputs.map(() => asked) : asked;
      if (texts.length !== inputs.length)
        throw new PengiError('E_USAGE', `${inputs.length} recordings, but ${texts.length} prompts`);
      const answers: Answer[] = [];
      for (let from = 0; from < inputs.length; from += BATCH) {
        const slice = inputs.slice(from, from + BATCH);
        const audio = await pengi.embedAudio(slice, options.audio);
        const { prefixes, warnings } = await pengi.prefixes(audio, texts.slice(from, from + BATCH), options);
        // A last batch that is not full is filled up: another size would be compiled anew.
        const filled = inputs.length > BATCH ? fillUp(prefixes, BATCH) : prefixes;
        const generations = await gpt2.generate(filled, { ...decoding(options), stopToken });
        for (const [i, found] of generations.slice(0, slice.length).entries()) {
          const [best, ...alternatives] = found.map(({ ids, score, stopped }) => ({
            text: tokenizer.decode(stopped ? ids.slice(0, -1) : ids, { cleanUp: true }).trim(),
            score,
            finished: stopped,
          }));
          answers.push({ ...best!, alternatives, warnings: warnings[i]! });
        }
      }
      return answers;
    },

    async caption(input, options = {}) {
      const [answer] = await pengi.generate([input], { ...options, prompt: PROMPTS.caption });
      return answer!;
    },

    async ask(input, question, options = {}) {
      const [answer] = await pengi.generate([input], { ...options, prompt: questionPrompt(question) });
      return answer!;
    },

    async describe(input, options = {}) {
      const asked = [PROMPTS.caption, PROMPTS.metadata, PROMPTS.events];
      const [caption, metadata, events] = await pengi.generate([input, input, input], {
        ...options,
        prompt: asked,
      });
      return `${caption!.text} ${metadata!.text} this audio contains sound events: ${events!.text}.`;
    },

    classify: (inputs, labels, options) => classify(pengi, stopToken, inputs, labels, options),

    async dispose() {
      await Promise.all([
        gpt2.dispose(),
        audioEncoder.dispose(),
        textEncoder?.dispose(),
        prompts.dispose(),
        audioProgram.dispose(),
      ]);
    },
  };
  return pengi;
}

interface PromptHalf {
  prefix: NdArray;
  warnings: string[];
}

/** The prompts' halves of the prefix, [P, C] each, remembered by text. */
function createPrompts(
  params: PengiParams<NdArray>,
  config: PengiConfig,
  engine: Engine,
  tokenizer: Tokenizer,
  textEncoder: TextEncoder | undefined,
) {
  const program = engine.compile(
    (p: PengiParams, ids: Tensor) => promptPrefix(p, promptEmbedding(p, ids, config), config),
    params,
    { name: 'pengi.prompt-prefix', prepack: false },
  );
  const known = new Map<string, Promise<PromptHalf>>();

  /** [1, n] ids, and whether something was cut. */
  function encode(text: string): { ids: NdArray<'int32'>; truncated: boolean } {
    if (textEncoder && config.text)
      return {
        ids: promptIds(textEncoder.tokenizer, [text], config.text),
        truncated: textEncoder.tokenizer.encodePrompt(text, config.text.promptLength).truncated,
      };
    const length = config.promptMapper.kind === 'sequence' ? config.promptMapper.inputLength : 0;
    const { ids, truncated } = tokenizer.encodePrompt(text, { length });
    return { ids: ints(ids, [1, length]), truncated };
  }

  async function prefixOf(text: string): Promise<PromptHalf> {
    if (text.trim() === '') throw new PengiError('E_TEXT', 'the prompt is empty');
    const { ids, truncated } = encode(text);
    const output = await program.run(ids);
    const warnings = truncated ? [`the prompt is longer than ${ids.shape[1]} tokens and was cut`] : [];
    return { prefix: output, warnings };
  }

  return {
    prefixes: (texts: readonly string[]) =>
      Promise.all(
        texts.map((text) => {
          const half = known.get(text) ?? prefixOf(text);
          known.set(text, half);
          half.catch(() => known.delete(text));
          return half;
        }),
      ),
    dispose: () => program.dispose(),
  };
}

function decoding({ prompt, continue: _text, audio, ...rest }: GenerateOptions) {
  void prompt;
  void audio;
  return rest;
}

/** Row i of [N, …]. */
function row({ data, shape }: NdArray, i: number): Float32Array {
  const size = data.length / shape[0]!;
  return (data as Float32Array).subarray(i * size, (i + 1) * size);
}

function fillUp<T>(items: T[], count: number): T[] {
  return [...items, ...Array<T>(Math.max(0, count - items.length)).fill(items.at(-1)!)];
}
