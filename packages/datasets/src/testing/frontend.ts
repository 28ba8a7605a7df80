import type { FrontendConfig } from '@pengi/audio-frontend';

/** A small front end for tests: a quarter of a second at 8 kHz, 32 frames of 32 mels. */
export const SMALL_FRONTEND: FrontendConfig = {
  sampleRate: 8000,
  durationSeconds: 0.25,
  channels: 'mix',
  fit: 'pad',
  crop: 'start',
  fftSize: 256,
  hopLength: 64,
  mels: 32,
  fMin: 50,
  fMax: 4000,
  melSampleRate: 8000,
  topDb: 80,
  trimSilence: { belowPeakDb: 40 },
  peak: 0.5,
};
