import type { Frontend, PrepareOptions, ReadAudioOptions } from '@pengi/audio-frontend';
import { type AudioEncoder, type AudioInput, normalized, type PoolOptions } from '@pengi/clap';
import { floats, type NdArray } from '@pengi/core';

/**
 * How files are read (`maxSeconds`, `allowDamaged`), and what is heard of long ones: the part that `crop` says (with `rng`),
 * or with `pool` all windows, whose embeddings are joined into one.
 */
export type AudioOptions = ReadAudioOptions & PrepareOptions & PoolOptions;

/** Audio embeddings [N, E] of length 1, and what is to be said about each recording. */
export type Hear = (
  inputs: readonly AudioInput[],
  options?: AudioOptions,
) => Promise<{ embeddings: NdArray<'float32'>; warnings: (readonly string[])[] }>;

export function createHear(frontend: Frontend, audioEncoder: AudioEncoder): Hear {
  return async (inputs, { pool, ...options } = {}) => {
    if (pool !== undefined) return hearWhole(audioEncoder, inputs, { pool, ...options });
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

/** One recording after the other, each with all of its windows. */
async function hearWhole(audioEncoder: AudioEncoder, inputs: readonly AudioInput[], options: AudioOptions) {
  const rows: NdArray<'float32'>[] = [];
  const warnings: string[][] = [];
  for (const input of inputs) {
    const own: string[] = [];
    rows.push(await audioEncoder.embed([input], { ...options, warn: (message) => own.push(message) }));
    warnings.push(own);
  }
  const width = rows[0]?.shape[1] ?? 0;
  const joined = Float32Array.from(rows.flatMap(({ data }) => [...data]));
  return { embeddings: normalized(floats(joined, [rows.length, width])), warnings };
}
