import { defineDataSet } from './data-set.js';

const FILE = 'metadata/UrbanSound8K.csv';

export const urbanSound8k = defineDataSet({
  id: 'urbansound8k',
  title: 'UrbanSound8K',
  licence: 'CC BY-NC 3.0',
  source: { url: 'https://zenodo.org/records/1203745', archives: ['UrbanSound8K.tar.gz'] },
  folders: ['UrbanSound8K', 'US8K'],
  layout: [FILE, 'audio/fold{1..10}/{fsID}-{classID}-{occurrence}-{slice}.wav'],
  splits: { all: { official: 8732, needs: [FILE, 'audio'] } },
  folds: {
    count: 10,
    official: true,
    how: 'the column "fold"',
    sizes: [873, 888, 925, 990, 936, 823, 838, 806, 816, 837],
  },
  // In the order of classID.
  classes: [
    'air_conditioner',
    'car_horn',
    'children_playing',
    'dog_bark',
    'drilling',
    'engine_idling',
    'gun_shot',
    'jackhammer',
    'siren',
    'street_music',
  ],
  notes: ['rates from 8 to 192 kHz, one and two channels, several encodings of WAV'],
  async *readSplit(source) {
    for await (const row of source.rows(FILE, { needs: ['slice_file_name', 'fsID', 'fold', 'class'] })) {
      const fold = Number(row.text('fold'));
      if (!(Number.isInteger(fold) && fold >= 1 && fold <= 10)) {
        source.problem({ kind: 'bad-row', file: FILE, line: row.line, message: 'its fold is not 1 … 10' });
        continue;
      }
      const name = row.text('slice_file_name');
      yield {
        id: name,
        at: { file: FILE, line: row.line },
        audio: `audio/fold${fold}/${name}`,
        fold,
        labels: [row.text('class')],
        sources: [`freesound:${row.text('fsID')}`],
      };
    }
  },
});
