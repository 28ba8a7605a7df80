import { printable } from '@pengi/core';
import { defineDataSet } from './data-set.js';
import { isAudioName } from './finder.js';

const FOLDER = 'beijing_opera_percussion_instrument_1.0';

export const beijingOpera = defineDataSet({
  id: 'beijing-opera',
  title: 'Beijing Opera percussion instruments',
  licence: 'CC BY-NC 4.0',
  source: { url: 'https://zenodo.org/records/1285212', archives: [`${FOLDER}.zip`] },
  folders: [FOLDER, 'Beijing_Opera'],
  layout: [`${FOLDER}/*__{instrument}-{n}.wav`],
  splits: { all: { official: 236, needs: [[`${FOLDER}/*__bangu-*`, '*__bangu-*']] } },
  folds: { count: 5, official: false, how: 'by class' },
  classes: ['bangu', 'daluo', 'naobo', 'xiaoluo'],
  notes: ['the instrument is in the file name'],
  async *readSplit(source) {
    const folder = (await source.first([FOLDER])) ?? '.';
    for (const name of (await source.list(folder)).filter(isAudioName)) {
      const label = name.split('__').at(-1)?.split('-').at(-2);
      if (label === undefined)
        source.problem({
          kind: 'bad-row',
          file: folder,
          message: `"${printable(name, 80)}" names no instrument`,
        });
      else yield { id: name, at: { file: folder }, audio: `${folder}/${name}`, labels: [label] };
    }
  },
});
