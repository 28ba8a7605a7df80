/** The three stages: contrastive CLAP, a language model, and Pengi on top of both. */
import {
  type ClapBatch,
  type ClapConfig,
  type ClapParams,
  clapLoss,
  clapSpec,
  clipTokenizerOf,
  promptIds,
} from '@pengi/clap';
import { createRng, floats, ints, type NdArray, type Rng, type StartProgress } from '@pengi/core';
import { type Gpt2Config, type Gpt2Params, gpt2Embed, gpt2Hidden, gpt2Spec, tokenLosses } from '@pengi/gpt2';
import type { Engine } from '@pengi/jit';
import { bufferPaths, cosineWarmupDecay, initParams, type Keys } from '@pengi/nn';
import { type TrainResult, type TrainTask, train } from '@pengi/train';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import {
  FROZEN_IN_TRAINING,
  type PengiBatch,
  type PengiConfig,
  type PengiParams,
  pengiLoss,
  pengiSpec,
  tokenizerOf,
} from 'pengi';
import type { Recipe, Stage } from './recipe.js';
import { clapCaption, type NoteLabels, noteDocument, noteExample } from './texts.js';

/** A recorded note with its log-mels at several speeds, each with the pitch that it then has. */
export interface TrainingNote extends NoteLabels {
  id: string;
  variants: readonly { pitch: number; semitones: number; logMel: Float32Array }[];
}

export interface StageOptions {
  engine: Engine;
  recipe: Recipe;
  seed: number;
  signal?: AbortSignal;
  progress?: StartProgress;
}

/** Parts of HTSAT that neither loss reaches: the token-semantic head. */
const UNUSED = ['**.tscam_conv', '**.head'];

export function trainClap(
  notes: readonly TrainingNote[],
  config: ClapConfig,
  options: StageOptions,
): Promise<TrainResult<ClapParams>> {
  const spec = clapSpec(config);
  const tokenizer = clipTokenizerOf(config.text);
  const draw = noteSampler(notes, options.seed);
  const task: TrainTask<ClapParams, ClapBatch> = {
    name: 'clap',
    params: withStatistics(initParams(spec, options.seed), notes) as never,
    frozen: [...bufferPaths(spec), ...UNUSED],
    loss: (params, batch, keys) => clapLoss(params, batch, config, keys, { specAugment: false }),
    async batch(step) {
      const drawn = draw('clap', step, options.recipe.clap.batch);
      const captions = drawn.map(({ labels, rng }) => clapCaption(labels, rng));
      return {
        arrays: {
          logMel: stacked(drawn.map(({ logMel }) => logMel), config),
          ids: promptIds(tokenizer, captions, config.text),
          groups: ints(captions.map((caption) => captions.indexOf(caption))),
        } as never,
        ids: drawn.map(({ id }) => id),
      };
    },
  };
  return run(task, options.recipe.clap, options);
}

interface DocumentBatch<Leaf = Tensor> {
  ids: Leaf; // [B, T] int32
  mask: Leaf; // [B, T-1]: which tokens count as targets
}

export function trainLanguage(
  notes: readonly TrainingNote[],
  config: PengiConfig,
  options: StageOptions,
): Promise<TrainResult<Gpt2Params>> {
  const tokenizer = tokenizerOf(config);
  const draw = noteSampler(notes, options.seed);
  const task: TrainTask<Gpt2Params, DocumentBatch> = {
    name: 'language model',
    params: initParams(gpt2Spec(config.gpt2), options.seed) as never,
    frozen: [],
    loss: (params, batch, keys) => documentLoss(params, batch, config.gpt2, keys),
    async batch(step) {
      const drawn = draw('language', step, options.recipe.language.batch);
      const documents = drawn.map(({ labels, rng }) =>
        noteDocument(labels, rng).flatMap((text) => [...tokenizer.encode(text), tokenizer.endOfText]),
      );
      const { ids, mask } = padded(documents, options.recipe.documentLength, tokenizer.endOfText);
      const B = documents.length;
      const targets = Array.from({ length: B }, (_, b) => mask.subarray(b * options.recipe.documentLength + 1, (b + 1) * options.recipe.documentLength));
      return {
        arrays: { ids: ints(ids, [B, options.recipe.documentLength]), mask: floats(targets.flatMap((row) => [...row]), [B, options.recipe.documentLength - 1]) } as never,
        ids: drawn.map(({ id }) => id),
      };
    },
  };
  return run(task, options.recipe.language, options);
}

function documentLoss(p: Gpt2Params, { ids, mask }: DocumentBatch, config: Gpt2Config, keys: Keys): Scalar {
  const [B, T] = ids.shape as [number, number];
  const { hidden } = gpt2Hidden(p, gpt2Embed(p, tf.slice(ids, [0, 0], [B, T - 1])), config, { keys });
  const losses = tokenLosses(p, hidden, tf.slice(ids, [0, 1], [B, T - 1]));
  return tf.div(tf.sum(tf.mul(losses, mask)), tf.sum(mask)) as Scalar;
}

