import { defineDataSet } from './data-set.js';
import { audioStem, isAudioName } from './finder.js';

const GENRES = 'blues classical country disco hiphop jazz metal pop reggae rock'.split(' ');
const LICENCE = 'none stated; for research';
const URL = 'http://marsyas.info/downloads/datasets.html';

export const gtzanMusicSpeech = defineDataSet({
  id: 'gtzan-music-speech',
  title: 'GTZAN music/speech',
  licence: LICENCE,
  source: { url: URL, archives: ['music_speech.tar.gz'] },
  folders: ['GTZAN_music_speech', 'music_speech'],
  layout: ['music_wav/*.wav', 'speech_wav/*.wav'],
  splits: {
    all: {
      official: 128,
      needs: ['music_wav', 'speech_wav'],
      note: "the paper's Table 2 says 120",
    },
  },
  folds: { count: 10, official: false, how: 'by class' },
  classes: ['music', 'speech'],
  async *readSplit(source) {
    for (const label of ['music', 'speech']) {
      const folder = `${label}_wav`;
      for (const name of (await source.list(folder)).filter(isAudioName))
        yield {
          id: `${label}/${audioStem(name)}`,
          at: { file: folder },
          audio: `${folder}/${name}`,
          labels: [label],
        };
    }
  },
});

export const gtzanGenres = defineDataSet({
  id: 'gtzan-genres',
  title: 'GTZAN genres',
  licence: LICENCE,
  source: { url: URL, archives: ['genres.tar.gz'] },
  folders: ['GTZAN_genres', 'GTZAN', 'genres'],
  layout: ['genres/{genre}/{genre}.000NN.wav (or genres_original/, or the genres themselves)'],
  splits: { all: { official: 1000, needs: [['genres', 'genres_original', 'blues']] } },
  folds: { count: 10, official: false, how: 'by class' },
  classes: GENRES,
  knownBad: { 'jazz.00054': 'is damaged in many copies of this data set' },
  notes: ['the .au files of the original archive have to be converted to WAV first'],
  async *readSplit(source) {
    const top = (await source.first(['genres', 'genres_original'])) ?? '.';
    for (const genre of GENRES)
      for (const name of (await source.list(`${top}/${genre}`)).filter(isAudioName))
        yield {
          id: audioStem(name),
          at: { file: `${top}/${genre}` },
          audio: `${top}/${genre}/${name}`,
          labels: [genre],
        };
  },
});
