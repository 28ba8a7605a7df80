import { type StartProgress, silentProgress } from '@pengi/core';
import type { Engine } from '@pengi/jit';
import { NOTE_RECIPES } from './recipe.js';
import { quickstart } from './run.js';

export interface LearnPitchOptions {
  seed: number;
  engine: Engine;
  /** Where models, report, result and checkpoints go; an unfinished run there goes on, a finished one is done again. */
  out: string;
  signal?: AbortSignal;
  say?: (line: string) => void;
  warn?: (line: string) => void;
  progress?: StartProgress;
}

/** What the model says about held-out notes: the share of pitches that are right, and right within a semitone. */
export interface PitchFigures {
  exact: number;
  withinOne: number;
  /** Of training, all three stages. */
  seconds: number;
}

/**
 * `pengi quickstart --recipe pitch` in this process.
 * @returns undefined when interrupted: the next call goes on where this one stopped
 * @throws PengiError E_DATA when the recordings are not installed
 */
export async function learnPitch(options: LearnPitchOptions): Promise<PitchFigures | undefined> {
  const { engine, say = () => {}, warn = () => {}, progress = silentProgress } = options;
  const context = {
    json: true, // no dashboard, which would be drawn over the caller's lines
    debug: false,
    engine: async () => engine,
    say,
    data: () => {},
    warn,
    progress,
  };
  const { seed, out, signal = new AbortController().signal } = options;
  const result = await quickstart(context, { recipe: NOTE_RECIPES.pitch, seed, out, signal });
  return result && { ...result.pitchAccuracy, seconds: result.trainSeconds };
}
