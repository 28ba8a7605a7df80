/**
 * Recipes that train on a few hundred recordings in minutes: ESC-50-like sounds, spoken digits, NSynth-like notes and Clotho-like
 * captions together, in one model of two million parameters. What is chosen here was chosen by experiments (docs/training.md).
 */
import { type FrontendConfig, RELEASED_FRONTEND } from '@pengi/audio-frontend';
import { PROMPTS } from '@pengi/datasets';
import { HTSAT_SMALL } from '@pengi/htsat';
import type { SourceConfig, TrainConfigInput } from '../train/config.js';
import type { Recipe } from './recipe.js';

/** What a spoken digit is asked about, beside the paper's prompts. */
const DIGIT_PROMPT = 'this digit is';

const DIGITS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

/**
 * 64 frames of 16 ms: a second, which shorter recordings fill by being repeated. Of longer ones another second is heard each time,
 * and all of them where the embeddings of windows are averaged.
 */
const MINI_FRONTEND = {
  ...RELEASED_FRONTEND,
  sampleRate: 16000,
  durationSeconds: (63 * 256) / 16000,
  fit: 'loop',
  fftSize: 1024,
  hopLength: 256,
  mels: 64,
  fMin: 30,
  fMax: 8000,
  melSampleRate: 16000,
  topDb: 80,
  trimSilence: { belowPeakDb: 40 },
} as const satisfies FrontendConfig;

const MODEL: TrainConfigInput['model'] = {
  preset: 'small',
  frontend: MINI_FRONTEND,
  audio: { ...HTSAT_SMALL, specSize: 64, mels: 64, patchSize: 8, dropPath: 0.1 },
  // What the benchmark asks, and pitches that recordings have at other speeds.
  words: [
    ...Object.values(PROMPTS),
    DIGIT_PROMPT,
    ...DIGITS,
    'synth lead, vocal',
    ...Array.from({ length: 128 }, (_, pitch) => `x, pitch ${pitch}`),
  ],
};

/** @param more prompts that labels are asked with, beside those that name their kind */
function sources(more: readonly string[]): Readonly<Record<string, SourceConfig>> {
  return {
    esc50: { set: 'esc50', folds: [1, 2, 3, 4], prompts: [PROMPTS.events, ...more] },
    digits: {
      set: 'fsdd',
      splits: ['train'],
      prompts: [DIGIT_PROMPT, ...more],
      wording: Object.fromEntries(DIGITS.map((word, digit) => [String(digit), word])),
    },
    nsynth: { set: 'nsynth', splits: ['train'] },
    clotho: { set: 'clotho', splits: ['development'] },
  };
}

/** The share of each source in what is drawn. */
const WEIGHTS = { esc50: 0.3, digits: 0.33, nsynth: 0.23, clotho: 0.14 };

const data = (more: readonly string[]): TrainConfigInput['data'] => ({
  sources: sources(more),
  weights: WEIGHTS,
  unit: 'clip',
  // The fold that is tested on is not among those that are trained on.
  leaks: { except: ['esc50'] },
  // There are few recordings: none is spared. What is tested on is never looked at in training.
  validation: 0,
  crop: 'random',
  augment: {
    gainDb: 6,
    bySource: {
      esc50: { speeds: [-1, 0, 1] },
      digits: { speeds: [-2, -1, 0, 1, 2] },
      nsynth: { speeds: [-1, 0, 1], movePitch: true, startShare: 0.3 },
    },
  },
  firstPartAlone: 0.8,
});

const common = {
  model: MODEL,
  batch: 32,
  warmupSteps: 50,
  floor: 0.02,
  beta2: 0.98,
  weightDecay: 0.05,
  clipNorm: 1,
  emaDecay: 0.99,
} satisfies Partial<TrainConfigInput>;

export const MINI_CLAP: Recipe = {
  name: 'mini-clap',
  task: 'clap',
  summary: 'contrastive pretraining on the four small sets',
  config: { ...common, data: data([]), steps: 1400, learningRate: 1e-3 },
};

export const MINI_LM: Recipe = {
  name: 'mini-lm',
  task: 'lm',
  summary: 'a small language model on what is said of their recordings',
  config: { ...common, data: data([]), steps: 700, learningRate: 3e-3, documentLength: 48 },
};

export const MINI_PENGI: Recipe = {
  name: 'mini-pengi',
  task: 'pengi',
  summary:
    'Pengi on top of both (runs/mini-clap, runs/mini-lm); the audio tower stays as it is, as recordings are few',
  config: {
    ...common,
    data: data([PROMPTS.metadata]),
    from: { clap: 'runs/mini-clap/model', language: 'runs/mini-lm/model' },
    frozen: ['audio_encoder.base', 'caption_encoder.base', 'caption_decoder.gpt'],
    steps: 1200,
    learningRate: 1e-3,
  },
};
