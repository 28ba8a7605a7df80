import { describe, expect, it } from 'vitest';
import { DATA_SETS } from './index.js';
import type { Item } from './item.js';
import { TRAINING_SETS, type TrainingSetId, trainingPairs } from './pairs.js';
import { statsOf } from './stats.js';

const item = (rest: Partial<Item>): Item => ({ id: 'x', audio: '/x.wav', split: 'train', ...rest });

const texts = (set: TrainingSetId, rest: Partial<Item>) =>
  trainingPairs(set, [item(rest)]).pairs.map(({ prompt, target }) => `${prompt} => ${target}`);

describe('trainingPairs', () => {
  it.each<[TrainingSetId, Partial<Item>, string[]]>([
    [
      'audioset',
      { labels: ['Speech', 'Domestic animals, pets'] },
      ['this is a sound of => speech, domestic animals, pets'],
    ],
    [
      'fsd50k',
      { labels: ['Bark', 'Domestic_animals_and_pets'] },
      ['this is a sound of => bark, domestic animals and pets'],
    ],
    ['cochlscene', { labels: ['SubwayStation'] }, ['this acoustic scene is => subway station']],
    ['msp-podcast', { labels: ['happy'] }, ['this emotion is => happy']],
    ['msp-podcast', { labels: ['no agreement'] }, []],
    ['cmu-mosi', { sentiment: 0.2 }, ['this sentiment is => positive']],
    ['cmu-mosei', { sentiment: 0 }, ['this sentiment is => neutral']],
    ['cmu-mosei', { sentiment: -3 }, ['this sentiment is => negative']],
    [
      'meld',
      { labels: ['joy'], sentiment: 'positive' },
      ['this emotion is => joy', 'this sentiment is => positive'],
    ],
    [
      'nsynth',
      {
        note: {
          pitch: 60,
          velocity: 75,
          family: 'synth_lead',
          source: 'synthetic',
          qualities: ['fast_decay', 'dark'],
        },
      },
      ['this music note is => produced by synth lead, pitch 60, velocity 75, fast decay, dark'],
    ],
    [
      'fma',
      { music: { genres: ['Hip-Hop', 'Glitch'], language: 'en', tags: ['glitch', 'idm'] } },
      [
        'music analysis => this is a sound of music in language english and genre hip-hop. The associated tags are glitch, idm',
      ],
    ],
    [
      'fma',
      { music: { genres: ['Folk'], tags: [] } },
      ['music analysis => this is a sound of music in genre folk'],
    ],
    ['fma', { music: { genres: [], language: 'en', tags: [] } }, []],
    ['audiocaps', { captions: ['A dog'] }, ['generate audio caption => A dog']],
    ['clotho', { captions: ['a', 'b'] }, ['generate audio caption => a', 'generate audio caption => b']],
    [
      'clothoaqa',
      { question: 'Is it?', answers: ['yes', 'no'] },
      ['question: Is it? => yes', 'question: Is it? => no'],
    ],
    ['wavtext5k', { captions: ['Rain'] }, ['generate metadata => Rain']],
    ['sounddescs', { captions: ['Rain'] }, ['generate metadata => Rain']],
    ['macs', { captions: ['Rain'], labels: ['rain'] }, ['generate metadata => Rain']],
    ['wavcaps', { captions: ['Rain'] }, ['generate metadata => Rain']],
    ['freesound', { captions: ['Rain'] }, ['generate metadata => Rain']],
    ['findsound', { captions: ['Rain'] }, ['generate metadata => Rain']],
  ])('puts %s in the template of Table 1', (set, rest, expected) => {
    expect(texts(set, rest)).toEqual(expected);
  });

  it('names pairs apart, keeps the part of the recording, counts what is left out', () => {
    const { pairs, leftOut } = trainingPairs('wavcaps', [
      item({ captions: ['a', 'b'], start: 1, end: 2 }),
      item({ captions: ['c'], blacklists: ['test_ac'] }),
      item({ captions: ['d'], blacklists: ['all_ac'] }),
      item({}),
    ]);
    expect(pairs).toEqual([
      { id: 'x#1', audio: '/x.wav', prompt: 'generate metadata', target: 'a', start: 1, end: 2 },
      { id: 'x#2', audio: '/x.wav', prompt: 'generate metadata', target: 'b', start: 1, end: 2 },
      { id: 'x', audio: '/x.wav', prompt: 'generate metadata', target: 'd' },
    ]);
    expect(leftOut).toEqual({ 'no target': 1, blacklisted: 1 });
    expect(
      trainingPairs('wavcaps', [item({ captions: ['d'], blacklists: ['all_ac'] })], {
        blacklists: ['all_ac'],
      }).pairs,
    ).toEqual([]);
  });

  it('takes another division of sentiment', () => {
    const { pairs } = trainingPairs('cmu-mosi', [item({ sentiment: 1.5 })], {
      sentiment: (score) => `score ${Math.round(score)}`,
    });
    expect(pairs[0]?.target).toBe('score 2');
  });

  it('names only splits that exist', () => {
    for (const [id, { splits }] of Object.entries(TRAINING_SETS))
      for (const split of splits)
        expect(Object.keys(DATA_SETS[id as TrainingSetId].splits), id).toContain(split);
  });
});

describe('statsOf', () => {
  it('counts', () => {
    const stats = statsOf([
      item({ labels: ['a', 'b'], captions: ['one two', 'three'], fold: 1 }),
      item({ labels: ['b'], captions: ['three'], audio: '/y.wav', split: 'test' }),
    ]);
    expect(stats).toMatchObject({
      items: 2,
      recordings: 2,
      splits: { train: 1, test: 1 },
      folds: { 1: 1 },
      labels: { b: 2, a: 1 },
      captions: 3,
      distinctCaptions: 2,
      labelsPerItem: { min: 1, mean: 1.5, max: 2 },
      captionWords: { min: 1, mean: 4 / 3, max: 2 },
    });
    expect(Object.keys(stats.labels)).toEqual(['b', 'a']);
    expect(statsOf([])).toMatchObject({ items: 0, labelsPerItem: null, captionWords: null });
  });
});
