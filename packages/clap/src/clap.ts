import { createFrontend, type Frontend, type PrepareOptions } from '@pengi/audio-frontend';
import { floats, ints, type NdArray, PengiError } from '@pengi/core';
import type { Engine } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import { type ClipTokenizer, createClipTokenizer, createSubsetClipTokenizer } from './clip-tokenizer.js';
import type { ClapConfig, ClipTextConfig } from './config.js';
import { encodeAudio, encodeText } from './model.js';
import type { AudioEncoderParams, ClapParams, TextEncoderParams } from './params.js';

/** A recording: a file, or samples with their rate (mono, ±1). */
export type AudioInput = string | { readonly samples: Float32Array; readonly sampleRate: number };

export interface EmbedOptions {
  /** Divide each embedding by its length; default true. msclap's own calls do not. */
  normalize?: boolean;
}

export type EmbedAudioOptions = EmbedOptions &
  PrepareOptions & { maxSeconds?: number; allowDamaged?: boolean };

export interface LabelScore {
  label: string;
  /** Softmax over the labels of exp(logit_scale) · cosine. */
  probability: number;
  cosine: number;
}

/** Audio and text in one space. */
export interface Clap {
  readonly config: ClapConfig;
  readonly frontend: Frontend;
  /** [N, E] */
  embedAudio(inputs: readonly AudioInput[], options?: EmbedAudioOptions): Promise<NdArray<'float32'>>;
  /** [N, E] */
  embedText(texts: readonly string[], options?: EmbedOptions): Promise<NdArray<'float32'>>;
  /** [A, T]: exp(logit_scale) · cosine of embeddings [A, E] and [T, E]. */
  similarity(audio: NdArray, text: NdArray): NdArray<'float32'>;
  /** For each recording the labels, the most probable first. `{}` in the template stands for the label. */
  zeroShot(
    inputs: readonly AudioInput[],
    labels: readonly string[],
    options?: { template?: string },
  ): Promise<LabelScore[][]>;
  dispose(): Promise<void>;
}

/** How many clips or texts go through an encoder at once: few sizes, as each is compiled. */
const BATCH = 8;

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
      return finished(await audioEncoder.embed(inputs, options), options);
    },
    async embedText(texts, options = {}) {
      return finished(await textEncoder.embed(texts), options);
    },
    similarity: (audio, text) => similarityOf(scale, audio, text),
    async zeroShot(inputs, labels, { template = 'this is a sound of {}' } = {}) {
      if (labels.length === 0) throw new PengiError('E_USAGE', 'no labels to choose from');
      const audio = await clap.embedAudio(inputs);
      const text = await clap.embedText(labels.map((label) => template.replaceAll('{}', label)));
      const scores = clap.similarity(audio, text);
      return inputs.map((_, i) =>
        rank(labels, scores.data.subarray(i * labels.length, (i + 1) * labels.length), scale),
      );
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
  /** From log-mels [N, frames, mels]. */
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
  const encoder: AudioEncoder = {
    async embed(inputs, options = {}) {
      const rows: Float32Array[] = [];
      for (let from = 0; from < inputs.length; from += BATCH) {
        const clips: Float32Array[] = [];
        for (const input of inputs.slice(from, from + BATCH)) {
          const { samples } =
            typeof input === 'string'
              ? await frontend.load(input, options)
              : frontend.prepare(input, options);
          clips.push(samples);
        }
        rows.push((await encoder.embedLogMel(frontend.logMelBatch(clips))).data);
      }
      return joined(rows, inputs.length);
    },
    async embedLogMel(logMel) {
      return (await program.run(logMel)) as NdArray<'float32'>;
    },
    dispose: () => program.dispose(),
  };
  return encoder;
}

/** A text tower that runs: texts in, embeddings [N, E] out, not normalised. */
export interface TextEncoder {
  readonly tokenizer: ClipTokenizer;
  embed(texts: readonly string[]): Promise<NdArray<'float32'>>;
  dispose(): Promise<void>;
}

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
    async embed(texts) {
      const rows: Float32Array[] = [];
      for (let from = 0; from < texts.length; from += BATCH)
        rows.push(
          (await program.run(promptIds(tokenizer, texts.slice(from, from + BATCH), config)))
            .data as Float32Array,
        );
      return joined(rows, texts.length);
    },
    dispose: () => program.dispose(),
  };
}

/** [N, promptLength] int32 */
export function promptIds(
  tokenizer: ClipTokenizer,
  texts: readonly string[],
  { promptLength }: Pick<ClipTextConfig, 'promptLength'>,
): NdArray<'int32'> {
  const ids = texts.flatMap((text) => [...tokenizer.encodePrompt(text, promptLength).ids]);
  return ints(ids, [texts.length, promptLength]);
}

/** The tokenizer of a config: CLIP's, or the part of it that a small model knows. */
export function clipTokenizerOf({ keptIds }: Pick<ClipTextConfig, 'keptIds'>): ClipTokenizer {
  const full = createClipTokenizer();
  return keptIds === null ? full : createSubsetClipTokenizer(full, keptIds);
}

function similarityOf(scale: number, audio: NdArray, text: NdArray): NdArray<'float32'> {
  const [A, E] = audio.shape as [number, number];
  const T = text.shape[0]!;
  if (text.shape[1] !== E)
    throw new PengiError(
      'E_SHAPE',
      `audio embeddings of ${E} and text embeddings of ${text.shape[1]} channels`,
    );
  const [a, t] = [normalized(audio).data, normalized(text).data];
  const scores = new Float32Array(A * T);
  for (let i = 0; i < A; i++)
    for (let j = 0; j < T; j++) {
      let dot = 0;
      for (let e = 0; e < E; e++) dot += a[i * E + e]! * t[j * E + e]!;
      scores[i * T + j] = scale * dot;
    }
  return floats(scores, [A, T]);
}

function rank(labels: readonly string[], scores: Float32Array, scale: number): LabelScore[] {
  const max = scores.reduce((a, b) => Math.max(a, b));
  const weights = Array.from(scores, (score) => Math.exp(score - max));
  const total = weights.reduce((a, b) => a + b, 0);
  return labels
    .map((label, i) => ({ label, probability: weights[i]! / total, cosine: scores[i]! / scale }))
    .sort((a, b) => b.probability - a.probability);
}

function finished(embeddings: NdArray<'float32'>, { normalize = true }: EmbedOptions): NdArray<'float32'> {
  return normalize ? normalized(embeddings) : embeddings;
}

/** Rows divided by their lengths. */
export function normalized({ data, shape }: NdArray): NdArray<'float32'> {
  const [rows, width] = shape as [number, number];
  const result = Float32Array.from(data as Float32Array);
  for (let i = 0; i < rows; i++) {
    const row = result.subarray(i * width, (i + 1) * width);
    const length = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
    for (let j = 0; j < width; j++) row[j]! /= length;
  }
  return floats(result, shape);
}

function joined(parts: readonly Float32Array[], rows: number): NdArray<'float32'> {
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return floats(data, [rows, rows === 0 ? 0 : data.length / rows]);
}
