import { createFrontend, type Frontend } from '@pengi/audio-frontend';
import { floats, type NdArray, PengiError, printable } from '@pengi/core';
import type { Engine } from '@pengi/jit';
import type { AnyClapConfig, ClapConfig } from './config.js';
import { cosines, normalized } from './embeddings.js';
import {
  type AudioEncoder,
  type AudioInput,
  createAudioEncoder,
  createTextEncoder,
  type EmbedAudioOptions,
  type EmbedOptions,
  type EmbedWindowsOptions,
  type TextEncoder,
  type TextTokenizer,
} from './encoders.js';
import type { ClapParams } from './params.js';
import type { WindowEmbeddings } from './windows.js';

export type ZeroShotOptions = Omit<EmbedAudioOptions, 'normalize'> & {
  /** The text of a label, where `{}` stands for it; default "this is a sound of {}". */
  template?: string;
};

export interface LabelScore {
  label: string;
  /** Softmax over the labels of exp(logit_scale) · cosine. */
  probability: number;
  cosine: number;
}

/** Audio and text in one space: embeddings of E channels that are near where sound and description belong together. */
export interface Clap {
  readonly config: AnyClapConfig;
  readonly frontend: Frontend;
  /**
   * Embeddings [N, E]. Audio is brought to the config's rate and duration first: of longer recordings one part counts, or
   * with `pool` all of them.
   * @throws PengiError E_NOT_FOUND, E_AUDIO_… with the file's name, E_NONFINITE
   */
  embedAudio(inputs: readonly AudioInput[], options?: EmbedAudioOptions): Promise<NdArray<'float32'>>;
  /**
   * Embeddings [W, E] of the windows of one recording, with their times.
   * @throws PengiError as `embedAudio`, E_USAGE for a hop that is not positive
   */
  embedWindows(input: AudioInput, options?: EmbedWindowsOptions): Promise<WindowEmbeddings>;
  /**
   * Embeddings [N, E]. Of longer texts the first `promptLength` tokens count.
   * @throws PengiError E_TEXT for empty texts and words that a small vocabulary lacks, E_NONFINITE
   */
  embedText(texts: readonly string[], options?: EmbedOptions): Promise<NdArray<'float32'>>;
  /**
   * exp(logit_scale) · cosine [A, T] of embeddings [A, E] and [T, E] of any length: msclap's `compute_similarity`.
   * @throws PengiError E_SHAPE, E_NONFINITE
   */
  similarity(audio: NdArray, text: NdArray): NdArray<'float32'>;
  /**
   * For each recording the labels, the most similar first and of equals the earlier one.
   * @throws PengiError E_USAGE for no labels, an empty one, a template without `{}`; what the embeddings throw
   */
  zeroShot(
    inputs: readonly AudioInput[],
    labels: readonly string[],
    options?: ZeroShotOptions,
  ): Promise<LabelScore[][]>;
  dispose(): Promise<void>;
}

export interface CreateClapOptions {
  engine: Engine;
  /** Default: the config's. */
  frontend?: Frontend;
}

/**
 * A CLAP of parameters in memory, of the paper's family.
 * @throws PengiError E_CONFIG for a front end or vocabulary that cannot be
 */
export function createClap(
  params: ClapParams<NdArray>,
  config: ClapConfig,
  { engine, frontend = createFrontend(config.frontend) }: CreateClapOptions,
): Clap {
  return clapOf({
    config,
    frontend,
    audio: createAudioEncoder(params.audio_encoder, config, engine, frontend),
    text: createTextEncoder(params.caption_encoder, config.text, engine),
    logitScale: params.logit_scale,
  });
}

/** What the families differ in. */
export interface ClapParts {
  config: AnyClapConfig;
  frontend: Frontend;
  audio: AudioEncoder;
  text: TextEncoder<TextTokenizer>;
  /** [] */
  logitScale: NdArray;
}

/** Two towers and a scale as a `Clap`. */
export function clapOf({ config, frontend, audio, text, logitScale }: ClapParts): Clap {
  const scale = Math.exp(Number(logitScale.data[0]));

  const clap: Clap = {
    config,
    frontend,
    async embedAudio(inputs, options = {}) {
      const embeddings = await audio.embed(inputs, options);
      return options.normalize === false ? embeddings : normalized(embeddings);
    },
    async embedWindows(input, options = {}) {
      const { embeddings, times } = await audio.embedWindows(input, options);
      return { embeddings: options.normalize === false ? embeddings : normalized(embeddings), times };
    },
    async embedText(texts, options = {}) {
      refuseEmpty('E_TEXT', 'text', texts);
      const embeddings = await text.embed(texts, options);
      return options.normalize === false ? embeddings : normalized(embeddings);
    },
    similarity(audioEmbeddings, textEmbeddings) {
      const { data, shape } = cosines(audioEmbeddings, textEmbeddings);
      return floats(
        data.map((cosine) => scale * cosine),
        shape,
      );
    },
    async zeroShot(inputs, labels, { template = 'this is a sound of {}', ...options } = {}) {
      if (labels.length === 0) throw new PengiError('E_USAGE', 'no labels to choose from');
      refuseEmpty('E_USAGE', 'label', labels);
      if (!template.includes('{}'))
        throw new PengiError('E_USAGE', `the template "${printable(template)}" has no {} for the label`);
      // A function, as $ means something in a text that replaces another.
      const texts = labels.map((label) => template.replaceAll('{}', () => label));
      const meanings = await clap.embedText(texts, options);
      const { data } = cosines(await clap.embedAudio(inputs, options), meanings);
      return inputs.map((_, i) => {
        return ranked(labels, data.subarray(i * labels.length, (i + 1) * labels.length), scale);
      });
    },
    async dispose() {
      await Promise.all([audio.dispose(), text.dispose()]);
    },
  };
  return clap;
}

function refuseEmpty(code: 'E_TEXT' | 'E_USAGE', what: string, texts: readonly string[]): void {
  const empty = texts.findIndex((text) => typeof text === 'string' && text.trim() === '');
  if (empty >= 0) throw new PengiError(code, `${what} ${empty + 1} is empty`);
}

/** By cosine, not by probability: of those the smallest are all 0. */
function ranked(labels: readonly string[], row: Float32Array, scale: number): LabelScore[] {
  const best = row.reduce((a, b) => Math.max(a, b));
  const weights = Array.from(row, (cosine) => Math.exp(scale * (cosine - best)));
  const total = weights.reduce((a, b) => a + b, 0);
  return labels
    .map((label, i) => ({ label, probability: weights[i]! / total, cosine: row[i]! }))
    .sort((a, b) => b.cosine - a.cosine);
}
