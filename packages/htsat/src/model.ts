/**
 * HTSAT (Chen et al., ICASSP 2022), the audio encoder of Pengi: a Swin transformer over a log-mel folded into a square
 * image. Shape letters: B batch, T frames, M mels, R pieces of time, S side of the image in pixels or of a stage in
 * tokens, C channels, W side of a window, N = W² tokens of a window, H heads, D channels of a head.
 */
import { PengiError } from '@pengi/core';
import { attend, dropPath, fold, gelu, type Keys, layerNorm, linear, type Probe } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { mixUp, specAugment } from './augment.js';
import { type HtsatConfig, htsatSizes } from './config.js';
import { mergeOrder, permuted, placesOf, rasterOrder, transposedPlaces, windowOrder } from './orders.js';
import type { BlockParams, HtsatBodyParams, HtsatParams, StageParams } from './params.js';
import { bicubicMatrix } from './resize.js';

export interface HtsatOutput {
  /** [B, C]: the mean over the tokens of the last stage. What Pengi and CLAP project. */
  latent: Tensor;
  /** [B, classes]: probabilities of the clip. */
  clipwise: Tensor;
  /**
   * [B, T', classes]: probabilities over time. Each moment (a column of the last grid in one of the R pieces) lasts
   * 8 · patchSize frames as in the reference, which makes T' = R · specSize for four stages.
   */
  framewise: Tensor;
}

export interface HtsatOptions {
  /**
   * Training: turns on drop path and SpecAugment. bn0 uses its running statistics all the same, unless they are replaced by
   * those of the batch (`batchNormStatistics`).
   */
  keys?: Keys | undefined;
  /** SpecAugment in training; default true, as the reference whenever it trains. */
  specAugment?: boolean;
  /** [B] share of each clip, the rest comes from its neighbour, see `mixUp`. */
  mixUp?: Tensor | undefined;
  probe?: Probe | undefined;
}

/**
 * The encoder on log-mels [B, T, M] in dB. Up to R · specSize frames are stretched to the image; of more, crops are
 * encoded and the outputs averaged.
 * @throws PengiError E_SHAPE for another shape, and for more frames than fit in training or with an image too small for
 *   the reference's crops
 */
export function htsat(
  p: HtsatParams,
  logMel: Tensor,
  config: HtsatConfig,
  options: HtsatOptions = {},
): HtsatOutput {
  const { tokens, average } = encode(p, logMel, config, options);
  const { clipwise, framewise } = tokenSemanticHead(p, tokens, config, options.probe);
  return {
    latent: average(tf.mean(tokens, 1)),
    clipwise: average(clipwise),
    framewise: average(framewise),
  };
}

/**
 * `HtsatOutput.latent` alone, [B, C], of an encoder whose checkpoint may have no token-semantic head.
 * @throws PengiError E_SHAPE as `htsat`
 */
export function htsatLatent(
  p: HtsatBodyParams,
  logMel: Tensor,
  config: HtsatConfig,
  options: HtsatOptions = {},
): Tensor {
  const { tokens, average } = encode(p, logMel, config, options);
  return average(tf.mean(tokens, 1));
}

/**
 * The last tokens over time, [B, moments, C]: of each moment (a column of the last grid in one of the R pieces) the mean over
 * its bands. Their mean over all moments is the latent. `momentTimes` says when each is.
 * @throws PengiError E_SHAPE as `htsat`, and for more frames than fit: crops, being averaged, have no common time
 */
export function htsatMoments(
  p: HtsatBodyParams,
  logMel: Tensor,
  config: HtsatConfig,
  options: HtsatOptions = {},
): Tensor {
  const { pieces: R, lastSide: S, latent: C, imageFrames } = htsatSizes(config);
  const [B = 0, frames = 0] = logMel.shape;
  if (frames > imageFrames)
    throw new PengiError('E_SHAPE', `at most ${imageFrames} frames have moments, found ${frames}`, {
      hint: 'crop the recordings',
    });
  const { tokens } = encode(p, logMel, config, options);
  return tf.reshape(tf.mean(tf.reshape(tokens, [B, R, S / R, S, C]), 2), [B, R * S, C]);
}

/**
 * The tokens [crops · B, tokens, C] of the last stage, and what makes one output [B, …] of those of all crops. Without
 * crops that is nothing.
 */
