import { type FrontendConfig, RELEASED_FRONTEND } from '@pengi/audio-frontend';
import { type ClapConfig, collectClipIds, createClipTokenizer } from '@pengi/clap';
import { collectIds, createGpt2Tokenizer, END_OF_TEXT } from '@pengi/gpt2';
import { HTSAT_SMALL, type HtsatConfig } from '@pengi/htsat';
import type { PengiConfig } from './config.js';

/** Seven seconds at 16 kHz, a frame every 10 ms. */
export const SMALL_FRONTEND = {
  ...RELEASED_FRONTEND,
  sampleRate: 16000,
  hopLength: 160,
  fMax: 8000,
  melSampleRate: 16000,
  topDb: 80,
} as const satisfies FrontendConfig;

const SMALL_AUDIO = { ...HTSAT_SMALL, specSize: 256, mels: 64 } as const satisfies HtsatConfig;

const WIDTH = 128;
const PREFIX = 8;

export interface SmallOptions {
  frontend?: FrontendConfig;
  audio?: HtsatConfig;
  /** Tokens of the longest prompt. */
  promptLength?: number;
  /** Tokens of the longest document, prefix included. */
  positions?: number;
}

/**
 * For tests: a third of a second of audio and an encoder of two blocks. Everything that a full model has, in a hundredth of a
 * second; it learns nothing worth hearing.
 */
export const TINY_SIZES = {
  frontend: { ...SMALL_FRONTEND, durationSeconds: 0.3 },
  audio: {
    specSize: 64,
    mels: 64,
    patchSize: 8,
    embedDim: 8,
    depths: [1, 1],
    heads: [2, 2],
    windowSize: 8,
    mlpRatio: 2,
    classes: 1,
    positionEmbedding: null,
    dropPath: 0,
  },
} as const satisfies SmallOptions;

/**
 * Configs of models of two million parameters that learn from a few hundred recordings in minutes. They know the words of
 * the given texts and no others: full vocabularies would make nine tenths of their size.
 * @param texts prompts and captions for the text tower, answers for the language model
 */
export function smallConfigs(
  texts: { prompts: readonly string[]; answers: readonly string[] },
  { frontend = SMALL_FRONTEND, audio = SMALL_AUDIO, promptLength = 40, positions = 128 }: SmallOptions = {},
): { clap: ClapConfig; pengi: PengiConfig } {
  // Answers are embedded as well, when they are compared with labels.
  const clipIds = collectClipIds(createClipTokenizer(), [...texts.prompts, ...texts.answers]);
  const gptIds = collectIds(createGpt2Tokenizer({ padQuirk: true, splitDigits: true }), texts.answers);
  const text = {
    vocabularySize: clipIds.length,
    positions: promptLength,
    width: WIDTH,
    hidden: 4 * WIDTH,
    layers: 2,
    heads: 4,
    projection: WIDTH,
    dropout: 0.1,
    promptLength,
    keptIds: clipIds,
  };
  const mapper = {
    kind: 'transformer',
    inputs: WIDTH,
    width: WIDTH,
    prefixLength: PREFIX,
    inputLength: PREFIX,
    layers: 2,
    heads: 8,
    mlpRatio: 2,
  } as const;
  const towers = { frontend, audio, text, embedding: WIDTH, projectionDropout: 0.2 };
  return {
    clap: { model: 'clap', ...towers },
    pengi: {
      model: 'pengi',
      ...towers,
      gpt2: {
        vocabularySize: gptIds.length,
        positions,
        width: WIDTH,
        layers: 2,
        heads: 4,
        dropout: 0.1,
        keptIds: gptIds,
        splitDigits: true,
      },
      audioMapper: mapper,
      promptMapper: mapper,
      textNorm: 'training',
      stopToken: END_OF_TEXT,
    },
  };
}
