import { PengiError } from '@pengi/core';
import { isPowerOfTwo } from './fft.js';
import type { ChannelPolicy, CropMode, FitMode } from './fit.js';

/** What turns samples into a log-mel spectrogram. */
export interface LogMelSettings {
  /** Samples of an STFT window, a power of two. */
  readonly fftSize: number;
  /** Samples between frames. */
  readonly hopLength: number;
  /** Number of mel filters. */
  readonly mels: number;
  /** Edges of the filter bank, Hz at `melSampleRate`. */
  readonly fMin: number;
  readonly fMax: number;
  /** The rate that the filter bank is built for, Hz. The released code's is not the audio's. */
  readonly melSampleRate: number;
  /** Values lower than the clip's peak minus this many dB are raised to it; null for none. */
  readonly topDb: number | null;
}

/** The whole way from a recording to the audio encoder's input. */
export interface FrontendConfig extends LogMelSettings {
  /** Rate that recordings are resampled to, Hz. */
  readonly sampleRate: number;
  readonly durationSeconds: number;
  readonly channels: ChannelPolicy;
  /** What is done with a clip shorter than the duration. */
  readonly fit: FitMode;
  /** Which part of a longer clip is taken where the caller does not say. */
  readonly crop: CropMode;
  /** Cut what comes before the first sample within this many dB of the peak; null for no cut. */
  readonly trimSilence: { readonly belowPeakDb: number } | null;
  /** Scale the clip so that its largest magnitude is this; null for no scaling. */
  readonly peak: number | null;
}

/**
 * What microsoft/Pengi's and msclap's code builds: 44.1 kHz audio with mel filters made for 32 kHz (compatibility: the
 * YAML's mel keys are ignored), so the band really is about 69 Hz to 19.3 kHz. Two habits of that code are not taken
 * over and have to be asked for: `channels: 'concatenate'` and `crop: 'random'`, which make stereo and long files give
 * another result at every call.
 */
export const RELEASED_FRONTEND = {
  sampleRate: 44100,
  durationSeconds: 7,
  channels: 'mix',
  fit: 'loop',
  crop: 'start',
  fftSize: 1024,
  hopLength: 320,
  mels: 64,
  fMin: 50,
  fMax: 14000,
  melSampleRate: 32000,
  topDb: null,
  trimSilence: null,
  peak: null,
} as const satisfies FrontendConfig;

/** What the released `base.yml` says, and the paper: 50 … 8000 Hz at the audio's own rate. */
export const YAML_FRONTEND = {
  ...RELEASED_FRONTEND,
  fMax: 8000,
  melSampleRate: 44100,
} as const satisfies FrontendConfig;

/**
 * Transformers' `ClapFeatureExtractor` for models without fusion. Of longer clips it takes a random window, which has to be
 * asked for here: `crop: 'random'`.
 */
export const CLAP_FEATURE_EXTRACTOR = {
  ...RELEASED_FRONTEND,
  sampleRate: 48000,
  durationSeconds: 10,
  fit: 'repeat-pad',
  hopLength: 480,
  melSampleRate: 48000,
} as const satisfies FrontendConfig;

/** @throws PengiError E_CONFIG that names each wrong field */
export function validateFrontend(config: FrontendConfig): void {
  const issues = [
    ...logMelIssues(config),
    positive('sampleRate', config.sampleRate, Number.isInteger(config.sampleRate)),
    positive('durationSeconds', config.durationSeconds),
    oneOf('channels', config.channels, ['mix', 'concatenate', 'left']),
    oneOf('fit', config.fit, ['loop', 'pad', 'repeat-pad']),
    oneOf('crop', config.crop, ['start', 'centre', 'random']),
    config.trimSilence === null ? '' : positive('trimSilence.belowPeakDb', config.trimSilence.belowPeakDb),
    config.peak === null ? '' : positive('peak', config.peak),
  ];
  const length = config.durationSeconds * config.sampleRate;
  if (length < config.fftSize / 2 + 1)
    issues.push(`durationSeconds: ${length} samples are less than half a window of ${config.fftSize}`);
  refuseConfig(issues);
}

/** What is wrong with `settings`; empty strings are nothing. */
export function logMelIssues(settings: LogMelSettings): string[] {
  const { fftSize, fMin, fMax, melSampleRate } = settings;
  const issues = [
    isPowerOfTwo(fftSize) && fftSize >= 2 ? '' : `fftSize: ${fftSize} is no power of two`,
    positive('hopLength', settings.hopLength, Number.isInteger(settings.hopLength)),
    positive('mels', settings.mels, Number.isInteger(settings.mels)),
    positive('melSampleRate', melSampleRate),
    settings.topDb === null ? '' : positive('topDb', settings.topDb),
  ];
  if (!(fMin >= 0 && fMin < fMax && fMax <= melSampleRate / 2))
    issues.push(
      `fMin, fMax: ${fMin} … ${fMax} Hz; 0 <= fMin < fMax <= ${melSampleRate / 2} (half of melSampleRate) is needed`,
    );
  return issues;
}

export function refuseConfig(issues: readonly string[]): void {
  const found = issues.filter((issue) => issue !== '');
  if (found.length > 0) throw new PengiError('E_CONFIG', found.join('; '));
}

function positive(name: string, value: number, valid = true): string {
  return valid && Number.isFinite(value) && value > 0 ? '' : `${name}: ${value} is not allowed`;
}

function oneOf(name: string, value: string, allowed: readonly string[]): string {
  return allowed.includes(value) ? '' : `${name}: "${value}" is none of ${allowed.join(', ')}`;
}
