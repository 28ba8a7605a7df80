import { validate } from '@pengi/core';
import { describe, expect, it } from 'vitest';
import {
  anyClapConfigSchema,
  CLAP_PAPER,
  type ClapConfig,
  clapConfigSchema,
  LAION_CLAP_HTSAT_UNFUSED,
  MSCLAP_2023,
} from './config.js';
import { TINY_MSCLAP, TINY_TRANSFORMERS } from './testing/families.js';
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

describe('a config of any family', () => {
  it.each([
    ['the paper’s', CLAP_PAPER],
    ['the paper’s by name', { ...CLAP_PAPER, family: 'pengi' }],
    ['msclap 2023', MSCLAP_2023],
    ['LAION’s', LAION_CLAP_HTSAT_UNFUSED],
    ['a small msclap', TINY_MSCLAP],
    ['a small one of Transformers', TINY_TRANSFORMERS],
  ])('comes back as it was: %s', (_what, config) => {
    expect(validate(anyClapConfigSchema, JSON.parse(JSON.stringify(config)))).toEqual(config);
  });

  const { gpt2 } = TINY_MSCLAP.text;
  it.each<[string, object]>([
    ['family: ', { ...TINY, family: 'other' }],
    ['text.heads: must divide width', { ...TINY, text: { ...TINY.text, heads: 3 } }],
    ['text: ', { ...TINY, text: TINY_MSCLAP.text }],
    [
      "text.promptLength: must not exceed gpt2's positions",
      { ...TINY_MSCLAP, text: { gpt2, promptLength: 17 } },
    ],
    [
      "audio: mels must be the front end's",
      { ...TINY_MSCLAP, frontend: { ...TINY_MSCLAP.frontend, mels: 20 } },
    ],
    [
      'text.promptLength: must not exceed positions - pad - 1',
      { ...TINY_TRANSFORMERS, text: { ...TINY_TRANSFORMERS.text, promptLength: 19 } },
    ],
    [
      'text.pad: must be in the vocabulary',
      { ...TINY_TRANSFORMERS, text: { ...TINY_TRANSFORMERS.text, pad: 999 } },
    ],
    ['', { ...TINY_TRANSFORMERS, projectionDropout: 0.5 }],
  ])('that contradicts itself is refused: %s', (message, config) => {
    expect(() => validate(anyClapConfigSchema, config)).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining(message) }),
    );
  });
});
