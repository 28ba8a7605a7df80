import { defineDataSet, type Source } from './data-set.js';
import { audioStem } from './finder.js';

const FILE = 'BBCSoundEffects.csv';
const FOLDERS = ['audio', 'audios', 'BBCSoundEffects', '.'];
const split = (name: string, official: number) => ({ official, needs: [FILE, `${name}_list.txt`] });

export const soundDescs = defineDataSet({
  id: 'sounddescs',
  title: 'SoundDescs (BBC sound effects)',
  licence: 'RemArc: personal, educational and research use',
  source: {
    url: 'https://github.com/akoepke/audio-retrieval-benchmark and https://sound-effects.bbcrewind.co.uk',
    archives: [FILE, '{train,val,test}_list.txt', 'the recordings'],
  },
  folders: ['SoundDescs', 'BBCSoundEffects', 'BBC_Sound_Effects'],
  layout: [
    `${FILE} (location, description)`,
    '{train,val,test}_list.txt (one name a line)',
    'audio/{location}',
  ],
  // the lines of data/SoundDescs/{train,val,test}_list.txt of the benchmark's repository
  splits: { train: split('train', 23085), val: split('val', 4947), test: split('test', 4947) },
  notes: [
    "the benchmark's own descriptions are pickle files, which can run code and are not read: the BBC's table has the same",
  ],
  async *readSplit(source, name) {
    const wanted = await namesIn(source, `${name}_list.txt`);
    for await (const row of source.rows(FILE, {
      needs: ['location', 'description'],
      encoding: 'utf-8 or latin-1',
    })) {
      const location = row.text('location');
      if (!wanted.delete(audioStem(location))) continue;
      yield {
        id: audioStem(location),
        at: { file: FILE, line: row.line },
        audio: FOLDERS.map((folder) => `${folder}/${location}`),
        captions: [row.text('description')],
        sources: [`bbc:${audioStem(location)}`],
      };
    }
    for (const stem of wanted)
      source.problem({ kind: 'bad-row', file: `${name}_list.txt`, message: `"${stem}" is not in ${FILE}` });
  },
});

async function namesIn(source: Source, file: string): Promise<Set<string>> {
  const lines = (await source.text(file)).split(/\r?\n/).map((line) => line.trim());
  return new Set(lines.filter((line) => line !== '').map(audioStem));
}
