import { defineDataSet, type Source, type Split } from './data-set.js';
import type { Draft } from './item.js';
import { clipStems } from './youtube.js';

const LABELS = 'class_labels_indices.csv';
const AUDIO = (split: string) => [
  `audio/${split}`,
  `audio/${split}_segments`,
  `${split}_segments`,
  split,
  'audio',
];

const split = (name: string, official: number): Split => ({
  official,
  needs: [`${name}_segments.csv`, LABELS],
  archives: [`${name}_segments.csv`, LABELS],
});

export const audioSet = defineDataSet({
  id: 'audioset',
  title: 'AudioSet',
  licence: 'labels CC BY 4.0; audio of YouTube users',
  source: {
    url: 'https://research.google.com/audioset/download.html',
    archives: ['balanced_train_segments.csv', 'unbalanced_train_segments.csv', 'eval_segments.csv', LABELS],
  },
  folders: ['AudioSet'],
  layout: [
    '{balanced_train,unbalanced_train,eval}_segments.csv',
    LABELS,
    'audio/{balanced_train,unbalanced_train,eval}/{YTID}.wav',
  ],
  splits: {
    balanced_train: split('balanced_train', 22160),
    unbalanced_train: split('unbalanced_train', 2041789),
    eval: split('eval', 20371),
  },
  audioVanishes: true,
  notes: [
    'recordings may be called {YTID}, Y{YTID}, {YTID}_{start} or {YTID}_{start}_{end}, in seconds or milliseconds',
  ],
  async *readSplit(source, name): AsyncGenerator<Draft> {
    const names = await labelNames(source);
    const folders = await source.foldersOf(AUDIO(name));
    const file = `${name}_segments.csv`;
    // Three lines of comments; a blank after each comma.
    const options = { comment: '#', columns: ['ytid', 'start', 'end', 'mids'] };
    for await (const row of source.rows(file, options)) {
      const at = { file, line: row.line };
      const [start, end] = [Number(row.text('start')), Number(row.text('end'))];
      const mids = row.text('mids').split(',');
      const unknown = mids.find((mid) => !names.has(mid));
      if (unknown !== undefined)
        source.problem({ kind: 'unknown-label', ...at, message: `"${unknown}" is not in ${LABELS}` });
      else if (!(end > start))
        source.problem({ kind: 'bad-row', ...at, message: 'its times are no seconds' });
      else {
        const ytid = row.text('ytid');
        const stems = clipStems(ytid, start, end);
        yield {
          id: `${ytid}_${start}`,
          at,
          audio: folders.flatMap((folder) => stems.map((stem) => `${folder}/${stem}.wav`)),
          labels: mids.map((mid) => names.get(mid) as string),
          sources: [`youtube:${ytid}`],
        };
      }
    }
  },
  readVocabulary: async (source) => [...(await labelNames(source)).values()],
});

async function labelNames(source: Source): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for await (const row of source.rows(LABELS, { needs: ['index', 'mid', 'display_name'] }))
    names.set(row.text('mid'), row.text('display_name'));
  return names;
}
