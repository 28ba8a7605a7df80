/** The table of the quickstart: each task beside chance and a linear model. */
import {
  logMelStatistics,
  noteBaselines,
  noteTasks,
  type Predictor,
  type Provenance,
  runTasks,
  type TaskRecord,
} from '@pengi/bench';
import type { Clap } from '@pengi/clap';
import type { StartProgress } from '@pengi/core';
import type { Pengi } from 'pengi';
import type { NoteData } from './data.js';
import { NOTE_FRONTEND } from './recipe.js';
import { instrumentCaption, WHICH_INSTRUMENT, WHICH_REGISTER } from './texts.js';

export type NoteRecords = Record<
  'instrument' | 'register' | 'pitch' | 'pitchWithinOne' | 'whichInstrument' | 'zeroShot',
  TaskRecord
>;

export async function evaluate(
  { training, heldOut, instruments }: NoteData,
  predictor: Predictor,
  options: { provenance: Provenance; progress: StartProgress },
): Promise<NoteRecords> {
  const pitches = training.flatMap(({ variants }) => variants.map(({ pitch }) => pitch));
  const tasks = noteTasks(heldOut, {
    instruments,
    pitches: [...new Set(pitches)],
    registerPrompt: WHICH_REGISTER,
    instrumentQuestion: WHICH_INSTRUMENT.replace('question: ', ''),
    labelText: instrumentCaption,
  });
  const { frames, mels } = {
    frames: heldOut[0]!.logMel.length / NOTE_FRONTEND.mels,
    mels: NOTE_FRONTEND.mels,
  };
  const features = (logMel: Float32Array) => logMelStatistics({ data: logMel, frames, mels });
  const baselines = noteBaselines(
    training.flatMap(({ instrument, variants }) =>
      variants.map(({ pitch, logMel }) => ({ instrument, pitch, features: features(logMel) })),
    ),
    heldOut.map(({ logMel }) => features(logMel)),
  );
  const records = await runTasks(Object.values(tasks), predictor, { ...options, baselines });
  return Object.fromEntries(Object.keys(tasks).map((id, i) => [id, records[i]!])) as NoteRecords;
}

/** Pengi's answers and CLAP's similarities, as the benchmark asks for them. */
export function predictorOf(pengi: Pengi, clap: Clap): Predictor {
  return {
    name: 'pengi',
    async generate(clips, prompt) {
      const answers = await pengi.generate(
        clips.map(({ audio }) => audio),
        { prompt, maxTokens: 24 },
      );
      return answers.map(({ text }) => text);
    },
    async zeroShot(clips, labels) {
      const audio = await clap.embedAudio(clips.map(({ audio }) => audio));
      const scores = clap.similarity(audio, await clap.embedText(labels));
      return clips.map((_, i) => [...scores.data.subarray(i * labels.length, (i + 1) * labels.length)]);
    },
  };
}

/** Held-out notes, one of each instrument first, for people to look at and listen to. */
export function examplesOf<T extends { instrument: string }>(notes: readonly T[], count: number): T[] {
  const seen = new Map<string, number>();
  const ranked = notes.map((note) => {
    const nth = seen.get(note.instrument) ?? 0;
    seen.set(note.instrument, nth + 1);
    return { note, nth };
  });
  return ranked
    .sort((a, b) => a.nth - b.nth)
    .slice(0, count)
    .map(({ note }) => note);
}
