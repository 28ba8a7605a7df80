import { type DataSetFacts, defineDataSet, type Source } from './data-set.js';
import type { Draft } from './item.js';

// In the order of their targets 0 … 49.
const CLASSES = (
  'dog rooster pig cow frog cat hen insects sheep crow rain sea_waves crackling_fire crickets chirping_birds water_drops ' +
  'wind pouring_water toilet_flush thunderstorm crying_baby sneezing clapping breathing coughing footsteps laughing ' +
  'brushing_teeth snoring drinking_sipping door_wood_knock mouse_click keyboard_typing door_wood_creaks can_opening ' +
  'washing_machine vacuum_cleaner clock_alarm clock_tick glass_breaking helicopter chainsaw siren car_horn engine train ' +
  'church_bells airplane fireworks hand_saw'
).split(' ');

const ACTIONS =
  'breathing brushing_teeth clapping coughing crying_baby drinking_sipping footsteps laughing sneezing snoring'.split(
    ' ',
  );

const facts = {
  licence: 'CC BY-NC 3.0; each clip of its own on Freesound',
  source: { url: 'https://github.com/karolpiczak/ESC-50', archives: ['ESC-50-master.zip'] },
  folders: ['ESC-50'],
  layout: ['meta/esc50.csv', 'audio/1-100032-A-0.wav'],
} satisfies Partial<DataSetFacts>;

const needs = ['meta/esc50.csv', 'audio'];

export const esc50 = defineDataSet({
  id: 'esc50',
  title: 'ESC-50',
  ...facts,
  splits: { all: { official: 2000, needs } },
  folds: { count: 5, official: true, how: 'the column "fold"', sizes: [400, 400, 400, 400, 400] },
  classes: CLASSES,
  readSplit: (source) => rows(source),
});

export const esc50Actions = defineDataSet({
  id: 'esc50-actions',
  title: 'ESC50-Actions',
  ...facts,
  splits: { all: { official: 400, needs } },
  folds: { count: 5, official: true, how: 'the folds of ESC-50', sizes: [80, 80, 80, 80, 80] },
  classes: ACTIONS,
  isPart: true,
  notes: ['the ten classes of ESC-50 that people make'],
  readSplit: (source) => rows(source, ACTIONS),
});

async function* rows(source: Source, only?: readonly string[]): AsyncGenerator<Draft> {
  const file = 'meta/esc50.csv';
  for await (const row of source.rows(file, { needs: ['filename', 'fold', 'category', 'src_file'] })) {
    const category = row.text('category');
    if (only && !only.includes(category)) continue;
    const fold = Number(row.text('fold'));
    if (!(Number.isInteger(fold) && fold >= 1 && fold <= 5)) {
      source.problem({ kind: 'bad-row', file, line: row.line, message: 'its fold is not 1 … 5' });
      continue;
    }
    const filename = row.text('filename');
    yield {
      id: filename,
      at: { file, line: row.line },
      audio: `audio/${filename}`,
      fold,
      labels: [category],
      sources: [`freesound:${row.text('src_file')}`],
    };
  }
}
