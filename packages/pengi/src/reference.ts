/**
 * `PengiWrapper` of microsoft/Pengi, with all that it does differently from the paper and from what a user expects. For
 * comparisons: everything else is better served by `Pengi`.
 */
import { createFrontend, type Frontend, type ReadAudioOptions, readAudio } from '@pengi/audio-frontend';
import type { AudioInput } from '@pengi/clap';
import { createRng, floats, ints, type NdArray, PengiError } from '@pengi/core';
import { PROMPTS } from '@pengi/datasets/templates';
import type { Engine } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import { joined, row, tokenLimit } from './answers.js';
import { type CompatOptions, referenceFrontend } from './compat.js';
import type { PengiConfig } from './config.js';
import { audioPrefix, promptEmbedding, promptPrefix } from './model.js';
import type { PengiParams } from './params.js';
import { createPengi, type Pengi } from './pengi.js';
import { promptTokenizer } from './prompts.js';

export interface ReferenceAudioOptions extends ReadAudioOptions {
  /** Default true. false takes the samples of each recording as if they had the model's rate (`audio_resample`). */
  resample?: boolean;
}

/** The released calls have no defaults; these are the paper's and msclap's. */
export interface ReferenceOptions extends ReferenceAudioOptions {
  /** `max_len`; default 67. */
  maxTokens?: number;
  /** `beam_size`; default 5. */
  beams?: number;
  /** Default 1. */
  temperature?: number;
  /** The first of its tokens ends a text; default ' <|endoftext|>', whose first token is a lone blank (220). */
  stopToken?: string | null;
}

/** The beams of one recording. */
export interface ReferenceTexts {
  /** The best first, with the blank at which they stopped. */
  texts: string[];
  /** Mean log-probabilities in nats, [beams]. */
  scores: Float32Array;
}

export interface ReferencePrefixes {
  /** [B, P, C] */
  prefixes: NdArray<'float32'>;
  embeddings: NdArray<'float32'>;
}

/**
 * The calls of `PengiWrapper`. Stereo is taken as one channel after the other; of what is then longer than the model's
 * duration, each call draws a random window. Methods throw PengiError as those of `Pengi` do.
 */
export interface ReferencePengi {
  readonly config: PengiConfig;
  /** The model beneath. */
  readonly pengi: Pengi;
  /**
   * `generate`. Of the i-th additional text only the i-th character is used; '' is none.
   * @throws PengiError E_USAGE for lists of different lengths (there ValueError), E_TEXT for an i-th text of fewer than
   *   i + 1 characters (there IndexError), or with characters of different numbers of tokens (there RuntimeError)
   */
  generate(
    inputs: readonly AudioInput[],
    prompts: readonly string[],
    additional: readonly string[],
    options?: ReferenceOptions,
  ): Promise<ReferenceTexts[]>;
  /** `describe`: three texts put together without their last characters, which mostly are the blanks they stopped at. */
  describe(inputs: readonly AudioInput[], options?: ReferenceOptions): Promise<string[]>;
  /** `get_audio_embeddings`: embeddings [B, E] of length 1. */
  audioEmbeddings(inputs: readonly AudioInput[], options?: ReferenceAudioOptions): Promise<ReferencePrefixes>;
  /** `get_prompt_embeddings`: embeddings [B, E] as they are, or tokens' [B, n, C] where there is no text tower. */
  promptEmbeddings(prompts: readonly string[]): Promise<ReferencePrefixes>;
  /**
   * `get_decoder_embeddings`: the language model's embeddings [B, n, C] of each text's tokens.
   * @throws PengiError E_TEXT unless all texts have the same number of tokens, one or more
   */
  decoderEmbeddings(texts: readonly string[]): Promise<NdArray<'float32'>>;
  dispose(): Promise<void>;
}

/**
 * The released wrapper around parameters in memory; `loadPengi(dir, { compat: 'reference' })` reads a folder.
 * @param frontend its mel bank is used; default: the computed one of the config
 * @throws PengiError E_CONFIG that names each field that is wrong or does not go with another
 */
