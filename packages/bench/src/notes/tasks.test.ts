import { describe, expect, it } from 'vitest';
import { noteBaselines, noteTasks, type Predictor, runTasks } from '../index.js';

const notes = [
  { id: 'a', audio: 'a.mp3', instrument: 'cello', pitch: 40 },
  { id: 'b', audio: 'b.mp3', instrument: 'cello', pitch: 60 },
  { id: 'c', audio: 'c.mp3', instrument: 'electric bass', pitch: 40 },
  { id: 'd', audio: 'd.mp3', instrument: 'flute', pitch: 80 },
];
const options = { instruments: ['cello', 'electric bass', 'flute', 'harp'], pitches: [40, 41, 60, 80, 81] };

const spoken: Record<string, string> = {
  'a.mp3': 'produced by cello, pitch 4 0',
  'b.mp3': 'produced by cello, pitch 6 1',
  'c.mp3': 'produced by Electric-Bass, pitch 39',
  'd.mp3': 'produced by kazoo, pitch',
};

function fakeModel(): Predictor & { asked: string[] } {
  const asked: string[] = [];
  return {
    name: 'fake',
    asked,
    async generate(clips, prompt) {
      asked.push(prompt);
      return clips.map(({ audio }) => (prompt.startsWith('question:') ? 'a flute' : (spoken[audio] ?? '')));
    },
    async zeroShot(clips, labels) {
      asked.push('zero-shot');
      return clips.map(() => labels.map((label) => (label === 'a note of a cello' ? 1 : 0)));
    },
  };
}

describe('noteTasks', () => {
  it('scores each side of the answers', async () => {
    const tasks = noteTasks(notes, { ...options, labelText: (name) => `a note of a ${name}` });
    const records = await runTasks(Object.values(tasks), fakeModel());
    const value = Object.fromEntries(records.map(({ task, value }) => [task.id, value]));
    expect(value).toEqual({
      instrument: 0.75,
      register: 0.75,
      pitch: 0.25,
      pitchWithinOne: 0.75,
      whichInstrument: 0.25,
      zeroShot: 0.5,
    });
    expect(Object.keys(tasks)).toEqual(records.map(({ task }) => task.id));
  });

  it('asks for the description once, whatever is read from it', async () => {
    const model = fakeModel();
    await runTasks(Object.values(noteTasks(notes, options)), model);
    expect(model.asked).toEqual([
      'this music note is',
      'question: which instrument plays this note',
      'zero-shot',
    ]);
  });

  it('keeps a foreign instrument as a prediction, and an unread pitch as none', async () => {
    const tasks = noteTasks(notes, options);
    const [instrument, pitch] = await runTasks([tasks.instrument, tasks.pitch], fakeModel());
    expect(instrument?.predictions.map(({ prediction }) => prediction)).toEqual([
      'cello',
      'cello',
      'electric bass',
      'kazoo',
    ]);
    expect(instrument?.unread).toBe(0);
    expect(pitch?.predictions[3]).toMatchObject({ prediction: null, correct: false });
    expect(pitch?.unread).toBe(1);
  });

  it('stands beside chance', () => {
    const tasks = noteTasks(notes, options);
    expect(tasks.instrument.chance).toMatchObject({ random: 0.25, constant: 0.5, constantAnswer: 'cello' });
    expect(tasks.register.chance).toMatchObject({ random: 1 / 3, constant: 0.5, constantAnswer: 'low' });
    expect(tasks.pitch.chance).toMatchObject({ random: 0.2, constant: 0.5, constantAnswer: 40 });
    // 40 → 2, 41 → 2, 60 → 1, 80 → 1, 81 → 1 of 4 items
    expect(tasks.pitchWithinOne.chance?.random).toBeCloseTo(7 / 20, 12);
  });

  it('refuses an instrument that could not be answered', () => {
    expect(() => noteTasks(notes, { instruments: ['cello'] })).toThrow('"electric bass" is not among');
  });
});

describe('noteBaselines', () => {
  it('learns instrument, register and pitch from features', async () => {
    // the first three features tell the instrument, the fourth the pitch
    const features = (instrument: string, pitch: number) =>
      Float32Array.of(...options.instruments.slice(0, 3).map((name) => (name === instrument ? 1 : 0)), pitch);
    const training = options.instruments
      .slice(0, 3)
      .flatMap((instrument) =>
        [40, 60, 80].map((pitch) => ({ instrument, pitch, features: features(instrument, pitch) })),
      );
    const heldOut = notes.map(({ instrument, pitch }) => features(instrument, pitch));
    const baselines = noteBaselines(training, heldOut, { l2: 0.01 });
    const records = await runTasks(Object.values(noteTasks(notes, options)), fakeModel(), { baselines });
    expect(records.map((record) => record.baselines.map(({ name, value }) => ({ name, value })))).toEqual(
      records.map(() => [{ name: 'linear model', value: 1 }]),
    );
  });
});
