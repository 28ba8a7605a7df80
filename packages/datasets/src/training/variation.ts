import { PengiError, type Rng } from '@pengi/core';
import type { ExampleText } from './source.js';

/** How the same recording is heard differently each time it is drawn. Nothing of it by default. */
export interface Augmentation {
  /** Play at one of these speeds, in semitones up; each is a log-mel of its own in the cache. Default [0]. */
  readonly speeds?: readonly number[];
  /** Louder or softer by up to so many dB. Default 0. */
  readonly gainDb?: number;
  /** What the answer is when the recording sounds so many semitones higher: `movedPitch` for notes. */
  readonly retarget?: (target: string, semitones: number) => string;
}

/** What was drawn for one example at one step. */
export interface Variation {
  readonly text: ExampleText;
  readonly speed: number;
  readonly gainDb: number;
  /** 0 … 1: where in a longer recording the crop begins. */
  readonly crop: number;
}

/**
 * Draws by a stream that belongs to the step and the example. Each choice has a stream of its own, so that none depends
 * on which others are made.
 */
export function vary(texts: readonly ExampleText[], rng: Rng, augmentation: Augmentation): Variation {
  const { speeds = [0], gainDb = 0, retarget } = augmentation;
  const drawn = texts[rng.fork('text').int(texts.length)] as ExampleText;
  const speed = speeds[rng.fork('speed').int(speeds.length)] as number;
  return {
    text: speed === 0 || !retarget ? drawn : { ...drawn, target: retarget(drawn.target, speed) },
    speed,
    gainDb: gainDb * (2 * rng.fork('gain').uniform() - 1),
    crop: rng.fork('crop').uniform(),
  };
}

/** @throws PengiError E_USAGE */
export function checkAugmentation({ speeds = [0], gainDb = 0 }: Augmentation): void {
  if (speeds.length === 0 || !speeds.every((speed) => Math.abs(speed) <= 24))
    throw new PengiError('E_USAGE', `speeds are ${speeds.join(', ')}; -24 … 24 semitones are allowed`);
  if (!(gainDb >= 0 && gainDb < Number.POSITIVE_INFINITY))
    throw new PengiError('E_USAGE', `gainDb is ${gainDb}; it is a number of dB from 0 on`);
}

/** An answer of NSynth's template, "produced by flute, pitch 60, …", for a note played `semitones` higher. */
export function movedPitch(target: string, semitones: number): string {
  return target.replace(
    /\bpitch (\d+)/,
    (_, pitch: string) => `pitch ${Number(pitch) + Math.round(semitones)}`,
  );
}

/** Power below this is silence for the front end: -100 dB. */
const FLOOR_DB = -100;

/**
 * `frames` frames of a log-mel from where `crop` says, made louder by `gainDb`, and raised to at most `topDb` below their
 * peak: what the front end gives for that part of the recording, but for the two frames at either end, which hear what is
 * beside them rather than its reflection.
 */
export function cropped(
  logMel: Float32Array,
  { frames, mels, topDb }: { frames: number; mels: number; topDb: number | null },
  { crop, gainDb }: Pick<Variation, 'crop' | 'gainDb'>,
): Float32Array {
  const spare = logMel.length / mels - frames;
  const first = Math.min(spare, Math.floor(crop * (spare + 1)));
  const part = logMel.slice(first * mels, (first + frames) * mels);
  let floor = FLOOR_DB;
  if (topDb !== null)
    floor = Math.max(floor, part.reduce((peak, value) => Math.max(peak, value)) + gainDb - topDb);
  if (gainDb !== 0 || topDb !== null)
    for (let i = 0; i < part.length; i++) part[i] = Math.max(floor, (part[i] as number) + gainDb);
  return part;
}
