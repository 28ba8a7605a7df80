import { PengiError, printable } from '@pengi/core';
import { audioCaps } from './audiocaps.js';
import { audioSet } from './audioset.js';
import { beijingOpera } from './beijing-opera.js';
import { clotho } from './clotho.js';
import { clothoAqa } from './clotho-aqa.js';
import { cochlScene } from './cochlscene.js';
import { cremaD } from './crema-d.js';
import type { DataSet } from './data-set.js';
import { dcase17Task4 } from './dcase17.js';
import { esc50, esc50Actions } from './esc50.js';
import { fma } from './fma.js';
import { fsd50k } from './fsd50k.js';
import { fsdd } from './fsdd.js';
import { gtzanGenres, gtzanMusicSpeech } from './gtzan.js';
import { macs } from './macs.js';
import { findSound, freeSound } from './manifests.js';
import { meld } from './meld.js';
import { cmuMosei, cmuMosi } from './mosi.js';
import { mspPodcast } from './msp-podcast.js';
import { nsynth } from './nsynth.js';
import { ravdess } from './ravdess.js';
import { sesa } from './sesa.js';
import { soundDescs } from './sounddescs.js';
import { tut2017 } from './tut2017.js';
import { urbanSound8k } from './urbansound8k.js';
import { vocalSound } from './vocalsound.js';
import { wavCaps } from './wavcaps.js';
import { wavText5k } from './wavtext5k.js';

/** Every data set that the paper trains on or evaluates on, and the Free Spoken Digit Dataset, by id. */
export const DATA_SETS = {
  audiocaps: audioCaps,
  clotho,
  clothoaqa: clothoAqa,
  esc50,
  'esc50-actions': esc50Actions,
  fsd50k,
  urbansound8k: urbanSound8k,
  'dcase17-task4': dcase17Task4,
  audioset: audioSet,
  'gtzan-music-speech': gtzanMusicSpeech,
  'gtzan-genres': gtzanGenres,
  'beijing-opera': beijingOpera,
  nsynth,
  tut2017,
  'crema-d': cremaD,
  ravdess,
  vocalsound: vocalSound,
  sesa,
  fsdd,
  cochlscene: cochlScene,
  'msp-podcast': mspPodcast,
  'cmu-mosi': cmuMosi,
  'cmu-mosei': cmuMosei,
  meld,
  fma,
  wavtext5k: wavText5k,
  sounddescs: soundDescs,
  macs,
  wavcaps: wavCaps,
  freesound: freeSound,
  findsound: findSound,
} as const satisfies Readonly<Record<string, DataSet>>;

export type DataSetId = keyof typeof DATA_SETS;

/** @throws PengiError E_USAGE for an unknown id */
export function dataSet(id: string): DataSet {
  if (Object.hasOwn(DATA_SETS, id)) return DATA_SETS[id as DataSetId];
  throw new PengiError('E_USAGE', `"${printable(id, 40)}" is no known data set`, {
    hint: `known are ${Object.keys(DATA_SETS).join(', ')}`,
  });
}
