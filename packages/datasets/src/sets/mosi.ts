import { type DataSet, defineDataSet } from './data-set.js';

const FILES = ['label.csv', 'labels.csv'];

interface Corpus {
  readonly id: string;
  readonly title: string;
  readonly folders: readonly string[];
  /** Segments in train, valid and test. */
  readonly official: readonly [number, number, number];
}

/**
 * The labels of the CMU-MultimodalSDK are HDF5 containers (`.csd`), which are not read here: they have to be exported to
 * `label.csv`, in the columns that are common for these corpora. Without `start` and `end` a row is a file of its own.
 */
function opinionCorpus({ id, title, folders, official }: Corpus): DataSet {
  const [train, valid, test] = official;
  const needs = [FILES];
  return defineDataSet({
    id,
    title,
    licence: 'for research, see the SDK; audio of YouTube users',
    source: {
      url: 'https://github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK',
      archives: [`${title} raw data`, 'its labels, exported to label.csv'],
    },
    folders,
    layout: [
      'label.csv (video_id, clip_id, label in -3 … 3, mode; start, end in seconds where files are whole videos)',
      'Audio/WAV_16000/Segmented/{video_id}_{clip_id}.wav or Audio/WAV_16000/Full/{video_id}.wav',
    ],
    splits: {
      train: { official: train, needs },
      valid: { official: valid, needs },
      test: { official: test, needs },
    },
    audioVanishes: true,
    notes: ['"sentiment" is the real score; how the paper turned it into words is not published'],
    async *readSplit(source, split) {
      const file = (await source.first(FILES)) as string;
      for await (const row of source.rows(file, { needs: ['video_id', 'clip_id', 'label', 'mode'] })) {
        if (row.text('mode') !== split) continue;
        const [video, clip, score] = [row.text('video_id'), row.text('clip_id'), Number(row.text('label'))];
        const at = { file, line: row.line };
        if (!(row.text('label') !== '' && score >= -3 && score <= 3)) {
          source.problem({ kind: 'bad-row', ...at, message: 'its label is no score in -3 … 3' });
          continue;
        }
        const [start, end] = [Number(row.text('start')), Number(row.text('end'))];
        const tops = ['Audio/WAV_16000', 'Raw/Audio/WAV_16000'];
        yield {
          id: `${video}_${clip}`,
          at,
          audio:
            end > start
              ? tops.map((top) => `${top}/Full/${video}.wav`)
              : [...tops.map((top) => `${top}/Segmented/${video}_${clip}.wav`), `Raw/${video}/${clip}.wav`],
          sentiment: score,
          sources: [`youtube:${video}`],
          ...(end > start && { start, end }),
        };
      }
    },
  });
}

export const cmuMosi = opinionCorpus({
  id: 'cmu-mosi',
  title: 'CMU-MOSI',
  // 2,199 in all, as published (Zadeh et al., 2016); how they are split was not checked with a source.
  folders: ['CMU-MOSI', 'MOSI'],
  official: [1284, 229, 686],
});

export const cmuMosei = opinionCorpus({
  id: 'cmu-mosei',
  title: 'CMU-MOSEI',
  // Of exports in use; not checked with a source, and exports that leave segments out have fewer.
  folders: ['CMU-MOSEI', 'MOSEI'],
  official: [16326, 1871, 4659],
});