function encode(
  p: HtsatBodyParams,
  logMel: Tensor,
  config: HtsatConfig,
  options: HtsatOptions,
): { tokens: Tensor; average: (y: Tensor) => Tensor } {
  const { keys, probe } = options;
  const [B = 0, frames, mels] = logMel.shape;
  if (logMel.rank !== 3 || !frames || mels !== config.mels)
    throw new PengiError(
      'E_SHAPE',
      `HTSAT takes log-mels [B, T, ${config.mels}] with T >= 1, found [${logMel.shape.join(', ')}]`,
    );
  const { imageFrames } = htsatSizes(config);
  const starts = frames > imageFrames ? cropStarts(frames) : [];
  if (frames > imageFrames && (keys || CROP_FRAMES > imageFrames || starts.length === 0))
    throw new PengiError(
      'E_SHAPE',
      `${keys ? 'training' : 'this config'} takes at most ${imageFrames} frames, found ${frames}`,
      { hint: 'crop the recordings' },
    );

  let x = batchNorm(p.bn0, logMel);
  probe?.('bn0', x);
  if (keys && options.specAugment !== false) x = specAugment(x, fold(keys, 'specAugment'));
  if (options.mixUp) x = mixUp(x, options.mixUp);
  if (starts.length === 0)
    return { tokens: encodeImage(p, toImage(x, config), config, options), average: (y) => y };
  const crops = tf.concat(
    starts.map((start) => tf.slice(x, [0, start, 0], [B, CROP_FRAMES, mels])),
    0,
  );
  return {
    tokens: encodeImage(p, toImage(crops, config), config, options),
    average: (y) => tf.mean(tf.reshape(y, [starts.length, B, ...y.shape.slice(1)]), 0),
  };
}

/** bn0 with its running statistics, over the mel axis. x [B, T, M]. */
function batchNorm(p: HtsatParams['bn0'], x: Tensor): Tensor {
  const deviation = tf.sqrt(tf.add(p.running_var, 1e-5));
  return tf.add(tf.mul(tf.div(tf.sub(x, p.running_mean), deviation), p.weight), p.bias);
}

/**
 * Longer inputs: crops of 689 frames, one every 344 as long as one more frame than the crop is left, and the mean of
 * their outputs (the reference's numbers, whatever the size of the image).
 */
const CROP_FRAMES = 689;
const CROP_STEP = 344;

/** The first frames of the crops of a log-mel of `frames`. */
export function cropStarts(frames: number): number[] {
  const starts: number[] = [];
  for (let start = 0; start < frames - CROP_FRAMES - 1; start += CROP_STEP) starts.push(start);
  return starts;
}

/** [B, T, M] -> [B, S, S]: time resized to R·S frames, cut into R pieces, stacked along frequency. */
function toImage(x: Tensor, config: HtsatConfig): Tensor {
  const [B, T, M] = x.shape as [number, number, number];
  const { pieces: R, imageFrames } = htsatSizes(config);
  const S = config.specSize;
  let resized = x;
  if (T < imageFrames) {
    const matrix = tf.tensor2d(bicubicMatrix(T, imageFrames), [imageFrames, T]);
    const columns = tf.matMul(matrix, tf.reshape(tf.transpose(x, [1, 0, 2]), [T, B * M])); // [R·S, B·M]
    resized = tf.transpose(tf.reshape(columns, [imageFrames, B, M]), [1, 0, 2]);
  }
  const stacked = tf.transpose(tf.reshape(resized, [B, R, S, M]), [0, 1, 3, 2]); // [B, R, M, S]
  return tf.reshape(stacked, [B, R * M, S]);
}

/** [B, S, S] -> the tokens [B, tokens, C] of the last stage, normalised. */
function encodeImage(p: HtsatBodyParams, image: Tensor, config: HtsatConfig, options: HtsatOptions): Tensor {
  const { keys, probe } = options;
  const { stages } = htsatSizes(config);
  probe?.('image', image);

  let x = patchEmbed(p, image, config.patchSize); // [B, S², C]
  probe?.('patch_embed', x);

  const blocks = config.depths.reduce((a, b) => a + b, 0);
  let index = 0;
  for (const [i, layer] of p.layers.entries()) {
    const { side, window, depth, heads } = stages[i]!;
    const rates = Array.from({ length: depth }, () => (config.dropPath * index++) / Math.max(1, blocks - 1));
    x = stage(layer, x, { side, window, heads, rates }, fold(keys, `layers.${i}`));
    probe?.(`stage${i}`, x);
  }
  x = layerNorm(p.norm, x);
  probe?.('norm', x);
  return x;
}

