import { defineDataSet, type Source } from './data-set.js';
import type { Draft } from './item.js';

const DEV = 'TUT-acoustic-scenes-2017-development';
const EVAL = 'TUT-acoustic-scenes-2017-evaluation';

export const tut2017 = defineDataSet({
  id: 'tut2017',
  title: 'TUT Acoustic Scenes 2017',
  licence: 'Tampere University, non-commercial',
  source: {
    url: 'https://zenodo.org/records/400515 and https://zenodo.org/records/1040168',
    archives: [`${DEV}.audio.1 … 10.zip`, `${DEV}.meta.zip`, `${EVAL}.audio.1 … 4.zip`, `${EVAL}.meta.zip`],
  },
  folders: ['TUT2017', 'TUT_acoustic_scenes_2017'],
  layout: [
    `${DEV}/{meta.txt,audio/*.wav,evaluation_setup/fold{1..4}_evaluate.txt}`,
    `${EVAL}/{audio/*.wav,evaluation_setup/evaluate.txt}`,
  ],
  splits: {
    development: {
      official: 4680,
      needs: [`${DEV}/meta.txt`, `${DEV}/audio`],
      archives: [`${DEV}.audio.1 … 10.zip`, `${DEV}.meta.zip`],
    },
    evaluation: {
      official: 1620,
      needs: [[`${EVAL}/evaluation_setup/evaluate.txt`, `${EVAL}/meta.txt`], `${EVAL}/audio`],
      archives: [`${EVAL}.audio.1 … 4.zip`, `${EVAL}.meta.zip`],
    },
  },
  folds: { count: 4, official: true, how: 'evaluation_setup/fold{n}_evaluate.txt, of the development split' },
  classes: [
    'beach',
    'bus',
    'cafe/restaurant',
    'car',
    'city_center',
    'forest_path',
    'grocery_store',
    'home',
    'library',
    'metro_station',
    'office',
    'park',
    'residential_area',
    'train',
    'tram',
  ],
  notes: ['stereo, 24 bit, 44.1 kHz', 'the tables are separated by tabs and have no header'],
  async *readSplit(source, split): AsyncGenerator<Draft> {
    const top = split === 'development' ? DEV : EVAL;
    const file =
      (await source.first([
        `${top}/${split === 'development' ? 'meta.txt' : 'evaluation_setup/evaluate.txt'}`,
      ])) ?? `${top}/meta.txt`;
    const folds = split === 'development' ? await foldsOf(source) : new Map<string, number>();
    for await (const { line, name, scene } of rows(source, file)) {
      const fold = folds.get(name);
      yield {
        id: name,
        at: { file, line },
        audio: `${top}/${name}`,
        labels: [scene],
        ...(fold !== undefined && { fold }),
      };
    }
  },
});

/** The fold that each development clip is tested in. */
async function foldsOf(source: Source): Promise<Map<string, number>> {
  const folds = new Map<string, number>();
  for (const fold of [1, 2, 3, 4]) {
    const file = await source.first([
      `${DEV}/evaluation_setup/fold${fold}_evaluate.txt`,
      `${DEV}/evaluation_setup/fold${fold}_test.txt`,
    ]);
    if (file === undefined)
      source.problem({
        kind: 'missing-list',
        file: `${DEV}/evaluation_setup/fold${fold}_evaluate.txt`,
        message: 'its items have no fold',
      });
    else for await (const { name } of rows(source, file)) folds.set(name, fold);
  }
  return folds;
}

/** `audio/x.wav`, the scene (not in fold{n}_test.txt), and in meta.txt the recording that it was cut from. */
async function* rows(
  source: Source,
  file: string,
): AsyncGenerator<{ line: number; name: string; scene: string }> {
  const options = {
    delimiter: '\t',
    quotes: false,
    columns: ['name', 'scene', 'session'],
    ragged: true,
  } as const;
  for await (const row of source.rows(file, options))
    yield { line: row.line, name: row.text('name'), scene: row.text('scene') };
}
