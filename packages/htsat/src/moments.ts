/** Time in HTSAT's output: what the columns of the last grid stand for. */
import { floats, type NdArray, PengiError } from '@pengi/core';
import { type HtsatConfig, htsatSizes } from './config.js';

/** Moment m has its middle at `first + m · step`, in frames of the input. */
export interface MomentTimes {
  /** 32 in the released configuration. */
  readonly count: number;
  readonly first: number;
  /** 30.2 of 965 frames in the released configuration: 219 ms. */
  readonly step: number;
}

/**
 * When the moments of a log-mel of `frames` are: the image has the frames stretched to `imageFrames`, first on first and last
 * on last, and each moment is a run of as many of these as there are moments' parts in it.
 * @throws PengiError E_SHAPE for fewer than two frames and for more than fit the image
 */
export function momentTimes(config: HtsatConfig, frames: number): MomentTimes {
  const { pieces, lastSide, imageFrames } = htsatSizes(config);
  if (frames < 2 || frames > imageFrames)
    throw new PengiError('E_SHAPE', `moments are of 2 to ${imageFrames} frames, found ${frames}`);
  const count = pieces * lastSide;
  const inputPerImage = (frames - 1) / (imageFrames - 1);
  const run = imageFrames / count;
  return { count, first: ((run - 1) / 2) * inputPerImage, step: run * inputPerImage };
}

/**
 * `framewise` of `Htsat.encode` with each moment once, [B, moments, classes]: there it is repeated for 8 · patchSize frames.
 */
export function momentProbabilities(framewise: NdArray, config: HtsatConfig): NdArray<'float32'> {
  const [B = 0, repeated = 0, classes = 0] = framewise.shape;
  const { pieces, lastSide } = htsatSizes(config);
  const count = pieces * lastSide;
  const every = repeated / count;
  if (framewise.shape.length !== 3 || every !== 8 * config.patchSize)
    throw new PengiError(
      'E_SHAPE',
      `framewise is [B, ${8 * config.patchSize * count}, classes], found [${framewise.shape}]`,
    );
  const data = framewise.data as Float32Array;
  const result = new Float32Array(B * count * classes);
  for (let i = 0; i < B * count; i++)
    result.set(data.subarray(i * every * classes, (i * every + 1) * classes), i * classes);
  return floats(result, [B, count, classes]);
}
