import { defineDataSet, type Source } from './data-set.js';
import type { Draft } from './item.js';

const TRUTH = 'FSD50K.ground_truth';
const dev = {
  needs: [`${TRUTH}/dev.csv`, `${TRUTH}/vocabulary.csv`, 'FSD50K.dev_audio'],
  archives: ['FSD50K.dev_audio.z01 … z05', 'FSD50K.dev_audio.zip', 'FSD50K.ground_truth.zip'],
};

export const fsd50k = defineDataSet({
  id: 'fsd50k',
  title: 'FSD50K',
  licence: 'CC BY 4.0; audio: Creative Commons, by file',
  source: {
    url: 'https://zenodo.org/records/4060432',
    archives: [
      ...dev.archives,
      'FSD50K.eval_audio.z01',
      'FSD50K.eval_audio.zip',
      'FSD50K.metadata.zip (optional)',
    ],
  },
  folders: ['FSD50K'],
  layout: [
    'FSD50K.dev_audio/{fname}.wav',
    'FSD50K.eval_audio/{fname}.wav',
    `${TRUTH}/{dev,eval,vocabulary}.csv`,
  ],
  splits: {
    train: { official: 36796, ...dev },
    val: { official: 4170, ...dev },
    eval: {
      official: 10231,
      needs: [`${TRUTH}/eval.csv`, `${TRUTH}/vocabulary.csv`, 'FSD50K.eval_audio'],
      archives: ['FSD50K.eval_audio.z01', 'FSD50K.eval_audio.zip', 'FSD50K.ground_truth.zip'],
    },
  },
  notes: [
    'the zips come in parts: zip -s 0 FSD50K.dev_audio.zip --out whole.zip joins them',
    'labels hold their ancestors, as published; fname is the Freesound id',
  ],
  async *readSplit(source, split): AsyncGenerator<Draft> {
    const isEval = split === 'eval';
    const file = `${TRUTH}/${isEval ? 'eval' : 'dev'}.csv`;
    const vocabulary = new Set(await readVocabulary(source));
    const needs = ['fname', 'labels', ...(isEval ? [] : ['split'])];
    for await (const row of source.rows(file, { needs })) {
      const at = { file, line: row.line };
      if (!isEval && !['train', 'val'].includes(row.text('split')))
        source.problem({ kind: 'bad-row', ...at, message: 'its split is neither train nor val' });
      if (!isEval && row.text('split') !== split) continue;
      const labels = row.text('labels').split(',');
      const unknown = labels.find((label) => !vocabulary.has(label));
      if (unknown !== undefined) {
        source.problem({ kind: 'unknown-label', ...at, message: `"${unknown}" is not in vocabulary.csv` });
        continue;
      }
      const fname = row.text('fname');
      yield {
        id: fname,
        at,
        audio: `${isEval ? 'FSD50K.eval_audio' : 'FSD50K.dev_audio'}/${fname}.wav`,
        labels,
        sources: [`freesound:${fname}`],
      };
    }
  },
  readVocabulary,
});

async function readVocabulary(source: Source): Promise<string[]> {
  const labels: string[] = [];
  for await (const row of source.rows(`${TRUTH}/vocabulary.csv`, { columns: ['index', 'label', 'mid'] }))
    labels.push(row.text('label'));
  return labels;
}
