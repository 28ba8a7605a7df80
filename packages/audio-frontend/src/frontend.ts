import { type NdArray, PengiError, type Rng } from '@pengi/core';
import { type FrontendConfig, validateFrontend } from './config.js';
import { countNonFinite, type ReadAudioOptions, readAudio } from './decode/decode.js';
import {
  type AudioData,
  type ChannelPolicy,
  type CropMode,
  fitToLength,
  peakOf,
  scaleToPeak,
  toMono,
  trimLeadingSilence,
} from './fit.js';
import { createLogMel, type LogMelOptions } from './log-mel.js';
import { resample } from './resample.js';

export interface PrepareOptions {
  /** Which part of a longer clip; the config's by default. 'random' needs `rng`. */
  readonly crop?: CropMode;
  readonly rng?: Rng;
}

export interface PreparedAudio {
  /** Exactly the config's duration at the config's rate. */
  readonly samples: Float32Array;
  readonly warnings: readonly string[];
}

export interface Frontend {
  readonly config: FrontendConfig;
  /** The filter bank in use, [bins, mels]. */
  readonly melBank: NdArray<'float32'>;
  /** Frames of a prepared clip. */
  readonly frames: number;
  /** File → decode → `prepare`. */
  load(path: string, options?: PrepareOptions & ReadAudioOptions): Promise<PreparedAudio>;
  /** Mono → resample → trim and scale where configured → fit to the duration. */
  prepare(
    audio: AudioData | { readonly samples: Float32Array; readonly sampleRate: number },
    options?: PrepareOptions,
  ): PreparedAudio;
  /** dB, [frames, mels] */
  logMel(samples: Float32Array): Float32Array;
  /** dB, [B, frames, mels], of clips of one length. */
  logMelBatch(clips: readonly Float32Array[]): NdArray<'float32'>;
}

/**
 * Recordings to what an audio encoder takes, by `config`.
 * @throws PengiError E_CONFIG; its methods throw what `readAudio`, `resample`, `fitToLength` and `createLogMel` throw
 */
export function createFrontend(config: FrontendConfig, options: LogMelOptions = {}): Frontend {
  validateFrontend(config);
  const length = Math.round(config.durationSeconds * config.sampleRate);
  const logMel = createLogMel(config, options);

  const prepare: Frontend['prepare'] = (audio, { crop = config.crop, rng } = {}) => {
    const { channels, sampleRate } =
      'samples' in audio ? { channels: [audio.samples], sampleRate: audio.sampleRate } : audio;
    const warnings: string[] = [];
    refuseNonFinite(channels);
    const mono = resampledMono({ channels, sampleRate }, config.sampleRate, config.channels, warnings);
    const trimmed =
      config.trimSilence === null ? mono : trimLeadingSilence(mono, config.trimSilence.belowPeakDb);
    const scaled = config.peak === null ? trimmed : scaleToPeak(trimmed, config.peak);
    const samples = fitToLength(scaled, length, { mode: config.fit, crop, ...(rng && { rng }) });
    return { samples, warnings };
  };

  return {
    config,
    melBank: logMel.melBank,
    frames: logMel.frames(length),
    prepare,
    async load(path, options = {}) {
      const audio = await readAudio(path, options);
      try {
        const { samples, warnings } = prepare(audio, options);
        return { samples, warnings: [...audio.warnings, ...warnings] };
      } catch (error) {
        throw withFile(error, path);
      }
    },
    logMel: logMel.compute,
    logMelBatch: logMel.computeBatch,
  };
}

/** 'concatenate' resamples each channel apart, as the reference does; for the others one resampling is enough. */
function resampledMono(
  { channels, sampleRate }: AudioData,
  rate: number,
  policy: ChannelPolicy,
  warnings: string[],
): Float32Array {
  if (policy === 'concatenate')
    return toMono({ channels: channels.map((channel) => resample(channel, sampleRate, rate)) }, policy);
  const mono = toMono({ channels }, policy);
  if (policy === 'mix' && channels.length > 1 && isCancelled(mono, channels))
    warnings.push('the channels cancel each other when they are mixed (opposite phase)');
  return resample(mono, sampleRate, rate);
}

/** 40 dB below the louder channel: what is left is no longer the recording. */
function isCancelled(mono: Float32Array, channels: readonly Float32Array[]): boolean {
  const loudest = Math.max(...channels.map(peakOf));
  return loudest > 0 && peakOf(mono) < loudest / 100;
}

function refuseNonFinite(channels: readonly Float32Array[]): void {
  const bad = channels.reduce((sum, channel) => sum + countNonFinite(channel), 0);
  if (bad > 0) throw new PengiError('E_AUDIO_NONFINITE', `${bad} samples are NaN or infinite`);
}

function withFile(error: unknown, file: string): unknown {
  if (!(error instanceof PengiError) || error.file !== undefined) return error;
  const { code, message, hint, cause } = error;
  return new PengiError(code, message, { file, ...(hint === undefined ? {} : { hint }), cause });
}
