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
import { type AudioWindow, slidingWindows, type WindowOptions } from './windows.js';

export interface PrepareOptions {
  /** Which part of a longer clip; the config's by default. 'random' needs `rng`. */
  readonly crop?: CropMode;
  readonly rng?: Rng;
}

export interface PreparedAudio {
  /** At the config's rate; of `load` and `prepare` exactly the config's duration. */
  readonly samples: Float32Array;
  readonly warnings: readonly string[];
}

/** Default length: the config's duration. */
export type FrontendWindowOptions = Partial<WindowOptions>;

export interface Windows {
  readonly windows: readonly AudioWindow[];
  readonly warnings: readonly string[];
}

/** Samples of one channel or of several, with their rate. */
export type RecordedAudio = AudioData | { readonly samples: Float32Array; readonly sampleRate: number };

export interface Frontend {
  readonly config: FrontendConfig;
  /** The filter bank in use, [bins, mels]. */
  readonly melBank: NdArray<'float32'>;
  /** Frames of a prepared clip. */
  readonly frames: number;
  /** File → decode → `prepare`. */
  load(path: string, options?: PrepareOptions & ReadAudioOptions): Promise<PreparedAudio>;
  /** Mono → resample → trim and scale where configured → fit to the duration. */
  prepare(audio: RecordedAudio, options?: PrepareOptions): PreparedAudio;
  /** File → decode → `resampled`. */
  loadResampled(path: string, options?: ReadAudioOptions): Promise<PreparedAudio>;
  /**
   * Mono → resample: the whole recording at the config's rate, with its own beginning and length.
   * @throws PengiError E_USAGE for several channels that the config puts end to end, as that leaves no time to speak of
   */
  resampled(audio: RecordedAudio): PreparedAudio;
  /** File → decode → `windows`. */
  loadWindows(path: string, options?: FrontendWindowOptions & ReadAudioOptions): Promise<Windows>;
  /**
   * Windows of a whole recording at the config's rate. Each is to be prepared as a recording of its own: trimming, scaling
   * and fitting are done to the window alone, as the encoder knows it from its training.
   * @throws PengiError E_USAGE for windows longer than the config's duration, and as `slidingWindows` and `resampled`
   */
  windows(audio: RecordedAudio, options?: FrontendWindowOptions): Windows;
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

  const mono = (audio: RecordedAudio): { samples: Float32Array; warnings: string[] } => {
    const { channels, sampleRate } = channelsOf(audio);
    const warnings: string[] = [];
    refuseNonFinite(channels);
    const samples = resampledMono({ channels, sampleRate }, config.sampleRate, config.channels, warnings);
    return { samples, warnings };
  };

  const prepare: Frontend['prepare'] = (audio, { crop = config.crop, rng } = {}) => {
    const { samples: whole, warnings } = mono(audio);
    const trimmed =
      config.trimSilence === null ? whole : trimLeadingSilence(whole, config.trimSilence.belowPeakDb);
    const scaled = config.peak === null ? trimmed : scaleToPeak(trimmed, config.peak);
    const samples = fitToLength(scaled, length, { mode: config.fit, crop, ...(rng && { rng }) });
    return { samples, warnings };
  };

  const resampled: Frontend['resampled'] = (audio) => {
    const { channels } = channelsOf(audio);
    if (config.channels === 'concatenate' && channels.length > 1)
      throw new PengiError('E_USAGE', `${channels.length} channels put end to end have no common time`, {
        hint: "take the config's channels 'mix' or 'left'",
      });
    return mono(audio);
  };

  const windows: Frontend['windows'] = (audio, options = {}) => {
    if (options.seconds !== undefined && options.seconds > config.durationSeconds)
      throw new PengiError(
        'E_USAGE',
        `windows of ${options.seconds} s; at most ${config.durationSeconds} s are heard at once`,
      );
    const { samples, warnings } = resampled(audio);
    const cut = slidingWindows(samples, config.sampleRate, { seconds: config.durationSeconds, ...options });
    return { windows: cut, warnings };
  };

  /** `use` of a file's samples, with what is to be said about the file. */
  async function fromFile<Used extends { readonly warnings: readonly string[] }>(
    path: string,
    options: ReadAudioOptions,
    use: (audio: AudioData) => Used,
  ): Promise<Used> {
    const audio = await readAudio(path, options);
    try {
      const used = use(audio);
      return { ...used, warnings: [...audio.warnings, ...used.warnings] };
    } catch (error) {
      throw withFile(error, path);
    }
  }

  return {
    config,
    melBank: logMel.melBank,
    frames: logMel.frames(length),
    prepare,
    load: (path, options = {}) => fromFile(path, options, (audio) => prepare(audio, options)),
    resampled,
    loadResampled: (path, options = {}) => fromFile(path, options, resampled),
    windows,
    loadWindows: (path, options = {}) => fromFile(path, options, (audio) => windows(audio, options)),
    logMel: logMel.compute,
    logMelBatch: logMel.computeBatch,
  };
}

function channelsOf(audio: RecordedAudio): AudioData {
  return 'samples' in audio ? { channels: [audio.samples], sampleRate: audio.sampleRate } : audio;
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