/** [B, S, S] -> [B, tokens, C]: a linear layer on non-overlapping patches, which is what the convolution is. */
function patchEmbed(p: HtsatBodyParams, image: Tensor, patch: number): Tensor {
  const [B, S] = image.shape as [number, number, number];
  const grid = S / patch;
  const { weight, bias } = p.patch_embed.proj;
  const patches = tf.transpose(tf.reshape(image, [B, grid, patch, grid, patch]), [0, 1, 3, 2, 4]);
  const flat = tf.reshape(patches, [B, grid * grid, patch * patch]);
  const embedded = linear({ weight: tf.reshape(weight, [weight.shape[0]!, patch * patch]), bias }, flat);
  const x = layerNorm(p.patch_embed.norm, embedded);
  return p.absolute_pos_embed ? tf.add(x, p.absolute_pos_embed) : x;
}

interface StageSizes {
  side: number;
  window: number;
  heads: number;
  /** Drop-path rate of each block. */
  rates: readonly number[];
}

/**
 * One stage: blocks on the grid of `side` × `side` tokens, then merging 2 × 2 tokens into one. Between two blocks the tokens
 * lie window by window, as the next block wants them: all but the attention is done token by token, so that their order does
 * not matter, and they are moved once where the reference rolls, cuts, joins and rolls back.
 */
function stage(p: StageParams, x: Tensor, sizes: StageSizes, keys: Keys | undefined): Tensor {
  const { side, window } = sizes;
  const rows = rasterOrder(side);
  let [y, order] = [x, rows];
  const moveTo = (next: Int32Array) => {
    [y, order] = [permuted(y, placesOf(next, order)), next];
  };
  for (const [i, parameters] of p.blocks.entries()) {
    // Every other block shifts its windows by half a window, unless one window is the whole grid.
    const shift = i % 2 === 1 && side > window ? window >> 1 : 0;
    moveTo(windowOrder(side, window, shift));
    y = block(parameters, y, { ...sizes, shift, rate: sizes.rates[i]! }, fold(keys, `blocks.${i}`));
  }
  moveTo(p.downsample ? mergeOrder(side) : rows);
  return p.downsample ? mergePatches(p.downsample, y) : y;
}

interface BlockSizes extends StageSizes {
  shift: number;
  rate: number;
}

/** x [B, S², C], window by window. */
function block(p: BlockParams, x: Tensor, sizes: BlockSizes, keys: Keys | undefined): Tensor {
  const attended = windowAttention(p.attn, layerNorm(p.norm1, x), sizes);
  const y = tf.add(x, dropPath(attended, sizes.rate, fold(keys, 'attn')));
  const mlp = linear(p.mlp.fc2, gelu(linear(p.mlp.fc1, layerNorm(p.norm2, y))));
  return tf.add(y, dropPath(mlp, sizes.rate, fold(keys, 'mlp')));
}

/** Attention inside of windows, x [B, S², C] window by window. */
function windowAttention(p: BlockParams['attn'], x: Tensor, sizes: BlockSizes): Tensor {
  const { side: S, window: W, heads: H, shift } = sizes;
  const [B, , C] = x.shape as [number, number, number];
  const windows = (S / W) ** 2;
  const N = W * W;
  const D = C / H;

  // From windows, tokens, (q, k, v), heads to (q, k, v), windows, heads, tokens.
  const rows = tf.reshape(linear(p.qkv, x), [B, windows * N * 3 * H, D]);
  const apart = permuted(rows, transposedPlaces([windows, N, 3, H], [2, 0, 3, 1]));
  const [q, k, v] = tf.split(apart, 3, 1).map((part) => tf.reshape(part, [B, windows, H, N, D]));
  const bias = tf.gather(p.relative_position_bias_table, relativePositions(W)); // [N·N, H]
  let mask: Tensor = tf.transpose(tf.reshape(bias, [N, N, H]), [2, 0, 1]); // [H, N, N]
  if (shift > 0) mask = tf.add(mask, shiftMask(S, W, shift)); // [windows, H, N, N]
  const attended = tf.reshape(attend(q!, k!, v!, { mask }), [B, windows * H * N, D]);
  const together = permuted(attended, transposedPlaces([windows, H, N], [0, 2, 1]));
  return linear(p.proj, tf.reshape(together, [B, S * S, C]));
}

