/** The models of this project as the benchmark sees any model. */
import { readFile } from 'node:fs/promises';
import type { FrontendConfig } from '@pengi/audio-frontend';
import type { Clip, Contestant, Json, Predictor } from '@pengi/bench';
import { openModelFolder } from '@pengi/checkpoint';
import { type Clap, loadClap } from '@pengi/clap';
import { isPengiError, type NdArray } from '@pengi/core';
import type { Engine } from '@pengi/jit';
import { loadPengi, type Pengi } from 'pengi';
import { modelKind } from '../context.js';

export interface Decoding {
  /** Default 5, the paper's. */
  readonly beams?: number;
  /** Default: the model's. */
  readonly maxTokens?: number;
}

export interface LoadedModel extends Contestant {
  /** What recordings are prepared by. */
  readonly frontend: FrontendConfig;
  /** What the model's card says of it, and the facts about its files. */
  readonly card: Record<string, Json>;
  dispose(): Promise<void>;
}

/**
 * A model folder as a contestant: a Pengi can all that it has towers for, a CLAP compares recordings with texts.
 * @throws PengiError as `loadPengi` and `loadClap`
 */
export async function loadContestant(
  folder: string,
  options: { engine: Engine; decoding?: Decoding; version: string; warn?: (message: string) => void },
): Promise<LoadedModel> {
  const { engine, decoding = {}, version, warn = () => undefined } = options;
  const opened = await openModelFolder(folder);
  const config = opened.config as Json;
  const weightsSha256 = await opened.sha256();
  const card = {
    model: modelKind(folder) ?? 'unknown',
    card: await title(folder),
    weightsSha256,
    weightsBytes: [...opened.file.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0),
  };
  if (modelKind(folder) === 'pengi') {
    const pengi = await loadPengi(folder, { engine });
    const { beams = 5, maxTokens } = decoding;
    const settings = { beams, ...(maxTokens !== undefined && { maxTokens }) };
    return {
      predictor: pengiPredictor(pengi, settings, warn),
      identity: { weightsSha256, config, version, decoding: { ...settings, temperature: 1 } },
      frontend: pengi.config.frontend,
      card,
      dispose: () => pengi.dispose(),
    };
  }
  const clap = await loadClap(folder, { engine });
  return {
    predictor: clapPredictor(clap, warn),
    identity: { weightsSha256, config, version },
    frontend: clap.frontend.config,
    card,
    dispose: () => clap.dispose(),
  };
}

/** By beam search, text matching in the space of its own towers, log-likelihoods of its language model. */
export function pengiPredictor(
  pengi: Pengi,
  decoding: Decoding = {},
  warn: (message: string) => void = () => undefined,
): Predictor {
  const { textEncoder } = pengi;
  const generateEach = async (clips: readonly Clip[], prompt: readonly string[]) => {
    const answers = await pengi.generate(clips.map(inputOf), { ...decoding, prompt });
    return answers.map(({ text }) => text);
  };
  return {
    name: 'pengi',
    generate: (clips, prompt) =>
      generateEach(
        clips,
        clips.map(() => prompt),
      ),
    generateEach,
    async scoreLabels(clips, labels, prompt) {
      const options = { prompt, method: 'logLikelihood' } as const;
      const found = await pengi.classify(clips.map(inputOf), labels, options);
      return found.map((one) => {
        const scores = new Map(one.labels.map(({ label, score }) => [label, score]));
        return labels.map((label) => scores.get(label) as number);
      });
    },
    ...(textEncoder && {
      embedText: async (texts: readonly string[]) =>
        rowsOf(await pengi.embedText(texts.map((text) => knownPart(textEncoder.tokenizer, text, warn)))),
      embedAudio: async (clips: readonly Clip[]) => rowsOf(await pengi.embedAudio(clips.map(inputOf))),
    }),
  };
}

/** Cosines between recordings and "this is a sound of …" for zero-shot; texts as they are for retrieval. */
export function clapPredictor(clap: Clap, warn: (message: string) => void = () => undefined): Predictor {
  const embedText = async (texts: readonly string[]) => rowsOf(await clap.embedText(texts));
  return {
    name: 'clap',
    embedText,
    embedAudio: async (clips) => rowsOf(await clap.embedAudio(clips.map(inputOf))),
    async zeroShot(clips, labels) {
      const found = await clap.zeroShot(clips.map(inputOf), labels, { warn });
      return found.map((one) => {
        const cosines = new Map(one.map(({ label, cosine }) => [label, cosine]));
        return labels.map((label) => cosines.get(label) as number);
      });
    },
  };
}

function inputOf({ audio, samples }: Clip) {
  return samples ?? audio;
}

function rowsOf({ data, shape }: NdArray<'float32'>): Float32Array[] {
  const [rows, width] = shape as [number, number];
  return Array.from({ length: rows }, (_, i) => data.slice(i * width, (i + 1) * width));
}

/**
 * The words of a text that the text encoder can read. Only encoders with small vocabularies lack words; what they know nothing
 * of is an empty text to them.
 */
function knownPart(
  tokenizer: { encode(text: string): unknown },
  text: string,
  warn: (message: string) => void,
): string {
  const knows = (words: string) => {
    try {
      tokenizer.encode(words);
      return true;
    } catch (error) {
      if (isPengiError(error) && error.code === 'E_TEXT') return false;
      throw error;
    }
  };
  if (knows(text)) return text;
  warn('the text encoder does not know all words of some texts, which are compared without them');
  return text
    .split(/\s+/)
    .filter((word) => word !== '' && knows(word))
    .join(' ');
}

async function title(folder: string): Promise<string | null> {
  const text = await readFile(`${folder}/README.md`, 'utf8').catch(() => '');
  return /^# (.+)$/m.exec(text)?.[1] ?? null;
}
