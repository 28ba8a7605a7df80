import { PengiError, printable } from '@pengi/core';
import { PROMPTS, questionPrompt, register } from '@pengi/datasets';
import { chanceLevels } from '../chance.js';
import { accuracyMetric, macroF1Metric } from '../metrics.js';
import { defineTask, type Json, type Question, type Task, type TaskItem } from '../task.js';
import { REGISTERS, type Register, readLabel, readNote, readRegister, wording } from './read-note.js';

/** A recording of one note. */
export interface NoteItem {
  readonly id: string;
  readonly audio: string;
  readonly instrument: string;
  /** MIDI */
  readonly pitch: number;
}

export interface NoteTaskOptions {
  /** All instruments that could be answered; those of the notes by default. Chance is one in their number. */
  readonly instruments?: readonly string[];
  /** All pitches that could be answered, such as those trained on; those of the notes by default. */
  readonly pitches?: readonly number[];
  /** Asked for "produced by violin, pitch 64". Default `PROMPTS.note`. */
  readonly notePrompt?: string;
  /** Asked for the register; default `notePrompt`, whose answer tells it through the pitch. */
  readonly registerPrompt?: string;
  /** Default "which instrument plays this note". */
  readonly instrumentQuestion?: string;
  /** The text that stands for an instrument in zero-shot; its name by default. */
  readonly labelText?: (instrument: string) => string;
}

export interface NoteTasks {
  readonly instrument: Task<string, string>;
  readonly register: Task<Register, Register>;
  readonly pitch: Task<number, number>;
  readonly pitchWithinOne: Task<number, number>;
  readonly whichInstrument: Task<string, string>;
  readonly zeroShot: Task<string, string>;
}

/**
 * What can be asked about recordings of notes: instrument, register and pitch read from the generated description (one
 * answer serves all four tasks), the instrument as a question, and zero-shot. The keys are the tasks' ids.
 * @throws PengiError as `defineTask`; E_DATA for an instrument that is not among those given
 */
export function noteTasks(notes: readonly NoteItem[], options: NoteTaskOptions = {}): NoteTasks {
  const {
    instruments = [...new Set(notes.map((note) => note.instrument))],
    pitches = [...new Set(notes.map((note) => note.pitch))],
    notePrompt = PROMPTS.note,
    registerPrompt = notePrompt,
    instrumentQuestion = 'which instrument plays this note',
    labelText = (instrument: string) => instrument,
  } = options;
  const foreign = notes.find(({ instrument }) => !instruments.includes(instrument));
  if (foreign !== undefined)
    throw new PengiError('E_DATA', `"${printable(foreign.instrument)}" is not among the instruments`);

  const describe: Question = { method: 'generate', prompt: notePrompt };
  const byInstrument = items(notes, ({ instrument }) => instrument);
  const byPitch = items(notes, ({ pitch }) => pitch);
  const spelling = new Map(instruments.map((instrument) => [wording(instrument), instrument]));
  const byText = new Map(instruments.map((instrument) => [labelText(instrument), instrument]));
  const instrumentTask = {
    version: 1,
    items: byInstrument,
    metrics: { accuracy: accuracyMetric<string, string>(), macroF1: macroF1Metric(instruments) },
    chance: chanceLevels(
      byInstrument.map(({ expected }) => expected),
      instruments,
    ),
  };

  return {
    instrument: defineTask({
      ...instrumentTask,
      id: 'instrument',
      title: 'Instrument, from the description',
      question: describe,
      read: (answer) => {
        const { instrument } = readNote(answer);
        return instrument === null ? null : (spelling.get(instrument) ?? instrument);
      },
    }),
    register: accuracyTask({
      id: 'register',
      title: 'Register: low, middle or high',
      items: items(notes, ({ pitch }) => register(pitch)),
      question: { method: 'generate', prompt: registerPrompt },
      read: readRegister,
      labels: REGISTERS,
      correct: Object.is,
    }),
    pitch: accuracyTask({
      id: 'pitch',
      title: 'Pitch, exact',
      items: byPitch,
      question: describe,
      read: (answer) => readNote(answer).pitch,
      labels: pitches,
      correct: Object.is,
    }),
    pitchWithinOne: accuracyTask({
      id: 'pitchWithinOne',
      title: 'Pitch, within one semitone',
      items: byPitch,
      question: describe,
      read: (answer) => readNote(answer).pitch,
      labels: pitches,
      correct: (prediction, expected) => Math.abs(prediction - expected) <= 1,
    }),
    whichInstrument: defineTask({
      ...instrumentTask,
      id: 'whichInstrument',
      title: 'Instrument, as a question',
      question: { method: 'generate', prompt: questionPrompt(instrumentQuestion) },
      read: (answer) => readLabel(answer, instruments),
    }),
    zeroShot: defineTask({
      ...instrumentTask,
      id: 'zeroShot',
      title: 'Instrument, zero-shot',
      question: { method: 'zeroShot', labels: instruments.map(labelText) },
      read: (answer) => byText.get(answer) ?? null,
    }),
  };
}

function items<Expected extends Json>(
  notes: readonly NoteItem[],
  expected: (note: NoteItem) => Expected,
): TaskItem<Expected>[] {
  return notes.map((note) => ({ id: note.id, audio: note.audio, expected: expected(note) }));
}

function accuracyTask<Label extends Json>({
  labels,
  ...task
}: Pick<Task<Label, Label>, 'id' | 'title' | 'items' | 'question' | 'read' | 'correct'> & {
  labels: readonly Label[];
}): Task<Label, Label> {
  const expected = task.items.map((item) => item.expected);
  return defineTask({
    ...task,
    version: 1,
    metrics: { accuracy: accuracyMetric<Label, Label>() },
    chance: chanceLevels(expected, labels, task.correct),
  });
}
