import { printable } from '@pengi/core';
import { defineDataSet } from './data-set.js';
import { audioStem, isAudioName } from './finder.js';

export const sesa = defineDataSet({
  id: 'sesa',
  title: 'SESA: sound events for surveillance applications',
  licence: 'CC BY 4.0',
  source: { url: 'https://zenodo.org/records/3519845', archives: ['SESA.zip'] },
  folders: ['SESA'],
  layout: ['train/{class}_NNN.wav', 'test/{class}_NNN.wav'],
  // 585 in all, as in Table 2 of the Pengi paper; how they are split was not checked with a source.
  splits: {
    train: { official: 480, needs: ['train/siren_*'] },
    test: { official: 105, needs: ['test/siren_*'] },
  },
  classes: ['casual', 'explosion', 'gunshot', 'siren'],
  notes: ["the paper's Table 2 says 6 classes; the data have 4"],
  async *readSplit(source, split) {
    for (const name of (await source.list(split)).filter(isAudioName)) {
      const label = /^([a-z]+)_\d+$/i.exec(audioStem(name))?.[1]?.toLowerCase();
      if (label === undefined)
        source.problem({
          kind: 'bad-row',
          file: split,
          message: `"${printable(name, 80)}" is not {class}_NNN.wav`,
        });
      else yield { id: `${split}/${name}`, at: { file: split }, audio: `${split}/${name}`, labels: [label] };
    }
  },
});
