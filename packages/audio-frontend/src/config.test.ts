import { describe, expect, it } from 'vitest';
import { type FrontendConfig, RELEASED_FRONTEND, validateFrontend, YAML_FRONTEND } from './config.js';
import { failure } from './testing/helpers.js';

describe('validateFrontend', () => {
  it('accepts the presets', () => {
    validateFrontend(RELEASED_FRONTEND);
    validateFrontend(YAML_FRONTEND);
  });

  it.each<[Partial<FrontendConfig>, RegExp]>([
    [{ fftSize: 1000 }, /fftSize: 1000/],
    [{ hopLength: 0 }, /hopLength: 0/],
    [{ mels: 1.5 }, /mels: 1.5/],
    [{ fMin: 9000, fMax: 8000 }, /fMin, fMax: 9000 … 8000/],
    [{ fMax: 16001 }, /16000 \(half of melSampleRate\)/],
    [{ sampleRate: Number.NaN }, /sampleRate: NaN/],
    [{ durationSeconds: 0 }, /durationSeconds: 0/],
    [{ durationSeconds: 0.001 }, /half a window/],
    [{ channels: 'right' as 'left' }, /channels: "right" is none of mix/],
    [{ topDb: -80 }, /topDb: -80/],
    [{ trimSilence: { belowPeakDb: -1 } }, /belowPeakDb: -1/],
    [{ peak: 0 }, /peak: 0/],
  ])('refuses %o', async (change, message) => {
    const error = await failure(() => validateFrontend({ ...RELEASED_FRONTEND, ...change }));
    expect([error.code, message.test(error.message)]).toEqual(['E_CONFIG', true]);
  });

  it('names every wrong field at once', async () => {
    const error = await failure(() => validateFrontend({ ...RELEASED_FRONTEND, mels: 0, hopLength: -1 }));
    expect(error.message).toMatch(/hopLength.*mels/);
  });
});
