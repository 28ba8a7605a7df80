/**
 * What is said about a recorded note: captions for contrastive pretraining, examples in the paper's templates (Table 1),
 * and documents for the language model.
 */

import type { Rng } from '@pengi/core';
import { PROMPTS, questionPrompt, register, TARGETS } from '@pengi/datasets';

export interface NoteLabels {
  readonly instrument: string;
  /** MIDI */
  readonly pitch: number;
}

/** A prompt with the answer that is wanted. */
export interface NoteExample {
  readonly prompt: string;
  readonly target: string;
}

const article = (noun: string) => `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;

export const WHICH_INSTRUMENT = questionPrompt('which instrument is playing?');
export const WHICH_PITCH = questionPrompt('which pitch is it?');
export const WHICH_REGISTER = questionPrompt('is the note low, middle or high?');

/** What a model of notes is asked, with the answers. */
export const NOTE_TASKS = {
  note: { prompt: PROMPTS.note, target: TARGETS.note },
  caption: { prompt: PROMPTS.caption, target: sentence },
  pitch: { prompt: WHICH_PITCH, target: ({ pitch }: NoteLabels) => `pitch ${pitch}` },
  instrument: { prompt: WHICH_INSTRUMENT, target: ({ instrument }: NoteLabels) => instrument },
  register: { prompt: WHICH_REGISTER, target: ({ pitch }: NoteLabels) => register(pitch) },
} as const;

/** How many of the examples are of each task: whole numbers, which count in relation to each other. */
export type NoteTaskShares = Readonly<Record<keyof typeof NOTE_TASKS, number>>;

const TASKS = Object.values(NOTE_TASKS);

/** "a low note of a cello" */
function sentence({ instrument, pitch }: NoteLabels): string {
  return `${article(register(pitch))} note of ${article(instrument)}`;
}

/** Shares of the captions that name the instrument alone, and with its pitch; the others tell its register. */
export interface CaptionShares {
  readonly instrument: number;
  readonly pitch: number;
}

/** A caption for contrastive pretraining: the instrument alone, with the pitch, or with the register. */
export function clapCaption({ instrument, pitch }: NoteLabels, shares: CaptionShares, rng: Rng): string {
  const kind = rng.uniform();
  if (kind < shares.instrument) return instrumentCaption(instrument);
  if (kind < shares.instrument + shares.pitch)
    return `this is a sound of ${instrument}, pitch ${spelledOut(pitch)}`;
  return `this is a sound of ${instrument}, ${register(pitch)} note`;
}

/** What zero-shot classification compares recordings with. */
export function instrumentCaption(instrument: string): string {
  return `this is a sound of ${instrument}`;
}

/** CLIP's vocabulary has tokens for many numbers; digits apart, each number is made of ten words that all occur often. */
function spelledOut(pitch: number): string {
  return String(pitch).split('').join(' ');
}

/** One task of a note, drawn by the shares. */
export function noteExample(note: NoteLabels, shares: NoteTaskShares, rng: Rng): NoteExample {
  const names = Object.keys(NOTE_TASKS) as (keyof NoteTaskShares)[];
  const drawn = names.flatMap((name) => Array<typeof name>(shares[name]).fill(name));
  const { prompt, target } = NOTE_TASKS[drawn[rng.int(drawn.length)]!];
  return { prompt, target: target(note) };
}

/** What a note is asked to show what the model has learnt: its description, its caption, its pitch. */
export function noteQuestions(note: NoteLabels): NoteExample[] {
  return TASKS.slice(0, 3).map(({ prompt, target }) => ({ prompt, target: target(note) }));
}

/**
 * All answers about one note in random order. A language model trained on such documents learns to repeat what was said
 * before, which is what a prefix steers later; one trained on single answers cannot be steered.
 */
export function noteDocument(note: NoteLabels, rng: Rng): string[] {
  return rng.shuffle(TASKS.map(({ target }) => target(note)));
}

/** Every text of a set of notes: for the vocabularies of small models. */
export function allTexts(instruments: readonly string[]): { prompts: string[]; answers: string[] } {
  const pitches = Array.from({ length: 128 }, (_, pitch) => pitch);
  const notes = instruments.flatMap((instrument) => pitches.map((pitch) => ({ instrument, pitch })));
  return {
    prompts: [
      ...TASKS.map(({ prompt }) => prompt),
      ...instruments.map(instrumentCaption),
      ...notes.map(({ instrument, pitch }) => `this is a sound of ${instrument}, pitch ${spelledOut(pitch)}`),
      ...['low', 'middle', 'high'].map((word) => `this is a sound of, ${word} note`),
    ],
    answers: notes.flatMap((note) => TASKS.map(({ target }) => target(note))),
  };
}
