import { defineDataSet } from './data-set.js';
import type { Draft, Origin } from './item.js';
import { clipStems } from './youtube.js';

/** csv_files_v1 is what aac-datasets calls the folder. */
const CSV_FOLDERS = ['dataset', 'csv_files_v1'];
const table = (split: string) => CSV_FOLDERS.map((folder) => `${folder}/${split}.csv`);
const AUDIO_FOLDERS = ['audio_44100Hz', 'audio_32000Hz', 'audio'];

export const audioCaps = defineDataSet({
  id: 'audiocaps',
  title: 'AudioCaps',
  licence: 'captions MIT; audio of YouTube users',
  source: { url: 'https://github.com/cdjkim/audiocaps', archives: ['dataset/{train,val,test}.csv'] },
  folders: ['AudioCaps'],
  layout: ['dataset/{train,val,test}.csv (or csv_files_v1/)', 'audio/{split}/{youtube_id}_{start}.wav'],
  // the rows (train) and youtube ids (val, test) of dataset/ in the repository
  splits: {
    train: { official: 49838, needs: [table('train')] },
    val: { official: 495, needs: [table('val')], note: 'five captions each' },
    test: { official: 975, needs: [table('test')], note: 'five captions each' },
  },
  audioVanishes: true,
  notes: [
    'an item is a clip; the rows of one youtube_id and start_time are its captions',
    'recordings may be called {youtube_id}_{start}, Y{youtube_id}, {youtube_id} or {audiocap_id}, in audio/{split}/, audio/ or {split}/',
  ],
  async *readSplit(source, split) {
    const file = (await source.first(table(split))) as string;
    const folders = await source.foldersOf([
      ...AUDIO_FOLDERS.map((folder) => `${folder}/${split}`),
      split,
      ...AUDIO_FOLDERS,
    ]);
    const clips = new Map<string, Draft & { captions: string[]; at: Origin }>();
    for await (const row of source.rows(file, {
      needs: ['audiocap_id', 'youtube_id', 'start_time', 'caption'],
    })) {
      const youtubeId = row.text('youtube_id');
      const start = row.text('start_time');
      const id = `${youtubeId}_${start}`;
      const known = clips.get(id);
      if (known) {
        known.captions.push(row.text('caption'));
        continue;
      }
      const stems = [...clipStems(youtubeId, Number(start), Number(start) + 10), row.text('audiocap_id')];
      clips.set(id, {
        id,
        at: { file, line: row.line },
        audio: folders.flatMap((folder) => stems.map((stem) => `${folder}/${stem}.wav`)),
        captions: [row.text('caption')],
        sources: [`youtube:${youtubeId}`],
      });
    }
    yield* clips.values();
  },
});