export function createReferencePengi(
  params: PengiParams<NdArray>,
  given: PengiConfig,
  {
    engine,
    seed = 0,
    frontend: trained = createFrontend(given.frontend),
  }: { engine: Engine; frontend?: Frontend } & Pick<CompatOptions, 'seed'>,
): ReferencePengi {
  const frontend = referenceFrontend(trained);
  const config: PengiConfig = { ...given, textNorm: 'wrapper' };
  const pengi = createPengi(params, config, { engine, frontend });
  const { gpt2, tokenizer } = pengi;
  const { width } = config.gpt2;
  const rng = createRng(seed);
  const idsOf = promptTokenizer(config);

  // These two are compiled only when the embeddings are asked for.
  const ofAudio = engine.compile(
    (p: PengiParams, embedding: Tensor) => audioPrefix(p, embedding, config),
    params,
    { name: 'pengi.reference.audio', prepack: false },
  );
  const ofPrompt = engine.compile(
    (p: PengiParams, ids: Tensor) => {
      const embedding = promptEmbedding(p, ids, config);
      return { embedding, prefix: promptPrefix(p, embedding, config) };
    },
    params,
    { name: 'pengi.reference.prompt', prepack: false },
  );

  async function hear(
    inputs: readonly AudioInput[],
    { resample = true, ...reading }: ReferenceAudioOptions,
  ): Promise<NdArray<'float32'>> {
    if (resample) return pengi.embedAudio(inputs, { ...reading, rng });
    const { sampleRate } = frontend.config;
    const clips: AudioInput[] = [];
    for (const input of inputs) {
      const audio = typeof input === 'string' ? await readAudio(input, reading) : input;
      // What is prepared has the model's rate and length, and is taken as it is.
      clips.push({ samples: frontend.prepare({ ...audio, sampleRate }, { rng }).samples, sampleRate });
    }
    return pengi.embedAudio(clips);
  }

  /** What the released code makes of the i-th additional text: [n, C]. */
  async function additionalOf(text: string, i: number): Promise<NdArray[]> {
    if (text === '') return [];
    const characters = [...text];
    const embeddings = await reference.decoderEmbeddings(characters);
    if (i >= characters.length)
      throw new PengiError(
        'E_TEXT',
        `additional text ${i + 1} has no character ${i + 1}, which is used of it`,
      );
    return [row(embeddings, i)];
  }

  const reference: ReferencePengi = {
    config,
    pengi,

    async generate(inputs, prompts, additional, options = {}) {
      const { maxTokens, beams, temperature, stopToken, ...audio } = options;
      if (prompts.length !== inputs.length || additional.length !== inputs.length)
        throw new PengiError(
          'E_USAGE',
          `${inputs.length} recordings, ${prompts.length} prompts and ${additional.length} additional texts`,
        );
      const { prefixes } = await pengi.prefixes(await hear(inputs, audio), prompts);
      const decoding = {
        ...(beams === undefined ? {} : { beams }),
        ...(temperature === undefined ? {} : { temperature }),
        stopToken: stopOf(stopToken ?? ' <|endoftext|>'),
      };
      const results: ReferenceTexts[] = [];
      for (const [i, prefix] of prefixes.entries()) {
        const whole = joined([prefix, ...(await additionalOf(additional[i]!, i))], width);
        const room = config.gpt2.positions - whole.shape[0]! + 1; // the last token needs no position
        const [found] = await gpt2.generate([whole], { ...decoding, maxTokens: tokenLimit(room, maxTokens) });
        results.push({
          texts: found!.map(({ ids }) => tokenizer.decode(ids, { cleanUp: true })),
          scores: Float32Array.from(found!, ({ score }) => score),
        });
      }
      return results;
    },

    async describe(inputs, options) {
      const none = inputs.map(() => '');
      const best: string[][] = [];
      for (const prompt of [PROMPTS.caption, PROMPTS.metadata, PROMPTS.events]) {
        const found = await reference.generate(inputs, Array(inputs.length).fill(prompt), none, options);
        best.push(found.map(({ texts }) => texts[0]!));
      }
      const [captions, metadata, events] = best as [string[], string[], string[]];
      return inputs.map((_, i) => {
        const sounds = [...events[i]!].slice(0, -1).join('');
        return `${captions[i]}${metadata[i]}this audio contains sound events: ${sounds}.`;
      });
    },

    async audioEmbeddings(inputs, options = {}) {
      const embeddings = await hear(inputs, options);
      const prefixes = [];
      for (const i of inputs.keys()) prefixes.push(await ofAudio.run(batchOf([row(embeddings, i)])));
      return { prefixes: batchOf(prefixes.map((prefix) => row(prefix, 0))), embeddings };
    },

    async promptEmbeddings(prompts) {
      const found = [];
      for (const prompt of prompts) {
        const { ids } = idsOf(prompt);
        found.push(await ofPrompt.run(ints(ids, [1, ids.length])));
      }
      return {
        prefixes: batchOf(found.map(({ prefix }) => row(prefix, 0))),
        embeddings: batchOf(found.map(({ embedding }) => row(embedding, 0))),
      };
    },

    async decoderEmbeddings(texts) {
      const ids = texts.map((text) => tokenizer.encode(text));
      const length = ids[0]?.length ?? 0;
      if (length === 0 || ids.some((of) => of.length !== length))
        throw new PengiError('E_TEXT', `texts of ${ids.map((of) => of.length).join(', ')} tokens`, {
          hint: 'compat "reference" stacks them, so all must have the same number',
        });
      const rows = await gpt2.embed(ids.flat());
      return floats(rows.data as Float32Array, [ids.length, length, width]);
    },

    async dispose() {
      await Promise.all([pengi.dispose(), ofAudio.dispose(), ofPrompt.dispose()]);
    },
  };

  function stopOf(text: string): number {
    const [first] = tokenizer.encode(text);
    if (first === undefined) throw new PengiError('E_TEXT', 'the stop token is empty');
    return first;
  }

  return reference;
}

/** Arrays of one shape as [N, …]; N >= 1. */
function batchOf(arrays: readonly NdArray[]): NdArray<'float32'> {
  if (arrays.length === 0) throw new PengiError('E_USAGE', 'nothing to embed');
  const [size, shape] = [arrays[0]!.data.length, arrays[0]!.shape];
  return floats(joined(arrays, size).data, [arrays.length, ...shape]);
}
