import { describe, expect, it } from 'vitest';
import type { TrainConfigInput } from './config.js';
import { fineTuning, withFlags } from './fine-tune.js';
import { completeConfig } from './load-config.js';

const complete = (config: TrainConfigInput) => completeConfig(config, '/configs', 'a.json');

describe('a config', () => {
  it('has paths that count from its folder, but for addresses', () => {
    const { data, from } = complete({
      data: {
        sources: {
          own: { manifest: 'own.csv', root: '../audio' },
          esc: { set: 'esc50', root: 'sets' },
          many: { shards: ['a.tar', 'https://example.org/b-{0..3}.tar'] },
        },
        sets: '/data',
        validation: 'valid.csv',
        cache: 'cache',
      },
      from: { audio: 'clap' },
      steps: 1,
    });
    expect(data).toMatchObject({
      sources: {
        own: { manifest: '/configs/own.csv', root: '/audio' },
        esc: { set: 'esc50', root: '/configs/sets' },
        many: { shards: ['/configs/a.tar', 'https://example.org/b-{0..3}.tar'] },
      },
      sets: '/data',
      validation: { validation: { manifest: '/configs/valid.csv' } },
      cache: '/configs/cache',
    });
    expect(from).toEqual({ audio: '/configs/clap' });
  });

  it.each<[string, TrainConfigInput, RegExp]>([
    ['no data', { data: {}, steps: 1 }, /either manifest or sources/],
    [
      'both kinds of data',
      { data: { manifest: 'a.csv', sources: {} }, steps: 1 },
      /either manifest or sources/,
    ],
    ['no length', { data: { manifest: 'a.csv' } }, /either steps or epochs/],
    ['two lengths', { data: { manifest: 'a.csv' }, steps: 1, epochs: 1 }, /either steps or epochs/],
    [
      'a whole model and a part',
      { data: { manifest: 'a.csv' }, steps: 1, from: { model: 'm', audio: 'a' } },
      /a whole model and parts/,
    ],
    [
      'two words on what is frozen',
      { data: { manifest: 'a.csv' }, steps: 1, mapperOnly: true, frozen: ['audio_encoder'] },
      /mapperOnly says what is frozen/,
    ],
  ])('is refused with %s', (_what, config, message) => {
    expect(() => complete(config)).toThrow(message);
  });
});

describe('flags', () => {
  const of = (flags: Parameters<typeof withFlags>[1]) =>
    complete(withFlags(fineTuning('pengi', '/my.csv', '/model'), flags));

  it('say instead what a config says', () => {
    expect(of({}).frozen).toContain('audio_encoder.base');
    expect(of({ root: '/audio', seed: 4, batch: 8, learningRate: 1e-5, patience: 9 })).toMatchObject({
      data: { sources: { my: { manifest: '/my.csv', root: '/audio' } } },
      from: { model: '/model' },
      seed: 4,
      batch: 8,
      learningRate: 1e-5,
      earlyStop: { patience: 9 },
    });
    const { steps, epochs } = of({ epochs: 3 });
    expect([steps, epochs]).toEqual([undefined, 3]);
  });

  it('that say what learns take the place of what is frozen', () => {
    expect(of({ lora: 4 })).toMatchObject({ lora: { rank: 4 } });
    for (const flags of [{ lora: 4 }, { mapperOnly: true }]) expect(of(flags).frozen).toBe(undefined);
  });

  it('name other data than a recipe’s', () => {
    const recipe: TrainConfigInput = {
      data: { sources: { a: { set: 'esc50' } }, weights: { a: 1 } },
      steps: 5,
    };
    const { data } = complete(withFlags(recipe, { data: '/my.csv' }));
    expect([Object.keys(data.sources), data.weights]).toEqual([['my'], 'proportional']);
  });
});
