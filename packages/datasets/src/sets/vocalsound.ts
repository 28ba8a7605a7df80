import { posix } from 'node:path';
import { printable } from '@pengi/core';
import { z } from 'zod';
import { defineDataSet, type Split } from './data-set.js';
import { audioStem } from './finder.js';

const FOLDERS = ['audio_44k', 'audio_16k', 'data_44k', 'data_16k'];
const List = z.object({ data: z.array(z.object({ wav: z.string() })) });

const split = (name: string, official: number): Split => ({
  official,
  needs: [`datafiles/${name}.json`, FOLDERS],
});

export const vocalSound = defineDataSet({
  id: 'vocalsound',
  title: 'VocalSound',
  licence: 'CC BY-SA 4.0',
  source: {
    url: 'https://github.com/YuanGongND/vocalsound',
    archives: ['vs_release_44k.zip or vs_release_16k.zip'],
  },
  folders: ['VocalSound', 'vs_release_44k', 'vs_release_16k'],
  layout: ['audio_44k/{f,m}NNNN_{k}_{class}.wav (or audio_16k/)', 'datafiles/{tr,val,te}.json'],
  // 21,024 in all, as in the README of the repository; how they are split was not checked with a source.
  splits: { tr: split('tr', 15570), val: split('val', 1860), te: split('te', 3594) },
  classes: ['cough', 'laughter', 'sigh', 'sneeze', 'sniff', 'throatclearing'],
  notes: ['the paths in datafiles/ are those of their makers: only the file names are used'],
  async *readSplit(source, name) {
    const file = `datafiles/${name}.json`;
    const { data } = await source.json(file, List);
    for (const { wav } of data) {
      const base = posix.basename(wav);
      const label = /^[fm]\d{4}_\d+_([a-z]+)$/.exec(audioStem(base))?.[1];
      if (label === undefined)
        source.problem({
          kind: 'bad-row',
          file,
          message: `"${printable(base, 80)}" is not {f,m}NNNN_{k}_{class}.wav`,
        });
      else
        yield {
          id: audioStem(base),
          at: { file },
          audio: FOLDERS.map((folder) => `${folder}/${base}`),
          labels: [label],
        };
    }
  },
});
