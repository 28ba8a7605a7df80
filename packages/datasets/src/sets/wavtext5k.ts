import { posix } from 'node:path';
import { defineDataSet } from './data-set.js';

const FILE = 'WavText5K.csv';
/** The set's own script puts them into `download`, and resampled ones into `{rate}/audios`, of a folder that it calls Webcrawl. */
const FOLDERS = ['Webcrawl', '.'].flatMap((top) => [
  ...['download', '44100/audios', '48000/audios', '32000/audios', '22050/audios', '16000/audios'].map(
    (folder) => `${top}/${folder}`,
  ),
  ...(top === '.' ? ['audio', 'WavText5K', '.'] : []),
]);

export const wavText5k = defineDataSet({
  id: 'wavtext5k',
  title: 'WavText5K',
  licence: 'texts MIT; audio of BigSoundBank and SoundBible, by file',
  source: {
    url: 'https://github.com/microsoft/WavText5K',
    archives: [FILE, 'the recordings that it links to'],
  },
  folders: ['WavText5K'],
  layout: [`${FILE} (title, description, fname)`, 'download/{fname} (or {rate}/audios/, audio/)'],
  splits: { all: { official: 4525, needs: [FILE], note: 'five rows have no text; links vanish' } },
  audioVanishes: true,
  notes: [
    'a caption is the description, or the title of the few without one; rows without fname are named by the end of their link',
  ],
  async *readSplit(source) {
    for await (const row of source.rows(FILE, { needs: ['title', 'description'] })) {
      const at = { file: FILE, line: row.line };
      const name =
        row.text('fname') ||
        posix.basename((row.text('download_link') || row.text('url')).replace(/[?#].*$/, ''));
      if (name === '') source.problem({ kind: 'bad-row', ...at, message: 'names no recording' });
      else
        yield {
          id: row.text('id') || name,
          at,
          audio: FOLDERS.map((folder) => `${folder}/${name}`),
          captions: [row.text('description') || row.text('title')],
          ...sourceOf(row.text('view_link')),
        };
    }
  },
});

/** SoundBible's pages begin with the id that WavCaps has too. */
function sourceOf(page: string): { sources?: string[] } {
  const id = /soundbible\.com\/(\d+)/.exec(page)?.[1];
  return id === undefined ? {} : { sources: [`soundbible:${id}`] };
}
