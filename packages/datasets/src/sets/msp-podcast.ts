import { defineDataSet, type Split } from './data-set.js';

const FILES = ['Labels/labels_consensus.csv', 'labels_consensus.csv'];
const AUDIO = ['Audios', 'Audio'];

/** The consensus of the annotators, by its letter. */
const EMOTIONS: Record<string, string> = {
  A: 'angry',
  C: 'contempt',
  D: 'disgust',
  F: 'fear',
  H: 'happy',
  N: 'neutral',
  O: 'other',
  S: 'sad',
  U: 'surprise',
  X: 'no agreement',
};

/** As Split_Set tells it; older releases say Validation. */
const SPLITS: Record<string, readonly string[]> = {
  Train: ['Train'],
  Development: ['Development', 'Validation'],
  Test1: ['Test1'],
  Test2: ['Test2'],
  Test3: ['Test3'],
};

const split: Split = { official: null, needs: [FILES, AUDIO], note: 'grows from release to release' };

export const mspPodcast = defineDataSet({
  id: 'msp-podcast',
  title: 'MSP-Podcast',
  licence: 'by agreement with the University of Texas at Dallas',
  source: {
    url: 'https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Podcast.html',
    archives: ['on request'],
  },
  folders: ['MSP-Podcast', 'MSP-Podcast_corpus'],
  layout: ['Labels/labels_consensus.csv', 'Audios/MSP-PODCAST_NNNN_NNNN.wav'],
  splits: Object.fromEntries(Object.keys(SPLITS).map((name) => [name, split])),
  classes: Object.values(EMOTIONS),
  notes: ['"other" and "no agreement" are read, and make no training pairs'],
  async *readSplit(source, name) {
    const file = (await source.first(FILES)) as string;
    for await (const row of source.rows(file, { needs: ['FileName', 'EmoClass', 'Split_Set'] })) {
      if (!SPLITS[name]!.includes(row.text('Split_Set'))) continue;
      const fileName = row.text('FileName');
      yield {
        id: fileName,
        at: { file, line: row.line },
        audio: AUDIO.map((folder) => `${folder}/${fileName}`),
        labels: [EMOTIONS[row.text('EmoClass')] ?? row.text('EmoClass')],
      };
    }
  },
});
