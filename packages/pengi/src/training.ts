/**
 * The stages of training as tasks for `train` of @pengi/train: contrastive CLAP, the language model alone, and Pengi on
 * top of both. Each takes a function that draws the samples of a step, so any data can be fed.
 */
import {
  type ClapBatch,
  type ClapConfig,
  type ClapParams,
  clapLoss,
  clapRows,
  clapRowsLoss,
  clapSpec,
  clipTokenizerOf,
  promptIds,
} from '@pengi/clap';
import { floats, fnv1a, ints, type NdArray, PengiError, printable, validate } from '@pengi/core';
import {
  type Gpt2Config,
  type Gpt2Params,
  gpt2Embed,
  gpt2Hidden,
  type Tokenizer,
  tokenLosses,
} from '@pengi/gpt2';
import type { Arrays } from '@pengi/jit';
import { bufferPaths, type Keys } from '@pengi/nn';
import type { Part, TrainTask } from '@pengi/train';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type PengiConfig, pengiConfigSchema, tokensAfterPrefix } from './config.js';
import { type PengiBatch, pengiLoss } from './model.js';
import { frozenInTraining, type PengiParams, pengiSpec } from './params.js';
import { promptTokenizer } from './prompts.js';
import { pengiTokenizer, stopTokenOf } from './tokenizer.js';

/**
 * Draws the samples of a step; it must depend on the step alone, so that a resumed run equals an unbroken one.
 * @param part of these samples that is wanted, where several processes train together: `partOf` of @pengi/train takes it
 */
export type Draw<Sample> = (step: number, part?: Part) => Promise<readonly Sample[]> | readonly Sample[];

/** A clip's log-mel [frames, mels] in dB, row-major. */
export interface AudioSample {
  id: string;
  logMel: Float32Array;
}

export interface TaskOptions {
  /** Patterns of the parameters that stay as they are; each task has a default. Buffers always stay. */
  frozen?: readonly string[];
  /** Default true, as the reference whenever it trains. */
  specAugment?: boolean;
}

/**
 * Contrastive pretraining on clips and their captions (appendix D); nothing is frozen by default. Clips with the same
 * caption are right for each other. Captions are cut to `config.text.promptLength` tokens.
 * @throws PengiError (its `batch`) E_DATA for no samples and for log-mels of different sizes, E_TEXT for captions that a
 *   small vocabulary lacks words for
 */
export function clapTask(
  config: ClapConfig,
  params: ClapParams<NdArray>,
  draw: Draw<AudioSample & { caption: string }>,
  { frozen = [], specAugment = true }: TaskOptions = {},
): TrainTask<ClapParams, ClapBatch> {
  const tokenizer = clipTokenizerOf(config.text);
  return {
    name: 'clap',
    params: params as Arrays<ClapParams>,
    frozen: [...frozen, ...UNREACHED, ...bufferPaths(clapSpec(config))],
    loss: (p, batch, keys) => clapLoss(p, batch, config, keys, { specAugment }),
    contrast: {
      rows: (p, batch, keys) => clapRows(p, batch, config, keys, { specAugment }),
      value: clapRowsLoss,
    },
    async batch(step, part) {
      const samples = await drawn(draw, step, part);
      const captions = samples.map(({ caption }) => caption);
      const arrays: ClapBatch<NdArray> = {
        logMel: stacked(samples, config.frontend.mels),
        ids: promptIds(tokenizer, captions, config.text),
        groups: captionGroups(captions),
      };
      return { arrays: arrays as Arrays<ClapBatch>, ids: samples.map(({ id }) => id) };
    },
  };
}

/** A batch of documents for the language model. */
export interface DocumentBatch<Leaf = Tensor> {
  /** [B, T] int32 */
  ids: Leaf;
  /** [B, T] float32: 1 for tokens, 0 for padding */
  mask: Leaf;
}

/**
 * The language model alone, on documents of several texts each ended by the end-of-text token. Documents that say the
 * same thing in several ways teach it to repeat what it was told; that is what a prefix makes use of later.
 * @param length tokens of a document: longer ones are cut; default and most: the model's positions
 * @throws PengiError E_USAGE for another length; its `batch`: E_DATA for no samples, E_TEXT as `clapTask`
 */
export function languageTask(
  config: Gpt2Config,
  params: Gpt2Params<NdArray>,
  draw: Draw<{ id: string; texts: readonly string[] }>,
  { length = config.positions }: { length?: number } = {},
): TrainTask<Gpt2Params, DocumentBatch> {
  if (!(Number.isInteger(length) && length >= 2 && length <= config.positions))
    throw new PengiError('E_USAGE', `documents have 2 to ${config.positions} tokens, not ${length}`);
  const tokenizer = pengiTokenizer(config);
  return {
    name: 'language model',
    params: params as Arrays<Gpt2Params>,
    frozen: [],
    loss: (p, batch, keys) => documentLoss(p, batch, config, keys),
    weight: ({ mask }) => countedTokens(mask, 1),
    async batch(step, part) {
      const samples = await drawn(draw, step, part);
      const documents = samples.map(({ texts }) => texts.flatMap((text) => ended(tokenizer, text)));
      const { ids, mask } = padded(documents, length, tokenizer.pad);
      return { arrays: { ids, mask } as Arrays<DocumentBatch>, ids: samples.map(({ id }) => id) };
    },
  };
}

