import { register } from '@pengi/datasets';
import { fitLinear, type LinearOptions } from '../baselines/linear.js';
import type { Baseline } from '../run.js';
import type { NoteTasks } from './tasks.js';

/** A training clip as the linear baseline takes it. */
export interface NoteFeatures {
  /** Such as `logMelStatistics` of the clip. */
  readonly features: Float32Array;
  readonly instrument: string;
  /** MIDI, of the clip as it is (a clip played faster is higher). */
  readonly pitch: number;
}

/**
 * The linear model's predictions for the held-out clips, by the id of the task they belong to: what `runTasks` takes as
 * `baselines`.
 * @throws PengiError as `fitLinear`
 */
export function noteBaselines(
  training: readonly NoteFeatures[],
  heldOut: readonly Float32Array[],
  options: LinearOptions = {},
): Record<keyof NoteTasks, readonly Baseline[]> {
  const features = training.map((clip) => clip.features);
  const linear = <Label extends string | number>(target: (clip: NoteFeatures) => Label) => [
    {
      name: 'linear model',
      predictions: fitLinear(features, training.map(target), options).predict(heldOut),
    },
  ];
  const instrument = linear((clip) => clip.instrument);
  const pitch = linear((clip) => clip.pitch);
  return {
    instrument,
    register: linear((clip) => register(clip.pitch)),
    pitch,
    pitchWithinOne: pitch,
    whichInstrument: instrument,
    zeroShot: instrument,
  };
}
