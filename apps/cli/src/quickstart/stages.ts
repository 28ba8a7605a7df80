/** The three stages of the quickstart: contrastive CLAP, a language model, and Pengi on top of both. */
import { type ClapConfig, type ClapParams, clapSpec } from '@pengi/clap';
import { createRng, foldKey, type NdArray, type Rng, type StartProgress } from '@pengi/core';
import { createSampler } from '@pengi/datasets';
import { type Gpt2Params, gpt2Spec } from '@pengi/gpt2';
import { withBatchNormStatistics } from '@pengi/htsat';
import type { Engine } from '@pengi/jit';
import { cosineWarmupDecay, initParams } from '@pengi/nn';
import { type RunObserver, type TrainResult, type TrainTask, train } from '@pengi/train';
import {
  type AudioSample,
  clapTask,
  FROZEN_IN_TRAINING,
  languageTask,
  type PengiConfig,
  type PengiParams,
  pengiSpec,
  pengiTask,
} from 'pengi';
import { listenPengi } from '../train/listen.js';
import type { NoteRecipe, Stage } from './recipe.js';
import { clapCaption, type NoteLabels, noteDocument, noteExample, noteQuestions } from './texts.js';

/** A recorded note with its log-mels at several speeds, each with the pitch that it then has. */
export interface TrainingNote extends NoteLabels {
  id: string;
  variants: readonly { pitch: number; semitones: number; logMel: Float32Array }[];
}

export interface StageOptions {
  engine: Engine;
  recipe: NoteRecipe;
  seed: number;
  signal?: AbortSignal;
  progress?: StartProgress;
  observers?: readonly RunObserver[];
  warn?: (message: string) => void;
  /** The run folder: log, loss curve, checkpoints to go on from. */
  dir?: string;
}

export function trainClap(
  notes: readonly TrainingNote[],
  config: ClapConfig,
  options: StageOptions,
): Promise<TrainResult<ClapParams>> {
  const { seed, recipe } = options;
  const draw = noteSampler(notes, seed, 'clap', recipe.clap.batch);
  const initial: ClapParams<NdArray> = initParams(clapSpec(config), seed);
  const logMels = notes.flatMap(({ variants }) => variants.map(({ logMel }) => logMel));
  initial.audio_encoder.base.htsat = withBatchNormStatistics(initial.audio_encoder.base.htsat, logMels);
  const task = clapTask(
    config,
    initial,
    (step) => draw(step).map((note) => ({ ...note, caption: clapCaption(note, recipe.captions, note.rng) })),
    { specAugment: false },
  );
  return run(task, recipe.clap, options);
}

export function trainLanguage(
  notes: readonly TrainingNote[],
  config: PengiConfig,
  options: StageOptions,
): Promise<TrainResult<Gpt2Params>> {
  const { seed, recipe } = options;
  const draw = noteSampler(notes, seed, 'language', recipe.language.batch);
  const task = languageTask(
    config.gpt2,
    initParams(gpt2Spec(config.gpt2), seed),
    (step) => draw(step).map((note) => ({ id: note.id, texts: noteDocument(note, note.rng) })),
    { length: recipe.documentLength },
  );
  return run(task, recipe.language, options);
}

export function trainPengi(
  notes: readonly TrainingNote[],
  config: PengiConfig,
  parts: { clap: ClapParams<NdArray>; language: Gpt2Params<NdArray> },
  options: StageOptions & {
    /** Held-out notes that the model is asked about now and then, to be read. Nothing is chosen by the answers. */
    asked?: readonly (NoteLabels & AudioSample)[];
  },
): Promise<TrainResult<PengiParams>> {
  const { seed, recipe, asked = [], engine } = options;
  const draw = noteSampler(notes, seed, 'pengi', recipe.pengi.batch);
  const { caption_decoder }: PengiParams<NdArray> = initParams(pengiSpec(config), seed);
  const task = pengiTask(
    config,
    {
      audio_encoder: parts.clap.audio_encoder,
      caption_encoder: parts.clap.caption_encoder,
      caption_decoder: { ...caption_decoder, gpt: { transformer: parts.language } },
    },
    (step) => draw(step).map((note) => ({ ...note, ...noteExample(note, recipe.tasks, note.rng) })),
    {
      specAugment: false,
      frozen: [...FROZEN_IN_TRAINING, ...(recipe.trainAudioTower ? [] : ['audio_encoder.base'])],
    },
  );
  const clips = asked.map((note, i) => ({ ...note, ...noteQuestions(note)[i % 3]! }));
  const listen = listenPengi(config);
  const evaluate = async (params: PengiParams<NdArray>) => {
    const { samples } = await listen(params, clips, { engine, shown: clips.length });
    return { values: {}, samples };
  };
  return run(clips.length > 0 ? { ...task, evaluate } : task, recipe.pengi, options);
}

/** Steps. */
const EVALUATE_EVERY = 250;

function run<P, B>(task: TrainTask<P, B>, stage: Stage, options: StageOptions): Promise<TrainResult<P>> {
  const { recipe, dir } = options;
  return train(task, {
    ...options,
    steps: stage.steps,
    schedule: cosineWarmupDecay({ ...stage, totalSteps: stage.steps, floor: recipe.floor }),
    optimizer: { beta2: 0.98, weightDecay: recipe.weightDecay },
    clipNorm: recipe.clipNorm,
    evaluateEvery: EVALUATE_EVERY,
    ...(dir === undefined
      ? {}
      : { resume: 'auto', checkpointEvery: 200, record: { recipe: recipe.name, ...stage } }),
  });
}

type DrawnNote = AudioSample & NoteLabels & { rng: Rng };

/**
 * Draws notes for a step of a stage: instruments by the square root of how many notes they have, then a note, then
 * mostly another speed, and a gain. It depends on the seed, the stage and the step only.
 */
function noteSampler(
  notes: readonly TrainingNote[],
  seed: number,
  stage: string,
  count: number,
): (step: number) => DrawnNote[] {
  const sampler = createSampler({ groups: notes.map(({ instrument }) => instrument) }, foldKey(seed, stage));
  return (step) =>
    sampler.batch(step, count).map((index, i) => {
      const { id, instrument, variants } = notes[index]!;
      const rng = createRng(seed).fork(`${stage}/${step}/${i}`);
      const candidates = rng.uniform() < 0.8 ? variants : variants.filter(({ semitones }) => semitones === 0);
      const { pitch, semitones, logMel } = candidates[rng.int(candidates.length)]!;
      const gain = (rng.uniform() * 2 - 1) * 6; // dB
      return { id: `${id}@${semitones}`, instrument, pitch, logMel: logMel.map((x) => x + gain), rng };
    });
}
