/** The recordings that the evaluations of a run ask about, to be heard and seen. */
import { EXAMPLE_AXES, type ExampleClip, exampleClip, spectrogramPng } from '@pengi/report';
import type { tensorboardEvents } from '@pengi/train';
import type { RunFacts } from './facts.js';

/** Samples that the model is asked about at each evaluation: the first of a run's facts. */
export const SHOWN = 6;

/** By id; recordings that are gone or cannot be read are left out. */
export async function readClips({ clips }: Pick<RunFacts, 'clips'>): Promise<Map<string, ExampleClip>> {
  const found = new Map<string, ExampleClip>();
  for (const { id, audio } of clips.slice(0, SHOWN)) {
    const clip = await exampleClip(audio);
    if (clip) found.set(id, clip);
  }
  return found;
}

/** The same for TensorBoard. */
export function stillOf(
  clips: ReadonlyMap<string, ExampleClip>,
): NonNullable<Parameters<typeof tensorboardEvents>[1]> {
  const { sampleRate } = EXAMPLE_AXES;
  const entries = [...clips].map(([id, { bytes, logMel }]) => {
    const sound = { wav: bytes, sampleRate, channels: 1, frames: (bytes.length - 44) / 2 };
    return { id, image: spectrogramPng(logMel), sound };
  });
  return {
    images: Object.fromEntries(entries.map(({ id, image }) => [`spectrograms/${id}`, image])),
    sounds: Object.fromEntries(entries.map(({ id, sound }) => [`recordings/${id}`, sound])),
  };
}
