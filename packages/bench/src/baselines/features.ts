import { PengiError } from '@pengi/core';
import type { LogMelClip } from '@pengi/report';

/**
 * What the linear baseline sees of a clip: each mel band's mean, standard deviation and mean absolute difference from one
 * frame to the next, [3 · mels]. Loudness and colour, how much they vary, and how fast.
 * @throws PengiError E_SHAPE when `data` does not have `frames · mels` values
 */
export function logMelStatistics({ data, frames, mels }: LogMelClip): Float32Array {
  if (frames < 1 || mels < 1 || data.length !== frames * mels)
    throw new PengiError(
      'E_SHAPE',
      `${data.length} values are no log-mel of ${frames} frames x ${mels} mels`,
    );
  const statistics = new Float32Array(3 * mels);
  for (let m = 0; m < mels; m++) {
    let [sum, change] = [0, 0];
    for (let t = 0; t < frames; t++) {
      sum += valueAt(data, t * mels + m);
      if (t > 0) change += Math.abs(valueAt(data, t * mels + m) - valueAt(data, (t - 1) * mels + m));
    }
    const mean = sum / frames;
    let squares = 0;
    for (let t = 0; t < frames; t++) squares += (valueAt(data, t * mels + m) - mean) ** 2;
    statistics[m] = mean;
    statistics[mels + m] = Math.sqrt(squares / frames);
    statistics[2 * mels + m] = frames > 1 ? change / (frames - 1) : 0;
  }
  return statistics;
}

function valueAt(data: Float32Array, index: number): number {
  return data[index] as number;
}
