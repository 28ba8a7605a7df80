import { validate } from '@pengi/core';
import { describe, expect, it } from 'vitest';
import { CLAP_PAPER, type ClapConfig, clapConfigSchema } from './config.js';
import { TINY } from './testing/tiny.js';

type Changed = { [K in keyof ClapConfig]?: ClapConfig[K] extends object ? object : unknown };

/** TINY with other fields, in its parts as well. */
const changed = ({ frontend, audio, text, ...others }: Changed) => ({
  ...TINY,
  ...others,
  frontend: { ...TINY.frontend, ...frontend },
  audio: { ...TINY.audio, ...audio },
  text: { ...TINY.text, ...text },
});

describe('a config', () => {
  it.each([
    ['the paper’s', CLAP_PAPER],
    ['a small one', TINY],
  ])('comes back as it was: %s', (_what, config) => {
    expect(validate(clapConfigSchema, JSON.parse(JSON.stringify(config)))).toEqual(config);
  });

  it.each<[string, Changed]>([
    ['text.heads: must divide width', { text: { heads: 3 } }],
    ['text.promptLength: must not exceed positions', { text: { promptLength: 13 } }],
    ['text.vocabularySize: must be 49408, all of CLIP, as keptIds is null', { text: { keptIds: null } }],
    [
      `text.vocabularySize: must be ${TINY.text.vocabularySize}, the number of keptIds`,
      { text: { vocabularySize: 49408 } },
    ],
    ["audio: mels must be the front end's, 20", { frontend: { mels: 20 } }],
    ['frontend: fftSize: 100 is no power of two', { frontend: { fftSize: 100 } }],
  ])('that contradicts itself is refused: %s', (message, change) => {
    expect(() => validate(clapConfigSchema, changed(change))).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message }),
    );
  });

  it.each<[string, Changed]>([
    ['text.promptLength', { text: { promptLength: 2 } }],
    ['text.keptIds.0', { text: { keptIds: [-1] } }],
    ['frontend.trimSilence', { frontend: { trimSilence: undefined } }],
    ['frontend.channels', { frontend: { channels: 'right' } }],
    ['embedding', { embedding: 0 }],
    ['projectionDropout', { projectionDropout: 1.5 }],
  ])('names the field that is wrong: %s', (field, change) => {
    expect(() => validate(clapConfigSchema, changed(change))).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringMatching(`^${field}: `) }),
    );
  });

  it('has no other fields', () => {
    expect(() => validate(clapConfigSchema, { ...TINY, temperature: 0.07 })).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining('temperature') }),
    );
    expect(() => validate(clapConfigSchema, changed({ frontend: { hopSize: 320 } }))).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining('hopSize') }),
    );
  });
});
