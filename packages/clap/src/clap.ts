import {
  createFrontend,
  type Frontend,
  type PrepareOptions,
  type ReadAudioOptions,
} from '@pengi/audio-frontend';
import { floats, ints, type NdArray, PengiError, printable } from '@pengi/core';
import type { Engine } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import { type ClipTokenizer, createClipTokenizer, createSubsetClipTokenizer } from './clip-tokenizer.js';
import type { ClapConfig, ClipTextConfig } from './config.js';
import { cosines, normalized } from './embeddings.js';
import { encodeAudio, encodeText } from './model.js';
import type { AudioEncoderParams, ClapParams, TextEncoderParams } from './params.js';

/** A recording: a file, or samples with their rate in Hz (mono, ±1). */
export type AudioInput = string | { readonly samples: Float32Array; readonly sampleRate: number };

/** Is told what the caller should know of an input that is used all the same: damage, a text that was cut. */
type Warn = (message: string) => void;

export interface EmbedOptions {
  /** Divide each embedding by its length; default true. msclap's own calls do not. */
  normalize?: boolean;
  /** Default: nobody is told. */
  warn?: Warn;
}

export type EmbedAudioOptions = EmbedOptions & PrepareOptions & ReadAudioOptions;

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
  readonly config: ClapConfig;
  readonly frontend: Frontend;
  /**
   * Embeddings [N, E]. Audio is brought to the config's rate and duration first.
   * @throws PengiError E_NOT_FOUND, E_AUDIO_… with the file's name, E_NONFINITE
   */
  embedAudio(inputs: readonly AudioInput[], options?: EmbedAudioOptions): Promise<NdArray<'float32'>>;
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

/**
 * A CLAP of parameters in memory.
 * @throws PengiError E_CONFIG for a front end or vocabulary that cannot be
 */
export function createClap(
  params: ClapParams<NdArray>,
  config: ClapConfig,
  { engine, frontend = createFrontend(config.frontend) }: { engine: Engine; frontend?: Frontend },
): Clap {
  const audioEncoder = createAudioEncoder(params.audio_encoder, config, engine, frontend);
  const textEncoder = createTextEncoder(params.caption_encoder, config.text, engine);
  const scale = Math.exp(Number(params.logit_scale.data[0]));

  const clap: Clap = {
    config,
    frontend,
    async embedAudio(inputs, options = {}) {
      const embeddings = await audioEncoder.embed(inputs, options);
      return options.normalize === false ? embeddings : normalized(embeddings);
    },
    async embedText(texts, options = {}) {
      refuseEmpty('E_TEXT', 'text', texts);
      const embeddings = await textEncoder.embed(texts, options);
      return options.normalize === false ? embeddings : normalized(embeddings);
    },
    similarity(audio, text) {
      const { data, shape } = cosines(audio, text);
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
      const text = await clap.embedText(texts, options);
      const { data } = cosines(await clap.embedAudio(inputs, options), text);
      return inputs.map((_, i) => {
        return ranked(labels, data.subarray(i * labels.length, (i + 1) * labels.length), scale);
      });
    },
    async dispose() {
      await Promise.all([audioEncoder.dispose(), textEncoder.dispose()]);
    },
  };
  return clap;
}

/** An audio tower that runs: recordings in, embeddings [N, E] out, not normalised. */
export interface AudioEncoder {
  embed(inputs: readonly AudioInput[], options?: EmbedAudioOptions): Promise<NdArray<'float32'>>;
  /** From log-mels [N, frames, mels] in dB. @throws PengiError E_SHAPE */
  embedLogMel(logMel: NdArray<'float32'>): Promise<NdArray<'float32'>>;
  dispose(): Promise<void>;
}

