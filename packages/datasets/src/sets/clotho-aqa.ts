import { clothoSource } from './clotho.js';
import { defineDataSet, type Split } from './data-set.js';
import type { Draft } from './item.js';

const split = (name: string, official: number): Split => ({
  official,
  needs: [`clotho_aqa_${name}.csv`, 'audio_files'],
  archives: [`clotho_aqa_${name}.csv`, 'audio_files.zip'],
});

export const clothoAqa = defineDataSet({
  id: 'clothoaqa',
  title: 'ClothoAQA',
  licence: 'questions: MIT; audio: Creative Commons, by file',
  source: {
    url: 'https://zenodo.org/records/6473207',
    archives: ['clotho_aqa_train.csv', 'clotho_aqa_val.csv', 'clotho_aqa_test.csv', 'audio_files.zip'],
  },
  folders: ['ClothoAQA', 'Clotho_AQA'],
  layout: ['clotho_aqa_{train,val,test}.csv', 'audio_files/*.wav'],
  splits: { train: split('train', 7044), val: split('val', 2064), test: split('test', 2838) },
  notes: [
    'an item is a question; the three rows of one file and question are its answers',
    'the official numbers are six questions on each of 1174, 344 and 473 recordings',
  ],
  async *readSplit(source, name) {
    const file = `clotho_aqa_${name}.csv`;
    const questions = new Map<string, Draft & { answers: string[] }>();
    for await (const row of source.rows(file, { needs: ['file_name', 'QuestionText', 'answer'] })) {
      const fileName = row.text('file_name');
      const question = row.text('QuestionText');
      const id = `${fileName}#${question}`;
      const answer = row.text('answer').toLowerCase();
      const known = questions.get(id);
      if (known) known.answers.push(answer);
      else
        questions.set(id, {
          id,
          at: { file, line: row.line },
          audio: `audio_files/${fileName}`,
          question,
          answers: [answer],
          sources: [clothoSource(fileName)],
        });
    }
    yield* questions.values();
  },
});
