import type { Frontend, PrepareOptions, ReadAudioOptions } from '@pengi/audio-frontend';
import { type AudioEncoder, type AudioInput, normalized } from '@pengi/clap';
import type { NdArray } from '@pengi/core';

/** How files are read (`maxSeconds`, `allowDamaged`) and cropped (`crop`, `rng`). */
export type AudioOptions = ReadAudioOptions & PrepareOptions;

/** Audio embeddings [N, E] of length 1, and what is to be said about each recording. */
export type Hear = (
  inputs: readonly AudioInput[],
  options?: AudioOptions,
) => Promise<{ embeddings: NdArray<'float32'>; warnings: (readonly string[])[] }>;

export function createHear(frontend: Frontend, audioEncoder: AudioEncoder): Hear {
  return async (inputs, options = {}) => {
    const clips = [];
    for (const input of inputs)
      clips.push(
        typeof input === 'string' ? await frontend.load(input, options) : frontend.prepare(input, options),
      );
    const logMel = frontend.logMelBatch(clips.map(({ samples }) => samples));
    return {
      embeddings: normalized(await audioEncoder.embedLogMel(logMel)),
      warnings: clips.map(({ warnings }) => warnings),
    };
  };
}
