import { type FrontendConfig, RELEASED_FRONTEND } from '@pengi/audio-frontend';
import { type ClapConfig, collectClipIds, createClipTokenizer } from '@pengi/clap';
import { collectIds, createGpt2Tokenizer } from '@pengi/gpt2';
import { HTSAT_SMALL } from '@pengi/htsat';
import type { PengiConfig } from 'pengi';
import { allTexts } from './texts.js';

/** 128 frames of 16 ms with 128 mel bands, from the onset of the note on. */
export const NOTE_FRONTEND = {
  ...RELEASED_FRONTEND,
  sampleRate: 16000,
  durationSeconds: (127 * 256) / 16000,
  fit: 'pad',
  fftSize: 2048,
  hopLength: 256,
  mels: 128,
  fMin: 30,
  fMax: 8000,
  melSampleRate: 16000,
  topDb: 80,
  trimSilence: { belowPeakDb: 40 },
  peak: 0.5,
} as const satisfies FrontendConfig;

export interface Stage {
  steps: number;
  batch: number;
  learningRate: number;
  warmupSteps: number;
}

export interface Recipe {
  clap: Stage;
  language: Stage;
  pengi: Stage;
  weightDecay: number;
  clipNorm: number;
  /** Share of the peak learning rate at the end. */
  floor: number;
  /** Tokens of a document for the language model. */
  documentLength: number;
}

/** How the small model is trained; chosen by experiments on the notes (docs/quickstart.md). */
export const RECIPE: Recipe = {
  clap: { steps: 600, batch: 32, learningRate: 1e-3, warmupSteps: 50 },
  language: { steps: 600, batch: 32, learningRate: 3e-3, warmupSteps: 50 },
  pengi: { steps: 700, batch: 32, learningRate: 1e-3, warmupSteps: 50 },
  weightDecay: 0.05,
  clipNorm: 1,
  floor: 0.02,
  documentLength: 64,
};

const WIDTH = 128;
const PREFIX = 8;
const PROMPT_LENGTH = 20;

/** The configs of a small model that knows the words it needs, for these instruments. */
export function noteConfigs(instruments: readonly string[]): { clap: ClapConfig; pengi: PengiConfig } {
  const { prompts, answers } = allTexts(instruments);
  const clipIds = collectClipIds(createClipTokenizer(), [...prompts, ...answers]);
  const gptIds = collectIds(createGpt2Tokenizer({ padQuirk: true, splitDigits: true }), answers);

  const text = {
    vocabularySize: clipIds.length,
    positions: PROMPT_LENGTH,
    width: WIDTH,
    hidden: 4 * WIDTH,
    layers: 2,
    heads: 4,
    projection: WIDTH,
    dropout: 0.1,
    promptLength: PROMPT_LENGTH,
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
  const shared = { frontend: NOTE_FRONTEND, audio: HTSAT_SMALL, embedding: WIDTH, projectionDropout: 0.2 };
  return {
    clap: { model: 'clap', ...shared, text },
    pengi: {
      model: 'pengi',
      ...shared,
      text,
      gpt2: { vocabularySize: gptIds.length, positions: 128, width: WIDTH, layers: 2, heads: 4, dropout: 0.1 },
      keptIds: gptIds,
      splitDigits: true,
      audioMapper: mapper,
      promptMapper: mapper,
      textNorm: 'training',
      stopToken: 50256,
    },
  };
}
