import { type FrontendConfig, RELEASED_FRONTEND } from '@pengi/audio-frontend';
import type { ClapConfig } from '@pengi/clap';
import { HTSAT_SMALL } from '@pengi/htsat';
import { type PengiConfig, smallConfigs } from 'pengi';
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
  clap: { steps: 1000, batch: 32, learningRate: 1e-3, warmupSteps: 50 },
  language: { steps: 600, batch: 32, learningRate: 3e-3, warmupSteps: 50 },
  pengi: { steps: 1000, batch: 32, learningRate: 2e-3, warmupSteps: 50 },
  weightDecay: 0.05,
  clipNorm: 1,
  floor: 0.02,
  documentLength: 32,
};

/** The configs of a small model that knows the words it needs, for these instruments. */
export function noteConfigs(instruments: readonly string[]): { clap: ClapConfig; pengi: PengiConfig } {
  return smallConfigs(allTexts(instruments), {
    frontend: NOTE_FRONTEND,
    audio: HTSAT_SMALL,
    promptLength: 20,
  });
}
