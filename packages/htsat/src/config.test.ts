import { validate } from '@pengi/core';
import { describe, expect, it } from 'vitest';
import { HTSAT_RELEASED, HTSAT_SMALL, type HtsatConfig, htsatConfigSchema, htsatSizes } from './config.js';
import { TINY } from './testing/tiny.js';

describe('sizes', () => {
  it('are those of the released encoder', () => {
    expect(htsatSizes(HTSAT_RELEASED)).toEqual({
      pieces: 4,
      imageFrames: 1024,
      grid: 64,
      stages: [
        { channels: 96, side: 64, window: 8, depth: 2, heads: 4 },
        { channels: 192, side: 32, window: 8, depth: 2, heads: 8 },
        { channels: 384, side: 16, window: 8, depth: 6, heads: 16 },
        { channels: 768, side: 8, window: 8, depth: 2, heads: 32 },
      ],
      latent: 768,
      lastSide: 8,
    });
  });

  it('make a window as small as a stage that it does not fit', () => {
    expect(htsatSizes({ ...TINY, windowSize: 8 }).stages.map(({ side, window }) => [side, window])).toEqual([
      [8, 8],
      [4, 4],
    ]);
  });

  it.each([HTSAT_RELEASED, HTSAT_SMALL, TINY])('of preset %# are valid', (config) => {
    expect(validate(htsatConfigSchema, JSON.parse(JSON.stringify(config)))).toEqual(config);
  });

  it.each<[Partial<HtsatConfig>, string]>([
    [{ mels: 12 }, 'mels (12) must divide specSize (32)'],
    [{ patchSize: 5 }, 'patchSize (5) must divide specSize (32)'],
    [{ heads: [2] }, '2 depths but 1 heads'],
    [{ depths: [1, 1, 1, 1, 1], heads: [1, 1, 1, 1, 1] }, 'a grid of 8 tokens cannot be halved 4 times'],
    [{ windowSize: 3 }, 'windows of 3 do not fill a grid of 8'],
    [{ heads: [2, 3] }, '3 heads do not divide 16 channels'],
    [{ mels: 4 }, '8 pieces of time do not divide the last grid of 4'],
  ])('that do not go together are refused: %o', (fields, message) => {
    const config = { ...TINY, ...fields };
    expect(() => htsatSizes(config)).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: `htsat: ${message}` }),
    );
    expect(() => validate(htsatConfigSchema, config, { file: 'models/x' })).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message, file: 'models/x' }),
    );
  });

  it.each<[Partial<HtsatConfig>, string]>([
    [{ dropPath: 1 }, 'dropPath: '],
    [{ embedDim: 0 }, 'embedDim: '],
    [{ depths: [] }, 'depths: '],
    [{ classes: 1.5 }, 'classes: '],
  ])('that are out of range are refused by name: %o', (fields, message) => {
    expect(() => validate(htsatConfigSchema, { ...TINY, ...fields })).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining(message) }),
    );
  });
});
