import { printable } from '@pengi/core';
import { defineDataSet } from './data-set.js';
import { audioStem, isAudioName } from './finder.js';

const needs = ['recordings'];

export const fsdd = defineDataSet({
  id: 'fsdd',
  title: 'Free Spoken Digit Dataset',
  licence: 'CC BY-SA 4.0',
  source: {
    url: 'https://github.com/Jakobovski/free-spoken-digit-dataset',
    archives: ['free-spoken-digit-dataset-master.zip'],
  },
  folders: ['fsdd', 'free-spoken-digit-dataset'],
  layout: ['recordings/{digit}_{speaker}_{index}.wav'],
  splits: { train: { official: 2700, needs }, test: { official: 300, needs } },
  classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  notes: ['not in the paper; index 0-4 is test, by the rule of the data set'],
  async *readSplit(source, split) {
    for (const name of (await source.list('recordings')).filter(isAudioName)) {
      const [, digit, index] = /^(\d)_[a-z]+_(\d+)$/.exec(audioStem(name)) ?? [];
      if (digit === undefined)
        source.problem({
          kind: 'bad-row',
          file: 'recordings',
          message: `"${printable(name, 80)}" is not {digit}_{speaker}_{index}.wav`,
        });
      else if ((Number(index) < 5 ? 'test' : 'train') === split)
        yield {
          id: audioStem(name),
          at: { file: 'recordings' },
          audio: `recordings/${name}`,
          labels: [digit],
        };
    }
  },
});
