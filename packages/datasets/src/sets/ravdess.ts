import { printable } from '@pengi/core';
import { defineDataSet, type Need } from './data-set.js';
import { audioStem, isAudioName } from './finder.js';

const CHANNELS = { speech: '01', song: '02' } as const;
const TOPS = { speech: 'Audio_Speech_Actors_01-24', song: 'Audio_Song_Actors_01-24' } as const;
const EMOTIONS = ['neutral', 'calm', 'happy', 'sad', 'angry', 'fearful', 'disgust', 'surprised'];

const needs = (channel: 'speech' | 'song'): Need[] => [
  [`${TOPS[channel]}/Actor_01/03-${CHANNELS[channel]}-*`, `Actor_01/03-${CHANNELS[channel]}-*`],
];

export const ravdess = defineDataSet({
  id: 'ravdess',
  title: 'RAVDESS',
  licence: 'CC BY-NC-SA 4.0',
  source: {
    url: 'https://zenodo.org/records/1188976',
    archives: [`${TOPS.speech}.zip`, `${TOPS.song}.zip`],
  },
  folders: ['RAVDESS'],
  layout: [
    'Actor_{01..24}/03-CC-EE-II-SS-RR-AA.wav, with or without the folders Audio_{Speech,Song}_Actors_01-24',
  ],
  splits: {
    speech: { official: 1440, needs: needs('speech'), archives: [`${TOPS.speech}.zip`] },
    song: { official: 1012, needs: needs('song'), archives: [`${TOPS.song}.zip`] },
  },
  folds: {
    count: 5,
    official: false,
    how: 'by actor: no voice is in two folds',
    group: ({ id }) => id.split('-').at(-1) as string,
  },
  classes: EMOTIONS,
  notes: ["the paper's 2.5k files are speech and song together"],
  async *readSplit(source, split) {
    const channel = split as keyof typeof CHANNELS;
    for (let actor = 1; actor <= 24; actor++)
      for (const folder of [TOPS[channel], '.'].map(
        (top) => `${top}/Actor_${String(actor).padStart(2, '0')}`,
      ))
        for (const name of (await source.list(folder)).filter(isAudioName)) {
          const parts = audioStem(name).split('-');
          const emotion = EMOTIONS[Number(parts[2]) - 1];
          if (parts.length !== 7 || emotion === undefined)
            source.problem({
              kind: 'bad-row',
              file: folder,
              message: `"${printable(name, 80)}" is not MM-CC-EE-II-SS-RR-AA.wav`,
            });
          else if (parts[1] === CHANNELS[channel])
            yield {
              id: audioStem(name),
              at: { file: folder },
              audio: `${folder}/${name}`,
              labels: [emotion],
            };
        }
  },
});
