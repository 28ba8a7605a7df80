import { type DataSet, defineDataSet } from './data-set.js';

const FILE = 'manifest.csv';

/** Scraped collections whose lists were never published: a manifest of your own stands for them. */
function collection(id: string, title: string, url: string, source: string): DataSet {
  return defineDataSet({
    id,
    title,
    licence: 'by file',
    source: { url, archives: [] },
    folders: [id, title],
    layout: [`${FILE} (audio, caption; optionally id)`, 'the recordings, anywhere below'],
    splits: { all: { official: null, needs: [FILE], note: 'the list of the paper is not published' } },
    notes: [
      'the column "id" is the one at the source, which the leak guard compares; else the file name is it',
    ],
    async *readSplit(reader) {
      for await (const row of reader.rows(FILE, { needs: ['audio', 'caption'] })) {
        const audio = row.text('audio');
        // Freesound's own names begin with the id: 1234__user__title.wav
        const sourceId = row.text('id') || /^(?:.*\/)?(\d+)[^/]*$/.exec(audio)?.[1];
        yield {
          id: audio,
          at: { file: FILE, line: row.line },
          audio,
          captions: [row.text('caption')],
          ...(sourceId && { sources: [`${source}:${sourceId}`] }),
        };
      }
    },
  });
}

export const freeSound = collection('freesound', 'FreeSound', 'https://freesound.org', 'freesound');
export const findSound = collection('findsound', 'FindSounds', 'https://www.findsounds.com', 'findsounds');
