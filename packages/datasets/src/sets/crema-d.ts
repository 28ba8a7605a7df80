import { printable } from '@pengi/core';
import { defineDataSet } from './data-set.js';
import { audioStem, isAudioName } from './finder.js';

export const cremaD = defineDataSet({
  id: 'crema-d',
  title: 'CREMA-D',
  licence: 'Open Database License 1.0',
  source: { url: 'https://github.com/CheyneyComputerScience/CREMA-D', archives: ['AudioWAV/ (Git LFS)'] },
  folders: ['CREMA-D', 'CREMAD'],
  layout: ['AudioWAV/{actor}_{sentence}_{emotion}_{level}.wav'],
  splits: { all: { official: 7442, needs: ['AudioWAV'] } },
  folds: {
    count: 5,
    official: false,
    how: 'by actor: no voice is in two folds',
    group: ({ id }) => id.split('_')[0] as string,
  },
  classes: ['ANG', 'DIS', 'FEA', 'HAP', 'NEU', 'SAD'],
  notes: [
    'a clone without Git LFS has text files of 130 bytes in place of recordings: git lfs pull brings them',
  ],
  async *readSplit(source) {
    for (const name of (await source.list('AudioWAV')).filter(isAudioName)) {
      const emotion = /^\d{4}_[A-Z]{3}_([A-Z]{3})_[A-Z]{1,2}$/.exec(audioStem(name))?.[1];
      if (emotion === undefined)
        source.problem({
          kind: 'bad-row',
          file: 'AudioWAV',
          message: `"${printable(name, 80)}" is not {actor}_{sentence}_{emotion}_{level}.wav`,
        });
      else
        yield { id: audioStem(name), at: { file: 'AudioWAV' }, audio: `AudioWAV/${name}`, labels: [emotion] };
    }
  },
});