export function createAudioEncoder(
  params: AudioEncoderParams<NdArray>,
  config: Pick<ClapConfig, 'audio'>,
  engine: Engine,
  frontend: Frontend,
): AudioEncoder {
  const program = engine.compile(
    (p: AudioEncoderParams, logMel: Tensor) => encodeAudio(p, logMel, config.audio),
    params,
    { name: 'clap.audio' },
  );
  const embedLogMel: AudioEncoder['embedLogMel'] = async (logMel) =>
    (await program.run(logMel)) as NdArray<'float32'>;

  const prepared = async (input: AudioInput, options: EmbedAudioOptions) => {
    const isFile = typeof input === 'string';
    const { samples, warnings } = isFile
      ? await frontend.load(input, options)
      : frontend.prepare(input, options);
    for (const warning of warnings) options.warn?.(isFile ? `${printable(input)}: ${warning}` : warning);
    return samples;
  };
  return {
    embed(inputs, options = {}) {
      return inBatches(inputs, widthOf(params), async (batch) => {
        const clips: Float32Array[] = [];
        for (const input of batch) clips.push(await prepared(input, options));
        return embedLogMel(frontend.logMelBatch(clips));
      });
    },
    embedLogMel,
    dispose: () => program.dispose(),
  };
}

/** A text tower that runs: texts in, embeddings [N, E] out, not normalised. An empty text is start and end alone. */
export interface TextEncoder {
  readonly tokenizer: ClipTokenizer;
  embed(texts: readonly string[], options?: Pick<EmbedOptions, 'warn'>): Promise<NdArray<'float32'>>;
  dispose(): Promise<void>;
}

/** @throws PengiError E_CONFIG for `keptIds` that are no part of CLIP's vocabulary */
export function createTextEncoder(
  params: TextEncoderParams<NdArray>,
  config: ClipTextConfig,
  engine: Engine,
): TextEncoder {
  const tokenizer = clipTokenizerOf(config);
  const program = engine.compile((p: TextEncoderParams, ids: Tensor) => encodeText(p, ids, config), params, {
    name: 'clap.text',
  });
  return {
    tokenizer,
    embed(texts, { warn } = {}) {
      return inBatches(texts, widthOf(params), async (batch) => {
        return (await program.run(promptIds(tokenizer, batch, config, warn))) as NdArray<'float32'>;
      });
    },
    dispose: () => program.dispose(),
  };
}

/**
 * Ids [N, promptLength] int32 of texts, cut or padded.
 * @throws PengiError E_TEXT
 */
export function promptIds(
  tokenizer: ClipTokenizer,
  texts: readonly string[],
  { promptLength }: Pick<ClipTextConfig, 'promptLength'>,
  warn?: Warn,
): NdArray<'int32'> {
  const ids = texts.flatMap((text) => {
    const prompt = tokenizer.encodePrompt(text, promptLength);
    if (prompt.truncated) warn?.(`"${printable(text, 40)}" is cut to ${promptLength} tokens`);
    return [...prompt.ids];
  });
  return ints(ids, [texts.length, promptLength]);
}

/** The tokenizer of a config: CLIP's, or the part of it that a small model knows. */
export function clipTokenizerOf({ keptIds }: Pick<ClipTextConfig, 'keptIds'>): ClipTokenizer {
  const full = createClipTokenizer();
  return keptIds === null ? full : createSubsetClipTokenizer(full, keptIds);
}

/** How many clips or texts go through an encoder at once: few sizes, as each is compiled. */
const BATCH = 8;

/** [items, width], from embeddings of a few items at a time. */
async function inBatches<Item>(
  items: readonly Item[],
  width: number,
  embed: (batch: readonly Item[]) => Promise<NdArray<'float32'>>,
): Promise<NdArray<'float32'>> {
  const rows = new Float32Array(items.length * width);
  for (let from = 0; from < items.length; from += BATCH)
    rows.set((await embed(items.slice(from, from + BATCH))).data, from * width);
  return floats(rows, [items.length, width]);
}

/** E of an encoder. */
function widthOf({ projection }: Pick<AudioEncoderParams<NdArray>, 'projection'>): number {
  return projection.layer_norm.weight.shape[0]!;
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
