import { PengiError, type Rng } from '@pengi/core';
import type { ExampleText } from './source.js';

/** How the same recording is heard differently each time it is drawn. Nothing of it by default. */
export interface Augmentation {
  /** Play at one of these speeds, in semitones up; each is a log-mel of its own in the cache. Default [0]. */
  readonly speeds?: readonly number[];
  /** Louder or softer by up to so many dB. Default 0. */
  readonly gainDb?: number;
  /**
   * As if heard by another microphone: a smooth frequency response is added whose four slowest cosines over the mel bands each
   * have up to half as many dB. Default 0.
   */
  readonly equalizerDb?: number;
  /**
   * Of crops at random, how often one begins where the recording does: what an onset says is rarely heard otherwise. Default 0.
   */
  readonly startShare?: number;
  /** What the answer is when the recording sounds so many semitones higher: `movedPitch` for notes. */
  readonly retarget?: (target: string, semitones: number) => string;
}

/** What was drawn for one example at one step. */
export interface Variation {
  readonly text: ExampleText;
  readonly speed: number;
  readonly gainDb: number;
  /** dB of the cosines of a frequency response, the slowest first; none for a flat one. */
  readonly response: readonly number[];
  /** 0 … 1: where in a longer recording the crop begins. */
  readonly crop: number;
}

/** Cosines of a frequency response: too few to look like a resonance. */
const COSINES = 4;

/**
 * Draws by a stream that belongs to the step and the example. Each choice has a stream of its own, so that none depends
 * on which others are made.
 */
export function vary(texts: readonly ExampleText[], rng: Rng, augmentation: Augmentation): Variation {
  const { speeds = [0], gainDb = 0, equalizerDb = 0, startShare = 0, retarget } = augmentation;
  const equalizer = rng.fork('equalizer');
  const drawn = texts[rng.fork('text').int(texts.length)] as ExampleText;
  const speed = speeds[rng.fork('speed').int(speeds.length)] as number;
  return {
    text: speed === 0 || !retarget ? drawn : { ...drawn, target: retarget(drawn.target, speed) },
    speed,
    gainDb: gainDb * (2 * rng.fork('gain').uniform() - 1),
    response: Array.from(
      { length: equalizerDb === 0 ? 0 : COSINES },
      () => (equalizerDb / 2) * (2 * equalizer.uniform() - 1),
    ),
    crop: rng.fork('start').uniform() < startShare ? 0 : rng.fork('crop').uniform(),
  };
}

/** @throws PengiError E_USAGE */
export function checkAugmentation(augmentation: Augmentation): void {
  const { speeds = [0], gainDb = 0, equalizerDb = 0, startShare = 0 } = augmentation;
  if (speeds.length === 0 || !speeds.every((speed) => Math.abs(speed) <= 24))
    throw new PengiError('E_USAGE', `speeds are ${speeds.join(', ')}; -24 … 24 semitones are allowed`);
  for (const [name, value] of Object.entries({ gainDb, equalizerDb }))
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY))
      throw new PengiError('E_USAGE', `${name} is ${value}; it is a number of dB from 0 on`);
  if (!(startShare >= 0 && startShare <= 1))
    throw new PengiError('E_USAGE', `startShare is ${startShare}; it is a share from 0 to 1`);
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
 * `frames` frames of a log-mel from where `crop` says, made louder by `gainDb` and the frequency response, and raised to at most
 * `topDb` below their peak: what the front end gives for that part of the recording, but for the two frames at either end,
 * which hear what is beside them rather than its reflection.
 */
export function cropped(
  logMel: Float32Array,
  { frames, mels, topDb }: { frames: number; mels: number; topDb: number | null },
  { crop, gainDb, response }: Pick<Variation, 'crop' | 'gainDb' | 'response'>,
): Float32Array {
  const spare = logMel.length / mels - frames;
  const first = Math.min(spare, Math.floor(crop * (spare + 1)));
  const part = logMel.slice(first * mels, (first + frames) * mels);
  const isChanged = gainDb !== 0 || response.length > 0;
  if (isChanged) {
    const added = Float64Array.from({ length: mels }, (_, band) =>
      response.reduce((sum, dB, k) => sum + dB * Math.cos((Math.PI * (k + 1) * (band + 0.5)) / mels), gainDb),
    );
    for (let i = 0; i < part.length; i++) part[i] = (part[i] as number) + (added[i % mels] as number);
  }
  if (isChanged || topDb !== null) {
    const peak = topDb === null ? 0 : part.reduce((most, value) => Math.max(most, value));
    const floor = topDb === null ? FLOOR_DB : Math.max(FLOOR_DB, peak - topDb);
    for (let i = 0; i < part.length; i++) part[i] = Math.max(floor, part[i] as number);
  }
  return part;
}