export function trainPengi(
  notes: readonly TrainingNote[],
  config: PengiConfig,
  parts: { clap: ClapParams<NdArray>; language: Gpt2Params<NdArray> },
  options: StageOptions,
): Promise<TrainResult<PengiParams>> {
  const spec = pengiSpec(config);
  const tokenizer = tokenizerOf(config);
  const clipTokenizer = clipTokenizerOf(config.text!);
  const draw = noteSampler(notes, options.seed);
  const initial = initParams(spec, options.seed);
  const task: TrainTask<PengiParams, PengiBatch> = {
    name: 'pengi',
    params: {
      ...initial,
      audio_encoder: parts.clap.audio_encoder,
      caption_encoder: parts.clap.caption_encoder,
      caption_decoder: { ...initial.caption_decoder, gpt: { transformer: parts.language } },
    } as never,
    frozen: [...bufferPaths(spec), ...FROZEN_IN_TRAINING, ...UNUSED],
    loss: (params, batch, keys) => pengiLoss(params, batch, config, { keys, specAugment: false }),
    async batch(step) {
      const drawn = draw('pengi', step, options.recipe.pengi.batch);
      const examples = drawn.map(({ labels, rng }) => noteExample(labels, rng));
      const captions = examples.map(({ target }) => [...tokenizer.encode(target), tokenizer.endOfText]);
      const length = CAPTION_LENGTH;
      const { ids, mask } = padded(captions, length, tokenizer.endOfText);
      return {
        arrays: {
          logMel: stacked(drawn.map(({ logMel }) => logMel), config),
          promptIds: promptIds(clipTokenizer, examples.map(({ prompt }) => prompt), config.text!),
          captionIds: ints(ids, [captions.length, length]),
          captionMask: floats(mask, [captions.length, length]),
        } as never,
        ids: drawn.map(({ id }) => id),
      };
    },
  };
  return run(task, options.recipe.pengi, options);
}

/** Tokens of the longest answer, its end included. */
const CAPTION_LENGTH = 16;

function run<P, B>(task: TrainTask<P, B>, stage: Stage, options: StageOptions): Promise<TrainResult<P>> {
  return train(task, {
    ...options,
    steps: stage.steps,
    schedule: cosineWarmupDecay({ ...stage, totalSteps: stage.steps, floor: options.recipe.floor }),
    optimizer: { beta2: 0.98, weightDecay: options.recipe.weightDecay },
    clipNorm: options.recipe.clipNorm,
  });
}

interface DrawnNote {
  id: string;
  labels: NoteLabels;
  logMel: Float32Array;
  /** For whatever else is drawn for this sample. */
  rng: Rng;
}

/**
 * Draws notes for a step of a stage: instruments by the square root of how many notes they have, then a note, then
 * mostly another speed. It depends on the seed, the stage and the step only.
 */
function noteSampler(notes: readonly TrainingNote[], seed: number) {
  const instruments = [...new Set(notes.map(({ instrument }) => instrument))];
  const groups = instruments.map((name) => notes.filter(({ instrument }) => instrument === name));
  const weights = groups.map((group) => Math.sqrt(group.length));
  const total = weights.reduce((a, b) => a + b, 0);
  return (stage: string, step: number, count: number): DrawnNote[] =>
    Array.from({ length: count }, (_, i) => {
      const rng = createRng(seed).fork(`${stage}/${step}/${i}`);
      let at = rng.uniform() * total;
      const group = groups.find((_, g) => (at -= weights[g]!) < 0) ?? groups.at(-1)!;
      const note = group[rng.int(group.length)]!;
      const original = note.variants.find(({ semitones }) => semitones === 0)!;
      const variant = rng.uniform() < 0.8 ? note.variants[rng.int(note.variants.length)]! : original;
      const gain = (rng.uniform() * 2 - 1) * 6; // dB
      return {
        id: `${note.id}@${variant.semitones}`,
        labels: { instrument: note.instrument, pitch: variant.pitch },
        logMel: variant.logMel.map((x) => x + gain),
        rng,
      };
    });
}

/** bn0's statistics from the training data: with them fixed, its input is standardised from the first step on. */
function withStatistics<T extends { audio_encoder: { base: { htsat: { bn0: Record<string, NdArray> } } } }>(
  params: T,
  notes: readonly TrainingNote[],
): T {
  const bn0 = params.audio_encoder.base.htsat.bn0;
  const mels = bn0.running_mean!.shape[0]!;
  const mean = new Float64Array(mels);
  const square = new Float64Array(mels);
  let frames = 0;
  for (const { variants } of notes)
    for (const { logMel } of variants) {
      for (let i = 0; i < logMel.length; i++) {
        mean[i % mels]! += logMel[i]!;
        square[i % mels]! += logMel[i]! ** 2;
      }
      frames += logMel.length / mels;
    }
  for (let m = 0; m < mels; m++) {
    (bn0.running_mean!.data as Float32Array)[m] = mean[m]! / frames;
    (bn0.running_var!.data as Float32Array)[m] = square[m]! / frames - (mean[m]! / frames) ** 2;
  }
  return params;
}

/** [B, frames, mels] */
function stacked(logMels: readonly Float32Array[], { frontend }: { frontend: { mels: number } }): NdArray<'float32'> {
  const size = logMels[0]!.length;
  const data = new Float32Array(logMels.length * size);
  for (const [b, logMel] of logMels.entries()) data.set(logMel, b * size);
  return floats(data, [logMels.length, size / frontend.mels, frontend.mels]);
}

/** Sequences cut or padded to `length`, and 1 where they have a token. */
function padded(sequences: readonly (readonly number[])[], length: number, pad: number) {
  const ids = new Int32Array(sequences.length * length).fill(pad);
  const mask = new Float32Array(sequences.length * length);
  for (const [b, sequence] of sequences.entries()) {
    const cut = sequence.slice(0, length);
    ids.set(cut, b * length);
    mask.fill(1, b * length, b * length + cut.length);
  }
  return { ids, mask };
}
