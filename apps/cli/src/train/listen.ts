/**
 * What a model under training makes of a few validation samples: texts to read, embeddings to draw. Everything that is
 * compiled for it is freed before the training goes on.
 */
import { createFrontend } from '@pengi/audio-frontend';
import {
  type AudioEncoderParams,
  type ClapConfig,
  type ClapParams,
  createAudioEncoder,
  createTextEncoder,
  nearest,
  normalized,
  type TextEncoderParams,
} from '@pengi/clap';
import { floats, isPengiError, type NdArray } from '@pengi/core';
import { createGpt2, type Gpt2Config, type Gpt2Params } from '@pengi/gpt2';
import type { Arrays, Engine } from '@pengi/jit';
import type { SampleText } from '@pengi/train';
import { type AudioSample, createPengi, type PengiConfig, type PengiParams, pengiTokenizer } from 'pengi';

/** A recording with what is asked about it, and what should be said. */
export type ListenedClip = Omit<SampleText, 'answer'> & AudioSample;

/** What was heard. */
export interface Heard {
  /** Of the first samples. */
  samples: SampleText[];
  /** Of all samples, of length 1: [N, E] each. */
  embeddings?: { audio: NdArray<'float32'>; text?: NdArray<'float32'> };
}

/** @param shown so many of the samples, the first ones, are asked about */
export type Listen<P, Loaded> = (
  params: Arrays<P>,
  samples: readonly Loaded[],
  options: { engine: Engine; shown: number },
) => Promise<Heard>;

/** Pengi's answers, decoded as users have them. */
export function listenPengi(config: PengiConfig): Listen<PengiParams, ListenedClip> {
  return async (params, samples, { engine, shown }) => {
    const embeddings = await embedded(params, config, samples, engine);
    const [, width] = embeddings.audio.shape as [number, number];
    const asked = samples.slice(0, shown);
    const audio = floats(embeddings.audio.data.subarray(0, asked.length * width), [asked.length, width]);
    const pengi = createPengi(params, config, { engine });
    try {
      const prompts = asked.map(({ prompt }) => prompt);
      const answers = await pengi.answer(audio, prompts);
      return { samples: asked.map((sample, i) => sampleText(sample, answers[i]!.text)), embeddings };
    } finally {
      await pengi.dispose();
    }
  };
}

/** Of each recording, the nearest of all the samples' texts. */
export function listenClap(config: ClapConfig): Listen<ClapParams, ListenedClip> {
  return async (params, samples, { engine, shown }) => {
    const embeddings = await embedded(params, config, samples, engine);
    const { audio, text } = embeddings;
    const found = text ? nearest(audio, text, 1) : [];
    const asked = samples.slice(0, found.length > 0 ? shown : 0);
    return {
      samples: asked.map((sample, i) =>
        sampleText({ ...sample, prompt: 'the nearest text' }, samples[found[i]![0]!.index]!.target),
      ),
      embeddings,
    };
  };
}

/** Longer texts of the language model are cut: they are there to be glanced at. */
const MAX_TOKENS = 32;

/** How the language model goes on after the first text of a document, by greedy search. */
export function listenLanguage(
  config: Gpt2Config,
): Listen<Gpt2Params, { id: string; texts: readonly string[] }> {
  return async (params, documents, { engine, shown }) => {
    const asked = documents.filter(({ texts }) => texts.length > 1).slice(0, shown);
    if (asked.length === 0) return { samples: [] };
    const tokenizer = pengiTokenizer(config);
    const gpt2 = createGpt2(params, config, engine);
    try {
      const starts = asked.map(({ texts }) => [...tokenizer.encode(texts[0]!), tokenizer.endOfText]);
      const room = config.positions - Math.max(...starts.map(({ length }) => length));
      if (room < 1) return { samples: [] };
      const prefixes = await Promise.all(starts.map((ids) => gpt2.embed(ids)));
      const options = { strategy: 'greedy', maxTokens: Math.min(MAX_TOKENS, room) } as const;
      const found = await gpt2.generate(prefixes, { ...options, stopToken: tokenizer.endOfText });
      return {
        samples: asked.map(({ id, texts: [prompt = '', target = ''] }, i) => {
          const { ids, stopped } = found[i]![0]!;
          const answer = tokenizer.decode(stopped ? ids.slice(0, -1) : ids, { cleanUp: true }).trim();
          return { id, prompt, target, answer };
        }),
      };
    } finally {
      await gpt2.dispose();
    }
  };
}

/** Clips that are embedded at once. */
const BATCH = 16;

/** Embeddings of the recordings and of what is wanted of them, the latter where there is a text tower that knows the words. */
async function embedded(
  params: { audio_encoder: AudioEncoderParams<NdArray>; caption_encoder?: TextEncoderParams<NdArray> },
  config: PengiConfig | ClapConfig,
  samples: readonly ListenedClip[],
  engine: Engine,
): Promise<NonNullable<Heard['embeddings']>> {
  const frontend = createFrontend(config.frontend);
  const audioEncoder = createAudioEncoder(params.audio_encoder, config, engine, frontend);
  const textEncoder =
    config.text && params.caption_encoder
      ? createTextEncoder(params.caption_encoder, config.text, engine)
      : undefined;
  try {
    const audio: Float32Array[] = [];
    for (let from = 0; from < samples.length; from += BATCH) {
      const batch = samples.slice(from, from + BATCH);
      // A last batch that is not full is filled up: another size would be compiled anew.
      const size = Math.min(BATCH, samples.length);
      const filled = Array.from({ length: size }, (_, i) => (batch[i] ?? batch[0]!).logMel);
      const { mels } = config.frontend;
      const { data } = await audioEncoder.embedLogMel(
        floats(joined(filled), [size, filled[0]!.length / mels, mels]),
      );
      audio.push(data.slice(0, (data.length / size) * batch.length));
    }
    const width = config.embedding;
    const text = await textEncoder?.embed(samples.map(({ target }) => target)).catch((error: unknown) => {
      if (isPengiError(error) && error.code === 'E_TEXT') return undefined;
      throw error;
    });
    return {
      audio: normalized(floats(joined(audio), [samples.length, width])),
      ...(text && { text: normalized(text) }),
    };
  } finally {
    await audioEncoder.dispose();
    await textEncoder?.dispose();
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function sampleText({ id, prompt, target }: Omit<SampleText, 'answer'>, answer: string): SampleText {
  return { id, prompt, target, answer };
}