function documentLoss(
  p: Gpt2Params,
  { ids, mask }: DocumentBatch,
  config: Gpt2Config,
  keys: Keys | undefined,
): Scalar {
  const [B, T] = ids.shape as [number, number];
  const given = tf.slice(ids, [0, 0], [B, T - 1]);
  const targets = tf.slice(ids, [0, 1], [B, T - 1]);
  const counts = tf.slice(mask, [0, 1], [B, T - 1]);
  const { hidden } = gpt2Hidden(p, gpt2Embed(p, given), config, { keys });
  return tf.div(tf.sum(tf.mul(tokenLosses(p, hidden, targets), counts)), tf.sum(counts)) as Scalar;
}

/**
 * Answers to prompts about clips (section 3.2); by default the text tower and the language model are frozen. Prompts are
 * read, and cut, as in inference.
 * @throws PengiError E_CONFIG as `createPengi`; its `batch`: E_DATA for no samples, log-mels of different sizes and targets
 *   that are too long for the language model, E_TEXT for empty prompts and for words that a small vocabulary lacks
 */
export function pengiTask(
  config: PengiConfig,
  params: PengiParams<NdArray>,
  draw: Draw<AudioSample & { prompt: string; target: string }>,
  { frozen = frozenInTraining(config), specAugment = true }: TaskOptions = {},
): TrainTask<PengiParams, PengiBatch> {
  validate(pengiConfigSchema, config);
  const tokenizer = pengiTokenizer(config.gpt2);
  const promptOf = promptTokenizer(config);
  const stop = stopTokens(config, tokenizer);
  const most = tokensAfterPrefix(config);
  return {
    name: 'pengi',
    params: params as Arrays<PengiParams>,
    frozen: [...frozen, ...UNREACHED, ...bufferPaths(pengiSpec(config))],
    loss: (p, batch, keys) => pengiLoss(p, batch, config, { keys, specAugment }),
    weight: ({ captionMask }) => countedTokens(captionMask, 0),
    async batch(step, part) {
      const samples = await drawn(draw, step, part);
      const targets = samples.map(({ id, target }) => {
        const ids = [...tokenizer.encode(target), ...stop];
        if (ids.length <= most) return ids;
        throw new PengiError(
          'E_DATA',
          `sample "${printable(id)}": the target has ${ids.length} tokens with its end, at most ${most} fit after the prefix`,
        );
      });
      const prompts = samples.map(({ prompt }) => promptOf(prompt).ids);
      // Lengths in steps of 8, as each length is compiled once.
      const longest = Math.max(...targets.map((ids) => ids.length));
      const length = Math.min(most, Math.ceil(longest / LENGTH_STEP) * LENGTH_STEP);
      const { ids, mask } = padded(targets, length, tokenizer.pad);
      const arrays: PengiBatch<NdArray> = {
        logMel: stacked(samples, config.frontend.mels),
        promptIds: ints(
          prompts.flatMap((found) => [...found]),
          [prompts.length, prompts[0]!.length],
        ),
        captionIds: ids,
        captionMask: mask,
      };
      return { arrays: arrays as Arrays<PengiBatch>, ids: samples.map(({ id }) => id) };
    },
  };
}

/** The token-semantic head: part of HTSAT, reached by none of the losses. */
const UNREACHED = ['**.tscam_conv', '**.head'];

const LENGTH_STEP = 8;

async function drawn<Sample>(
  draw: Draw<Sample>,
  step: number,
  part: Part | undefined,
): Promise<readonly Sample[]> {
  const samples = await draw(step, part);
  if (samples.length === 0) throw new PengiError('E_DATA', `no samples were drawn for step ${step + 1}`);
  return samples;
}

/** [B, 2]: 64 bits of each caption, which are equal for equal captions in all processes. */
function captionGroups(captions: readonly string[]): NdArray<'int32'> {
  // FNV-1a from two starting points: what collides from one does not from the other.
  const names = captions.flatMap((caption) => [fnv1a(`1${caption}`), fnv1a(`2${caption}`)]);
  return ints(Int32Array.from(names), [captions.length, 2]);
}

/** Of a mask [B, T] of 1 and 0, the number of ones from position `from` on. */
function countedTokens({ data, shape }: NdArray, from: number): number {
  const length = shape[1]!;
  let count = 0;
  for (let i = 0; i < data.length; i++) if (i % length >= from) count += Number(data[i]);
  return count;
}

/** What ends an answer: the end of text, and before it the lone blank at which the released models stop. */
function stopTokens(config: PengiConfig, tokenizer: Tokenizer): number[] {
  const stop = stopTokenOf(config);
  return stop === tokenizer.endOfText ? [stop] : [stop, tokenizer.endOfText];
}

function ended(tokenizer: Tokenizer, text: string): number[] {
  return [...tokenizer.encode(text), tokenizer.endOfText];
}

/** [B, frames, mels] */
function stacked(samples: readonly AudioSample[], mels: number): NdArray<'float32'> {
  const size = samples[0]!.logMel.length;
  const data = new Float32Array(samples.length * size);
  for (const [b, { id, logMel }] of samples.entries()) {
    if (logMel.length !== size || size === 0 || size % mels !== 0)
      throw new PengiError(
        'E_DATA',
        `sample "${printable(id)}": a log-mel of ${logMel.length} values, expected ${size > 0 && size % mels === 0 ? size : `frames of ${mels}`}`,
      );
    data.set(logMel, b * size);
  }
  return floats(data, [samples.length, size / mels, mels]);
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
  const shape = [sequences.length, length];
  return { ids: ints(ids, shape), mask: floats(mask, shape) };
}
