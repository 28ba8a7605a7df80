import { defineDataSet, type Split } from './data-set.js';

/** The folders are called differently in each split. */
const SPLITS: Record<string, { tables: readonly string[]; folders: readonly string[] }> = {
  train: {
    tables: ['train_sent_emo.csv', 'train/train_sent_emo.csv'],
    folders: ['train/train_splits', 'train_splits'],
  },
  dev: { tables: ['dev_sent_emo.csv'], folders: ['dev_splits_complete', 'dev/dev_splits_complete'] },
  test: {
    tables: ['test_sent_emo.csv'],
    folders: ['output_repeated_splits_test', 'test/output_repeated_splits_test'],
  },
};

const split = (name: string, official: number): Split => {
  const { tables, folders } = SPLITS[name]!;
  return { official, needs: [tables, folders], archives: [`MELD.Raw.tar.gz (${name}.tar.gz in it)`] };
};

export const meld = defineDataSet({
  id: 'meld',
  title: 'MELD',
  licence: 'GPL 3.0; audio of the series "Friends", for research',
  source: { url: 'https://github.com/declare-lab/MELD', archives: ['MELD.Raw.tar.gz'] },
  folders: ['MELD', 'MELD.Raw'],
  layout: [
    '{train,dev,test}_sent_emo.csv',
    'train_splits/dia{d}_utt{u}.mp4 (dev_splits_complete/, output_repeated_splits_test/)',
  ],
  // "# of utterances" in the README of the repository
  splits: { train: split('train', 9989), dev: split('dev', 1109), test: split('test', 2610) },
  classes: ['anger', 'disgust', 'fear', 'joy', 'neutral', 'sadness', 'surprise'],
  notes: [
    'the films have to be converted to WAV first, beside them and under the same name',
    'a label is the emotion; "sentiment" is positive, negative or neutral',
  ],
  async *readSplit(source, name) {
    const { tables, folders } = SPLITS[name]!;
    const file = (await source.first(tables)) as string;
    for await (const row of source.rows(file, {
      needs: ['Emotion', 'Sentiment', 'Dialogue_ID', 'Utterance_ID'],
    })) {
      const id = `dia${row.text('Dialogue_ID')}_utt${row.text('Utterance_ID')}`;
      const sentiment = row.text('Sentiment').toLowerCase();
      if (!['positive', 'negative', 'neutral'].includes(sentiment)) {
        source.problem({
          kind: 'unknown-label',
          file,
          line: row.line,
          message: 'its sentiment is not known',
        });
        continue;
      }
      yield {
        id: `${name}/${id}`,
        at: { file, line: row.line },
        audio: folders.map((folder) => `${folder}/${id}.wav`),
        labels: [row.text('Emotion').toLowerCase()],
        sentiment,
      };
    }
  },
});
