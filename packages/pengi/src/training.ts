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
import { ints, type NdArray, PengiError, printable, validate } from '@pengi/core';
import {
  type Gpt2Config,
  type Gpt2Params,
  gpt2Embed,
  gpt2Hidden,
  gpt2Spec,
  type Tokenizer,
  tokenLosses,
} from '@pengi/gpt2';
import type { Arrays } from '@pengi/jit';
import { bufferPaths, type Keys } from '@pengi/nn';
import type { TrainTask } from '@pengi/train';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type PengiConfig, pengiConfigSchema, tokensAfterPrefix } from './config.js';
import { type PengiBatch, pengiLoss } from './model.js';
import { frozenInTraining, type PengiParams, pengiSpec } from './params.js';
import { promptTokenizer } from './prompts.js';
import { pengiTokenizer, stopTokenOf } from './tokenizer.js';
import {
  type AudioSample,
  CAPTION_LENGTHS,
  captionGroups,
  checkLengths,
  countedTokens,
  type Draw,
  drawn,
  padded,
  paddedLength,
  stacked,
} from './training-batches.js';
import {
  type AudioTaskOptions,
  adapted,
  inputStatistics,
  type TaskOptions,
  UNREACHED,
} from './training-options.js';

export interface ClapTaskOptions extends AudioTaskOptions {
  /**
   * Mixes recordings in pairs (neighbours in the batch, whose parts must be even), each being right for both texts by its share;
   * default false. There is no such thing for `pengiTask`: a recording that is half of two has no one answer.
   */
  mixUp?: boolean;
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
  { frozen = [], lora, batchNorm, specAugment = true, mixUp = false }: ClapTaskOptions = {},
): TrainTask<ClapParams, ClapBatch> {
  const tokenizer = clipTokenizerOf(config.text);
  const spec = clapSpec(config);
  const model = adapted<ClapParams>(params as never, spec, lora);
  const augment = { specAugment, mixUp };
  return {
    ...model,
    ...inputStatistics(batchNorm),
    name: 'clap',
    frozen: [...frozen, ...model.frozen, ...UNREACHED, ...bufferPaths(spec)],
    loss: (p, batch, keys) => clapLoss(p, batch, config, keys, augment),
    contrast: {
      rows: (p, batch, keys) => clapRows(p, batch, config, keys, augment),
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

export interface LanguageTaskOptions extends TaskOptions {
  /** Tokens of a document: longer ones are cut; default and most: the model's positions. */
  length?: number;
}

/**
 * The language model alone, on documents of several texts each ended by the end-of-text token. Documents that say the
 * same thing in several ways teach it to repeat what it was told; that is what a prefix makes use of later.
 * @throws PengiError E_USAGE for another length; its `batch`: E_DATA for no samples, E_TEXT as `clapTask`
 */
export function languageTask(
  config: Gpt2Config,
  params: Gpt2Params<NdArray>,
  draw: Draw<{ id: string; texts: readonly string[] }>,
  { length = config.positions, frozen = [], lora }: LanguageTaskOptions = {},
): TrainTask<Gpt2Params, DocumentBatch> {
  if (!(Number.isInteger(length) && length >= 2 && length <= config.positions))
    throw new PengiError('E_USAGE', `documents have 2 to ${config.positions} tokens, not ${length}`);
  const tokenizer = pengiTokenizer(config);
  const model = adapted<Gpt2Params>(params as never, gpt2Spec(config), lora);
  return {
    ...model,
    name: 'language model',
    frozen: [...frozen, ...model.frozen],
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

export interface PengiTaskOptions extends AudioTaskOptions {
  /** Ascending lengths in tokens that answers, with their end, are padded to; default `CAPTION_LENGTHS`. */
  captionLengths?: readonly number[];
}

/**
 * Answers to prompts about clips (section 3.2); by default the text tower and the language model are frozen. Prompts are
 * read, and cut, as in inference.
 * @throws PengiError E_CONFIG as `createPengi`, E_USAGE for lengths that cannot be; its `batch`: E_DATA for no samples, log-mels of different sizes and targets
 *   that are too long for the language model, E_TEXT for empty prompts and for words that a small vocabulary lacks
 */
export function pengiTask(
  config: PengiConfig,
  params: PengiParams<NdArray>,
  draw: Draw<AudioSample & { prompt: string; target: string }>,
  {
    frozen = frozenInTraining(config),
    lora,
    batchNorm,
    specAugment = true,
    captionLengths = CAPTION_LENGTHS,
  }: PengiTaskOptions = {},
): TrainTask<PengiParams, PengiBatch> {
  validate(pengiConfigSchema, config);
  checkLengths(captionLengths);
  const spec = pengiSpec(config);
  const model = adapted<PengiParams>(params as never, spec, lora);
  const tokenizer = pengiTokenizer(config.gpt2);
  const promptOf = promptTokenizer(config);
  const stop = stopTokens(config, tokenizer);
  const most = tokensAfterPrefix(config);
  return {
    ...model,
    ...inputStatistics(batchNorm),
    name: 'pengi',
    frozen: [...frozen, ...model.frozen, ...UNREACHED, ...bufferPaths(spec)],
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
      const longest = Math.max(...targets.map((ids) => ids.length));
      const length = paddedLength(longest, captionLengths, most);
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

/** What ends an answer: the end of text, and before it the lone blank at which the released models stop. */
function stopTokens(config: PengiConfig, tokenizer: Tokenizer): number[] {
  const stop = stopTokenOf(config);
  return stop === tokenizer.endOfText ? [stop] : [stop, tokenizer.endOfText];
}

function ended(tokenizer: Tokenizer, text: string): number[] {
  return [...tokenizer.encode(text), tokenizer.endOfText];
}