/** [N·N] rows of the bias table for each pair of tokens of a window: (Δrow + W-1)·(2W-1) + Δcolumn + W-1. */
function relativePositions(window: number): tf.Tensor1D {
  const tokens = window * window;
  const index = new Int32Array(tokens * tokens);
  for (let a = 0; a < tokens; a++)
    for (let b = 0; b < tokens; b++) {
      const rows = Math.floor(a / window) - Math.floor(b / window) + window - 1;
      const columns = (a % window) - (b % window) + window - 1;
      index[a * tokens + b] = rows * (2 * window - 1) + columns;
    }
  return tf.tensor1d(index, 'int32');
}

/** What the reference adds to scores between tokens that were not neighbours before the shift. */
const SHIFT_MASKED = -100;

/**
 * [windows, 1, N, N], after rolling by -shift: 0 between tokens that were neighbours, -100 between those of which one has
 * come around from the other side, along rows or columns.
 */
function shiftMask(side: number, window: number, shift: number): Tensor {
  const perSide = side / window;
  const tokens = window * window;
  const mask = new Float32Array(perSide * perSide * tokens * tokens);
  let at = 0;
  for (let w = 0; w < perSide * perSide; w++) {
    const top = Math.floor(w / perSide) * window;
    const left = (w % perSide) * window;
    const regions = Array.from({ length: tokens }, (_, t) => {
      const rowCameAround = top + Math.floor(t / window) >= side - shift;
      const columnCameAround = left + (t % window) >= side - shift;
      return Number(rowCameAround) * 2 + Number(columnCameAround);
    });
    for (const a of regions) for (const b of regions) mask[at++] = a === b ? 0 : SHIFT_MASKED;
  }
  return tf.tensor(mask, [perSide * perSide, 1, tokens, tokens]);
}

/** [B, S², C], two by two -> [B, (S/2)², 2C]: four neighbours side by side. */
function mergePatches(p: NonNullable<StageParams['downsample']>, x: Tensor): Tensor {
  const [B, tokens, C] = x.shape as [number, number, number];
  return linear(p.reduction, layerNorm(p.norm, tf.reshape(x, [B, tokens / 4, 4 * C])));
}

/**
 * The token-semantic head: a convolution over time of the tokens of each moment. x [B, S², C] of the last stage, where
 * row = piece · F + band and a moment is (piece, column).
 */
function tokenSemanticHead(p: HtsatParams, x: Tensor, config: HtsatConfig, probe: Probe | undefined) {
  const [B, , C] = x.shape as [number, number, number];
  const { pieces: R, lastSide: S } = htsatSizes(config);
  const F = S / R;
  const moments = tf.reshape(tf.transpose(tf.reshape(x, [B, R, F, S, C]), [0, 2, 1, 3, 4]), [B, F, R * S, C]);
  const padded = tf.pad(moments, [
    [0, 0],
    [0, 0],
    [1, 1],
    [0, 0],
  ]) as tf.Tensor4D;
  const filter = tf.transpose(p.tscam_conv.weight, [2, 3, 1, 0]) as tf.Tensor4D; // [F, 3, C, classes]
  const logits = tf.add(tf.squeeze(tf.conv2d(padded, filter, 1, 'valid'), [1]), p.tscam_conv.bias); // [B, R·S, classes]
  probe?.('tscam_conv', logits);

  const repeats = 8 * config.patchSize;
  const moment = tf.reshape(tf.sigmoid(logits), [B, R * S, 1, config.classes]);
  const framewise = tf.reshape(tf.tile(moment, [1, 1, repeats, 1]), [B, R * S * repeats, config.classes]);
  return { clipwise: tf.sigmoid(tf.mean(logits, 1)), framewise };
}
