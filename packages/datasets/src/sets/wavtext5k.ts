import { posix } from 'node:path';
import { defineDataSet } from './data-set.js';

const FILE = 'WavText5K.csv';
const FOLDERS = ['audio', 'WavText5K', '.'];

export const wavText5k = defineDataSet({
  id: 'wavtext5k',
  title: 'WavText5K',
  licence: 'texts MIT; audio of BigSoundBank and SoundBible, by file',
  source: {
    url: 'https://github.com/microsoft/WavText5K',
    archives: [FILE, 'the recordings that it links to'],
  },
  folders: ['WavText5K'],
  layout: [`${FILE} (title, description and fname or url)`, 'audio/{file name}'],
  splits: { all: { official: null, needs: [FILE], note: 'about 4,500; links vanish' } },
  audioVanishes: true,
  notes: ['the recording is named by the column fname, else by the end of download_url or url'],
  async *readSplit(source) {
    for await (const row of source.rows(FILE, { needs: ['title', 'description'] })) {
      const at = { file: FILE, line: row.line };
      const name =
        row.text('fname') ||
        posix.basename((row.text('download_url') || row.text('url')).replace(/[?#].*$/, ''));
      if (name === '') source.problem({ kind: 'bad-row', ...at, message: 'names no recording' });
      else
        yield {
          id: row.text('id') || name,
          at,
          audio: FOLDERS.map((folder) => `${folder}/${name}`),
          captions: [row.text('description') || row.text('title')],
        };
    }
  },
});
