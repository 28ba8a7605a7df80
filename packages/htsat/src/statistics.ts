import { floats, type NdArray, PengiError } from '@pengi/core';
import type { HtsatParams } from './params.js';

/**
 * Parameters whose bn0 has the mean and variance of these log-mels: with running statistics that are not trained, this is
 * what makes a model that starts from scratch see standardised input.
 * @param logMels [frames, mels] each, row-major, dB
 * @throws PengiError E_DATA when there are none
 */
export function withBatchNormStatistics(
  params: HtsatParams<NdArray>,
  logMels: Iterable<Float32Array>,
): HtsatParams<NdArray> {
  const mels = params.bn0.running_mean.shape[0]!;
  const sum = new Float64Array(mels);
  const squares = new Float64Array(mels);
  let frames = 0;
  for (const logMel of logMels) {
    for (let i = 0; i < logMel.length; i++) {
      sum[i % mels]! += logMel[i]!;
      squares[i % mels]! += logMel[i]! ** 2;
    }
    frames += logMel.length / mels;
  }
  if (frames === 0) throw new PengiError('E_DATA', 'no log-mels to take the statistics of');
  const mean = sum.map((total) => total / frames);
  const variance = squares.map((total, m) => Math.max(0, total / frames - mean[m]! ** 2));
  return {
    ...params,
    bn0: { ...params.bn0, running_mean: floats([...mean]), running_var: floats([...variance]) },
  };
}
