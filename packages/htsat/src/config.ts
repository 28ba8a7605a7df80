import { PengiError } from '@pengi/core';
import { z } from 'zod';

const size = z.int().positive();

export const htsatConfigSchema = z
  .strictObject({
    /** Side of the square image that a log-mel is folded into. */
    specSize: size,
    /** Mel bands of the input; `specSize / mels` pieces of time are stacked in the image. */
    mels: size,
    /** Side of a patch; patches do not overlap. */
    patchSize: size,
    /** Channels of the first stage; each further stage has twice as many. */
    embedDim: size,
    /** Blocks per stage. */
    depths: z.array(size).min(1).readonly(),
    /** Attention heads per stage. */
    heads: z.array(size).min(1).readonly(),
    /** Side of an attention window, in tokens. */
    windowSize: size,
    mlpRatio: z.number().positive(),
    /** Classes of the token-semantic head (527 in AudioSet). */
    classes: size,
    /**
     * A learnt embedding of the position on the image: its standard deviation at the start (0.02 in the reference; small
     * models trained from scratch learn pitch with 0.5), or null for none.
     */
    positionEmbedding: z.number().positive().nullable(),
    /** Stochastic depth in training, rising linearly from 0 in the first block to this in the last. */
    dropPath: z.number().min(0).lt(1),
  })
  .superRefine((config, context) => {
    const message = misfit(config);
    if (message) context.addIssue({ code: 'custom', message });
  });

export type HtsatConfig = Readonly<z.infer<typeof htsatConfigSchema>>;

/** HTSAT-tiny as in Pengi, msclap and LAION-CLAP: 31 M parameters, latent of 768. */
export const HTSAT_RELEASED = {
  specSize: 256,
  mels: 64,
  patchSize: 4,
  embedDim: 96,
  depths: [2, 2, 6, 2],
  heads: [4, 8, 16, 32],
  windowSize: 8,
  mlpRatio: 4,
  classes: 527,
  positionEmbedding: null,
  dropPath: 0.1,
} as const satisfies HtsatConfig;

/** A small encoder that learns from a few hundred recordings in minutes. */
export const HTSAT_SMALL = {
  specSize: 128,
  mels: 128,
  patchSize: 16,
  embedDim: 64,
  depths: [2, 2],
  heads: [4, 8],
  windowSize: 8,
  mlpRatio: 4,
  classes: 1,
  positionEmbedding: 0.5,
  dropPath: 0.1,
} as const satisfies HtsatConfig;

/** Sizes that follow from a config. */
export interface HtsatSizes {
  /** Pieces of time that are stacked in the image: R. */
  pieces: number;
  /** Frames that fill the image: R · specSize. */
  imageFrames: number;
  /** Tokens per side after patching. */
  grid: number;
  /** Channels and token grid of each stage. */
  stages: readonly { channels: number; side: number; window: number; depth: number; heads: number }[];
  /** Channels of the latent. */
  latent: number;
  /** Tokens per side in the last stage. */
  lastSide: number;
}

/** @throws PengiError E_CONFIG when sizes do not divide each other */
export function htsatSizes(config: HtsatConfig): HtsatSizes {
  const problem = misfit(config);
  if (problem) throw new PengiError('E_CONFIG', `htsat: ${problem}`);
  const { specSize, mels, patchSize, depths, heads } = config;
  const pieces = specSize / mels;
  const stages = depths.map((depth, i) => ({ ...stageSizes(config, i), depth, heads: heads[i]! }));
  const { channels: latent, side: lastSide } = stages.at(-1)!;
  return { pieces, imageFrames: pieces * specSize, grid: specSize / patchSize, stages, latent, lastSide };
}

/** What is wrong with the sizes of a config, if anything. */
function misfit(config: HtsatConfig): string | undefined {
  const { specSize, mels, patchSize, depths, heads } = config;
  const grid = specSize / patchSize;
  const pieces = specSize / mels;
  const rules: [holds: boolean, message: string][] = [
    [specSize % mels === 0, `mels (${mels}) must divide specSize (${specSize})`],
    [specSize % patchSize === 0, `patchSize (${patchSize}) must divide specSize (${specSize})`],
    [depths.length === heads.length, `${depths.length} depths but ${heads.length} heads`],
    ...depths.flatMap((_, i): typeof rules => {
      const { channels, side, window } = stageSizes(config, i);
      return [
        [Number.isInteger(side), `a grid of ${grid} tokens cannot be halved ${i} times`],
        [side % window === 0, `windows of ${window} do not fill a grid of ${side}`],
        [channels % heads[i]! === 0, `${heads[i]} heads do not divide ${channels} channels`],
      ];
    }),
    [
      stageSizes(config, depths.length - 1).side % pieces === 0,
      `${pieces} pieces of time do not divide the last grid of ${grid / 2 ** (depths.length - 1)}`,
    ],
  ];
  return rules.find(([holds]) => !holds)?.[1];
}

/** A stage that cannot hold several windows has one window. */
function stageSizes({ specSize, patchSize, embedDim, windowSize }: HtsatConfig, stage: number) {
  const side = specSize / patchSize / 2 ** stage;
  return { channels: embedDim * 2 ** stage, side, window: Math.min(windowSize, side) };
}
