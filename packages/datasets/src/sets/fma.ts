import { defineDataSet, type Source, type Split } from './data-set.js';

const FOLDERS = ['fma_full', 'fma_large', 'fma_medium', 'fma_small'];
const needs = ['fma_metadata/tracks.csv', 'fma_metadata/genres.csv', FOLDERS];
const split = (official: number): Split => ({ official, needs });

export const fma = defineDataSet({
  id: 'fma',
  title: 'FMA: a dataset for music analysis',
  licence: 'metadata CC BY 4.0; audio by track',
  source: {
    url: 'https://github.com/mdeff/fma',
    archives: ['fma_metadata.zip', 'fma_full.zip (or a smaller one)'],
  },
  folders: ['FMA'],
  layout: [
    'fma_metadata/{tracks,genres}.csv',
    'fma_full/NNN/NNNNNN.mp3 (or fma_large/, fma_medium/, fma_small/)',
  ],
  // 106,574 in all, as in the paper (Defferrard et al., 2017); how they are split was not checked with a source.
  splits: { training: split(84353), validation: split(11263), test: split(10958) },
  notes: [
    'tracks.csv has three header lines; the official numbers are those of fma_full, smaller subsets have fewer',
    'a track of a smaller subset that is not unpacked is a missing recording',
  ],
  async *readSplit(source, name) {
    const genres = await genreNames(source);
    const file = 'fma_metadata/tracks.csv';
    const options = {
      headerLines: 3,
      needs: [
        'track_id',
        'set.split',
        'track.genre_top',
        'track.genres_all',
        'track.language_code',
        'track.tags',
      ],
    };
    for await (const row of source.rows(file, options)) {
      if (row.text('set.split') !== name) continue;
      const id = row.text('track_id').padStart(6, '0');
      const at = { file, line: row.line };
      const ids = integers(row.text('track.genres_all'));
      const unknown = ids.find((genre) => !genres.has(genre));
      if (!/^\d{6}$/.test(id))
        source.problem({ kind: 'bad-row', ...at, message: 'its track_id is no number' });
      else if (unknown !== undefined)
        source.problem({ kind: 'unknown-label', ...at, message: `genre ${unknown}` });
      else {
        const top = row.text('track.genre_top');
        const language = row.text('track.language_code');
        yield {
          id,
          at,
          audio: FOLDERS.map((folder) => `${folder}/${id.slice(0, 3)}/${id}.mp3`),
          music: {
            genres: [
              ...new Set([...(top === '' ? [] : [top]), ...ids.map((genre) => genres.get(genre) as string)]),
            ],
            ...(language !== '' && { language }),
            tags: pythonStrings(row.text('track.tags')),
          },
        };
      }
    }
  },
});

async function genreNames(source: Source): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for await (const row of source.rows('fma_metadata/genres.csv', { needs: ['genre_id', 'title'] }))
    names.set(row.text('genre_id'), row.text('title'));
  return names;
}

/** The numbers of a list as Python prints it: "[21, 12]". */
function integers(list: string): string[] {
  return list.match(/\d+/g) ?? [];
}

/** The texts of a list as Python prints it: `['hip hop', "rock'n'roll"]`. */
function pythonStrings(list: string): string[] {
  return [...list.matchAll(/'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/g)].map(([, single, double]) =>
    (single ?? double ?? '').replace(/\\(.)/g, '$1'),
  );
}
