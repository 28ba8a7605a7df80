import { z } from 'zod';
import { defineDataSet, type Split } from './data-set.js';

const split = (name: string, official: number): Split => ({
  official,
  needs: [`nsynth-${name}/examples.json`, `nsynth-${name}/audio`],
  archives: [`nsynth-${name}.jsonwav.tar.gz`],
});

const Note = z.object({
  pitch: z.int().min(0).max(127),
  velocity: z.int().min(0).max(127),
  instrument_family_str: z.string(),
  instrument_source_str: z.string(),
  qualities_str: z.array(z.string()),
});

/** In the order of the set's numbers 0 … 10; the test split has no synth_lead. */
export const NSYNTH_FAMILIES =
  'bass brass flute guitar keyboard mallet organ reed string synth_lead vocal'.split(' ');

/** In the order of the list "qualities". */
export const NSYNTH_QUALITIES = [
  'bright',
  'dark',
  'distortion',
  'fast_decay',
  'long_release',
  'multiphonic',
  'nonlinear_env',
  'percussive',
  'reverb',
  'tempo-synced',
];

export const nsynth = defineDataSet({
  id: 'nsynth',
  title: 'NSynth',
  licence: 'CC BY 4.0',
  source: {
    url: 'https://magenta.tensorflow.org/datasets/nsynth',
    archives: ['train', 'valid', 'test'].map((name) => `nsynth-${name}.jsonwav.tar.gz`),
  },
  folders: ['NSynth'],
  layout: ['nsynth-{train,valid,test}/examples.json', 'nsynth-{train,valid,test}/audio/{note_str}.wav'],
  splits: { train: split('train', 289205), valid: split('valid', 12678), test: split('test', 4096) },
  classes: NSYNTH_FAMILIES,
  notes: ['a label is the instrument family; pitch, velocity, source and qualities are in "note"'],
  async *readSplit(source, name) {
    const file = `nsynth-${name}/examples.json`;
    const notes = await source.json(file, z.record(z.string(), z.unknown()));
    for (const [id, value] of Object.entries(notes)) {
      const note = Note.safeParse(value);
      if (!note.success) {
        const [issue] = note.error.issues;
        source.problem({
          kind: 'bad-row',
          file,
          message: `"${id}": ${issue?.path.join('.')}: ${issue?.message}`,
        });
        continue;
      }
      const { pitch, velocity, instrument_family_str: family, ...rest } = note.data;
      const qualities = rest.qualities_str;
      const unknown = qualities.find((quality) => !NSYNTH_QUALITIES.includes(quality));
      if (unknown !== undefined) {
        source.problem({ kind: 'unknown-label', file, message: `"${id}": "${unknown}" is no quality` });
        continue;
      }
      yield {
        id,
        at: { file },
        audio: `nsynth-${name}/audio/${id}.wav`,
        labels: [family],
        note: { pitch, velocity, family, source: rest.instrument_source_str, qualities },
      };
    }
  },
});
