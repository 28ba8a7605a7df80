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

/** The tasks of the quickstart, each with its share of the training examples. */
export const NOTE_TASKS: readonly { share: number; prompt: string; target: (note: NoteLabels) => string }[] =
  [
    { share: 3, prompt: PROMPTS.note, target: TARGETS.note },
    { share: 1, prompt: PROMPTS.caption, target: sentence },
    { share: 2, prompt: WHICH_PITCH, target: ({ pitch }) => `pitch ${pitch}` },
    { share: 1, prompt: WHICH_INSTRUMENT, target: ({ instrument }) => instrument },
    { share: 1, prompt: WHICH_REGISTER, target: ({ pitch }) => register(pitch) },
  ];

/** "a low note of a cello" */
function sentence({ instrument, pitch }: NoteLabels): string {
  return `${article(register(pitch))} note of ${article(instrument)}`;
}

/** A caption for contrastive pretraining: the instrument alone, with the pitch, or with the register. */
export function clapCaption({ instrument, pitch }: NoteLabels, rng: Rng): string {
  const kind = rng.uniform();
  if (kind < 0.5) return instrumentCaption(instrument);
  if (kind < 0.8) return `this is a sound of ${instrument}, pitch ${spelledOut(pitch)}`;
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

const DRAWN_TASKS = NOTE_TASKS.flatMap((task) => Array<typeof task>(task.share).fill(task));

/** One task of a note, drawn by the shares. */
export function noteExample(note: NoteLabels, rng: Rng): NoteExample {
  const { prompt, target } = DRAWN_TASKS[rng.int(DRAWN_TASKS.length)]!;
  return { prompt, target: target(note) };
}

/** What a note is asked to show what the model has learnt: its description, its caption, its pitch. */
export function noteQuestions(note: NoteLabels): NoteExample[] {
  return NOTE_TASKS.slice(0, 3).map(({ prompt, target }) => ({ prompt, target: target(note) }));
}

/**
 * All answers about one note in random order. A language model trained on such documents learns to repeat what was said
 * before, which is what a prefix steers later; one trained on single answers cannot be steered.
 */
export function noteDocument(note: NoteLabels, rng: Rng): string[] {
  return rng.shuffle(NOTE_TASKS.map(({ target }) => target(note)));
}

/** Every text of a set of notes: for the vocabularies of small models. */
export function allTexts(instruments: readonly string[]): { prompts: string[]; answers: string[] } {
  const pitches = Array.from({ length: 128 }, (_, pitch) => pitch);
  const notes = instruments.flatMap((instrument) => pitches.map((pitch) => ({ instrument, pitch })));
  return {
    prompts: [
      ...NOTE_TASKS.map(({ prompt }) => prompt),
      ...instruments.map(instrumentCaption),
      ...notes.map(({ instrument, pitch }) => `this is a sound of ${instrument}, pitch ${spelledOut(pitch)}`),
      ...['low', 'middle', 'high'].map((word) => `this is a sound of, ${word} note`),
    ],
    answers: notes.flatMap((note) => NOTE_TASKS.map(({ target }) => target(note))),
  };
}
