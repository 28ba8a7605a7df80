import { defineDataSet, type Source, type Split } from './data-set.js';

const FILES = 'clotho_audio_files';
const TABLES = 'clotho_csv_files';

function split(name: string, official: number): Split {
  return {
    official,
    needs: [
      [`${TABLES}/clotho_captions_${name}.csv`, `clotho_captions_${name}.csv`],
      [`${FILES}/${name}`, name],
    ],
    archives: [`clotho_audio_${name}.7z`, `clotho_captions_${name}.csv`, `clotho_metadata_${name}.csv`],
  };
}

export const clotho = defineDataSet({
  id: 'clotho',
  title: 'Clotho v2',
  licence: 'captions: Tampere University, non-commercial with attribution; audio: Creative Commons, by file',
  source: {
    url: 'https://zenodo.org/records/4783391',
    archives: ['development', 'validation', 'evaluation'].flatMap((name) => [
      `clotho_audio_${name}.7z`,
      `clotho_captions_${name}.csv`,
      `clotho_metadata_${name}.csv`,
    ]),
  },
  folders: ['Clotho', 'Clotho_v2', 'Clotho_v2.1', 'CLOTHO_v2.1'],
  layout: [
    `${TABLES}/clotho_captions_{split}.csv`,
    `${TABLES}/clotho_metadata_{split}.csv (optional)`,
    `${FILES}/{split}/*.wav`,
  ],
  splits: {
    development: split('development', 3840),
    validation: split('validation', 1045),
    evaluation: split('evaluation', 1045),
  },
  notes: [
    'the tables may also lie beside the folders {split}/, as they come from Zenodo',
    'the metadata are ISO-8859-1; they give the Freesound ids that the leak guard compares',
  ],
  async *readSplit(source, name) {
    const file = (await source.first([
      `${TABLES}/clotho_captions_${name}.csv`,
      `clotho_captions_${name}.csv`,
    ])) as string;
    const ids = await freesoundIds(source, file.replace('captions', 'metadata'));
    const columns = [1, 2, 3, 4, 5].map((n) => `caption_${n}`);
    for await (const row of source.rows(file, { needs: ['file_name', ...columns] })) {
      const fileName = row.text('file_name');
      const freesoundId = ids.get(fileName.normalize('NFC'));
      yield {
        id: fileName,
        at: { file, line: row.line },
        audio: [`${FILES}/${name}/${fileName}`, `${name}/${fileName}`],
        captions: columns.map((column) => row.text(column)),
        sources: [clothoSource(fileName), ...(freesoundId ? [`freesound:${freesoundId}`] : [])],
      };
    }
  },
});

/** Clotho-AQA uses Clotho's recordings under the same names. */
export function clothoSource(fileName: string): string {
  return `clotho:${fileName.normalize('NFC').replace(/\.[^.]*$/, '')}`;
}

/** By file name. Some rows say "Not found". */
async function freesoundIds(source: Source, file: string): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  if ((await source.first([file])) === undefined) {
    source.problem({
      kind: 'missing-list',
      file,
      message: 'the Freesound ids are not known: leaks cannot be found',
    });
    return ids;
  }
  const options = { needs: ['file_name', 'sound_id'], encoding: 'utf-8 or latin-1' } as const;
  for await (const row of source.rows(file, options)) {
    const [id] = /^\d+/.exec(row.text('sound_id')) ?? [];
    if (id) ids.set(row.text('file_name').normalize('NFC'), id);
  }
  return ids;
}
