import { readFileSync } from 'node:fs';
import { base64Bytes, createRng } from '@pengi/core';
import { describe, expect, it } from 'vitest';
// @ts-expect-error: a script without types
import { compile } from '../../../scripts/assemblyscript.mjs';

import { RELEASED_FRONTEND } from './config.js';
import { createLogMel } from './log-mel.js';
import { createLogMelKernel } from './log-mel-simd.js';
import { LOG_MEL_WASM } from './log-mel-wasm.js';
import { melFilterBank, sparseMelBank } from './mel.js';

/** Noise under a tone, so that bins differ by many orders of magnitude. */
function recording(length: number): Float32Array {
  const rng = createRng(length);
  return Float32Array.from({ length }, (_, n) => 0.3 * Math.sin(n / 7) + 1e-4 * (rng.uniform() - 0.5));
}

describe('log-mels in WebAssembly', () => {
  // Each size of the last FFT step, odd and even numbers of frames, one and several chunks, hops beyond the window.
  it.each([
    [32, 10, 8, 200],
    [64, 7, 4, 1000],
    [128, 200, 16, 5000],
    [256, 100, 20, 12_700],
    [512, 160, 40, 20_481],
    [1024, 320, 64, 44_100],
    [2048, 512, 64, 66_150],
    [4096, 1000, 128, 20_000],
  ])(
    'of windows of %i and hops of %i samples are those of JavaScript',
    (fftSize, hopLength, mels, length) => {
      const settings = { ...RELEASED_FRONTEND, fftSize, hopLength, mels, fMin: 0, fMax: 16000 };
      // Every bin counts, the last one too.
      const melBank = melFilterBank({ sampleRate: 32000, fftSize, mels, fMin: 0, fMax: 16000 });
      melBank.data[melBank.data.length - 1] = 0.01;
      const samples = recording(length);
      const simd = createLogMel(settings, { melBank }).compute(samples);
      const scalar = createLogMel(settings, { melBank, simd: false }).compute(samples);
      expect(simd.length).toBe((Math.floor(length / hopLength) + 1) * mels);
      let largest = 0;
      for (let i = 0; i < simd.length; i++) largest = Math.max(largest, Math.abs(simd[i]! - scalar[i]!));
      expect(largest).toBeLessThan(1e-5);
      expect(Math.max(...simd) - Math.min(...simd)).toBeGreaterThan(20);
    },
  );

  it('are -100 dB of silence, and clamped below the peak where configured', () => {
    const silence = createLogMel(RELEASED_FRONTEND).compute(new Float32Array(2000));
    expect(new Set(silence)).toEqual(new Set([-100]));
    const clamped = createLogMel({ ...RELEASED_FRONTEND, topDb: 30 }).compute(recording(4000));
    expect(Math.min(...clamped)).toBeCloseTo(Math.max(...clamped) - 30, 4);
  });

  it('carry what is no number on', () => {
    const samples = recording(2000);
    samples[1000] = Number.NaN;
    expect(createLogMel(RELEASED_FRONTEND).compute(samples).some(Number.isNaN)).toBe(true);
  });

  it('do not remember the clip before', () => {
    const logMel = createLogMel(RELEASED_FRONTEND);
    const first = logMel.compute(recording(50_000)).slice();
    logMel.compute(new Float32Array(80_000).fill(0.5));
    expect(logMel.compute(recording(50_000))).toEqual(first);
  });

  it('are left to JavaScript for sizes that the kernel does not know', () => {
    const bank = (fftSize: number) =>
      sparseMelBank(melFilterBank({ sampleRate: 32000, fftSize, mels: 2, fMin: 0, fMax: 16000 }));
    expect(createLogMelKernel({ fftSize: 16, hopLength: 4, bank: bank(16) })).toBeUndefined();
    expect(createLogMelKernel({ fftSize: 32, hopLength: 4, bank: bank(32) })).toBeDefined();
  });

  it('run the code that lies beside them', async () => {
    const compiled: Buffer = await compile(new URL('../wasm/log-mel.as.ts', import.meta.url));
    expect(Buffer.from(base64Bytes(LOG_MEL_WASM)).equals(compiled)).toBe(true);
    expect(readFileSync(new URL('../wasm/log-mel.as.ts', import.meta.url), 'utf8')).toContain(
      'export function logMel',
    );
  });
});
