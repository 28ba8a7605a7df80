import { defineDataSet, type Source, type Split } from './data-set.js';
import type { Draft } from './item.js';

/** Each split's table, and the folders that its recordings are seen in. */
const SPLITS: Record<string, { tables: readonly string[]; folders: readonly string[] }> = {
  training: {
    tables: ['groundtruth_weak_label_training_set.csv', 'training_set.csv'],
    folders: ['audio/training', 'training_set', 'training', 'audio', '.'],
  },
  testing: {
    tables: ['groundtruth_weak_label_testing_set.csv', 'testing_set.csv'],
    folders: ['audio/testing', 'testing_set', 'testing', 'audio', '.'],
  },
  evaluation: {
    tables: [
      'groundtruth_weak_label_evaluation_set.csv',
      'groundtruth_strong_label_evaluation_set.csv',
      'evaluation_set.csv',
    ],
    folders: ['audio/evaluation', 'evaluation_set', 'evaluation', 'audio', '.'],
  },
};

const places = (tables: readonly string[]) =>
  ['groundtruth_release', 'groundtruth', '.'].flatMap((folder) =>
    tables.map((table) => `${folder}/${table}`),
  );

const split = (name: string, official: number): Split => ({
  official,
  needs: [places(SPLITS[name]!.tables)],
});

export const dcase17Task4 = defineDataSet({
  id: 'dcase17-task4',
  title: 'DCASE 2017 task 4',
  licence: 'labels CC BY 4.0 (AudioSet); audio of YouTube users',
  source: {
    url: 'https://github.com/ankitshah009/Task-4-Large-scale-weakly-supervised-sound-event-detection-for-smart-cars',
    archives: ['groundtruth_release/'],
  },
  folders: [
    'DCASE17_Task4',
    'DCASE2017_Task4',
    'Task-4-Large-scale-weakly-supervised-sound-event-detection-for-smart-cars',
  ],
  layout: [
    'groundtruth_release/groundtruth_weak_label_{training,testing,evaluation}_set.csv',
    'audio/{split}/Y{ytid}_{start}_{end}.wav',
  ],
  // the files named in groundtruth_release/ of the repository
  splits: {
    training: split('training', 51172),
    testing: split('testing', 488),
    evaluation: split('evaluation', 1103),
  },
  audioVanishes: true,
  // The first nine are warning sounds, the others vehicles.
  classes: [
    'Train horn',
    'Air horn, truck horn',
    'Car alarm',
    'Reversing beeps',
    'Ambulance (siren)',
    'Police car (siren)',
    'Fire engine, fire truck (siren)',
    'Civil defense siren',
    'Screaming',
    'Bicycle',
    'Skateboard',
    'Car',
    'Car passing by',
    'Bus',
    'Truck',
    'Motorcycle',
    'Train',
  ],
  notes: [
    'the tables are separated by tabs and have no header; a clip has a row for each label',
    'recordings carry a Y before the name that the table gives; both forms are found',
  ],
  async *readSplit(source, name) {
    const { tables } = SPLITS[name]!;
    const folders = await source.foldersOf(SPLITS[name]!.folders);
    const file = (await source.first(places(tables))) as string;
    const clips = new Map<string, Draft & { labels: string[] }>();
    for await (const row of rows(source, file)) {
      const clip = row.text('file').replace(/\.wav$/i, '');
      const youtubeId = /^(.+)_[\d.]+_[\d.]+$/.exec(clip)?.[1];
      if (youtubeId === undefined) {
        source.problem({
          kind: 'bad-row',
          file,
          line: row.line,
          message: `"${clip}" is not {ytid}_{start}_{end}.wav`,
        });
        continue;
      }
      const known = clips.get(clip);
      const label = row.text('label');
      // The strong labels of the evaluation set tell each occurrence.
      if (known) known.labels = [...new Set([...known.labels, label])];
      else
        clips.set(clip, {
          id: clip,
          at: { file, line: row.line },
          audio: folders.flatMap((folder) => [`${folder}/Y${clip}.wav`, `${folder}/${clip}.wav`]),
          labels: [label],
          sources: [`youtube:${youtubeId}`],
        });
    }
    yield* clips.values();
  },
});

function rows(source: Source, file: string) {
  return source.rows(file, { delimiter: '\t', quotes: false, columns: ['file', 'start', 'end', 'label'] });
}
