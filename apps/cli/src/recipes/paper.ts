/** The paper's two stages with its numbers (section 4.1, appendix D); docs/training.md lists what it leaves open. */
import { TRAINING_SETS } from '@pengi/datasets';
import type { SourceConfig, TrainConfigInput } from '../train/config.js';
import type { Recipe } from './recipe.js';

/** Those of Table 1 that can be had; FreeSound and FindSound are manifests of one's own. */
const SETS = Object.keys(TRAINING_SETS).filter((id) => id !== 'freesound' && id !== 'findsound');

const data: TrainConfigInput['data'] = {
  sources: Object.fromEntries(SETS.map((set): [string, SourceConfig] => [set, { set }])),
  // "3.4 M audio-text pairs": each pair counts once.
  unit: 'text',
  weights: 'proportional',
  validation: 0.001,
  cacheDtype: 'float16',
  crop: 'random',
  skipBadRows: true,
  prepare: false,
};

const common = {
  data,
  model: 'paper',
  learningRate: 1e-4,
  warmupSteps: 2000,
  schedule: 'linear',
  weightDecay: 0,
  clipNorm: null,
  specAugment: true,
  checkpointEvery: 1000,
  evaluateEvery: 1000,
} as const satisfies Partial<TrainConfigInput>;

export const PAPER_CLAP: Recipe = {
  name: 'paper-clap',
  task: 'clap',
  summary:
    'contrastive pretraining: HTSAT and CLIP’s text tower, symmetric cross-entropy, 45 epochs of batches of 1536',
  config: { ...common, epochs: 45, batch: 1536 },
};

export const PAPER_PENGI: Recipe = {
  name: 'paper-pengi',
  task: 'pengi',
  summary: 'Pengi: audio tower and mappers learn, text tower and GPT-2 stay; 60 epochs of batches of 384',
  config: {
    ...common,
    from: { clap: 'runs/paper-clap/model', language: 'models/gpt2' },
    epochs: 60,
    batch: 384,
  },
};
