import { type FrontendConfig, RELEASED_FRONTEND } from '@pengi/audio-frontend';
import type { ClapConfig } from '@pengi/clap';
import { PengiError, printable } from '@pengi/core';
import { HTSAT_SMALL } from '@pengi/htsat';
import { type PengiConfig, smallConfigs } from 'pengi';
import { allTexts, type CaptionShares, type NoteTaskShares } from './texts.js';

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

export interface NoteRecipe {
  name: string;
  clap: Stage;
  language: Stage;
  pengi: Stage;
  captions: CaptionShares;
  tasks: NoteTaskShares;
  /** Whether the last stage goes on with the audio tower, as the paper does. */
  trainAudioTower: boolean;
  weightDecay: number;
  clipNorm: number;
  /** Share of the peak learning rate at the end. */
  floor: number;
  /** Tokens of a document for the language model. */
  documentLength: number;
}

/** How the small model is trained; chosen by experiments on the notes (docs/quickstart.md). */
const INSTRUMENT: NoteRecipe = {
  name: 'instrument',
  clap: { steps: 1000, batch: 32, learningRate: 1e-3, warmupSteps: 50 },
  language: { steps: 600, batch: 32, learningRate: 3e-3, warmupSteps: 50 },
  pengi: { steps: 1000, batch: 32, learningRate: 2e-3, warmupSteps: 50 },
  captions: { instrument: 0.5, pitch: 0.3 },
  tasks: { note: 3, caption: 1, pitch: 2, instrument: 1, register: 1 },
  // With so few steps it only learns the few hundred recordings by heart, and takes half as long again.
  trainAudioTower: false,
  weightDecay: 0.05,
  clipNorm: 1,
  floor: 0.02,
  documentLength: 32,
};

export const NOTE_RECIPES = {
  /** A few minutes: hears instruments and registers. */
  instrument: INSTRUMENT,
  /** Longer: hears pitch as well, for which CLAP's captions must ask for it and the audio tower must go on learning. */
  pitch: {
    ...INSTRUMENT,
    name: 'pitch',
    clap: { ...INSTRUMENT.clap, steps: 800 },
    pengi: { ...INSTRUMENT.pengi, steps: 2500 },
    captions: { instrument: 0.25, pitch: 0.5 },
    tasks: { ...INSTRUMENT.tasks, note: 8 },
    trainAudioTower: true,
  },
} as const satisfies Record<string, NoteRecipe>;

/** @throws PengiError E_USAGE for another name, with those there are */
export function noteRecipe(name: string): NoteRecipe {
  const found = Object.values<NoteRecipe>(NOTE_RECIPES).find((recipe) => recipe.name === name);
  if (found) return found;
  throw new PengiError('E_USAGE', `there is no recipe "${printable(name)}"`, {
    hint: `--recipe takes ${Object.keys(NOTE_RECIPES).join(' or ')}`,
  });
}

/** The configs of a small model that knows the words it needs, for these instruments. */
export function noteConfigs(instruments: readonly string[]): { clap: ClapConfig; pengi: PengiConfig } {
  return smallConfigs(allTexts(instruments), {
    frontend: NOTE_FRONTEND,
    audio: HTSAT_SMALL,
    promptLength: 20,
  });
}
