import { decodeAudio } from '@pengi/audio-frontend';
import { describe, expect, it } from 'vitest';
import { wav16 } from './index.js';

describe('wav16', () => {
  it('is read back within half a step', async () => {
    const samples = Float32Array.of(0, 0.5, -0.25, 1, -1, 2);
    const { channels, sampleRate } = await decodeAudio(wav16(samples));
    expect(sampleRate).toBe(16000);
    for (const [i, expected] of [0, 0.5, -0.25, 1, -1, 1].entries())
      expect(Math.abs((channels[0]?.[i] as number) - expected)).toBeLessThan(1 / 32767 + 1e-6);
  });
});
