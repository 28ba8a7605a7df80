import {
  createFrontend,
  type DecodedAudio,
  decodeAudio,
  type FrontendConfig,
  fitToLength,
  scaleToPeak,
  trimLeadingSilence,
} from '@pengi/audio-frontend';
import { isPengiError, PengiError } from '@pengi/core';
import {
  type CachedFeature,
  cacheKey,
  createFeatureCache,
  type FeatureDtype,
  rounded,
} from './feature-cache.js';
import { readRegularFile, sha256 } from './files.js';

/** What makes an extractor; plain data, so that it can be sent to a worker. */
export interface ExtractorSettings {
  readonly frontend: FrontendConfig;
  /** Null for no cache. */
  readonly cacheDir: string | null;
  /** Of the values, in the cache or not; 'float32' by default. */
  readonly dtype?: FeatureDtype;
}

/** A file and the ways in which its log-mel is wanted. */
export interface FileRequest {
  readonly audio: string;
  /** The file's content, where it is at hand already. */
  readonly bytes?: Uint8Array;
  readonly variants: readonly Variant[];
  readonly allowDamaged: boolean;
  readonly maxSeconds: number;
  /** Read the cache, but do not write to it. */
  readonly readOnly?: boolean;
}

export interface Variant {
  /** Semitones up. */
  readonly speed: number;
  /** Null for all. */
  readonly seconds: number | null;
  /** Where the part that is meant begins, in seconds; absent for the start. */
  readonly start?: number;
  /**
   * Recordings that are longer than the front end's duration are analysed up to this many seconds, rather than cropped: the
   * log-mel has more frames, and nothing is clamped below its peak yet. Absent for a log-mel of the usual size.
   */
  readonly whole?: number;
}

/** The file's log-mels in the order of its variants; or why the file cannot be used. */
export type FileReply =
  | {
      readonly logMels: Float32Array[];
      readonly warnings: readonly string[];
      readonly fromCache: number;
      /** Bytes that were put into the cache. */
      readonly written: number;
    }
  | { readonly failure: PengiError };

export type Extractor = (request: FileRequest) => Promise<FileReply>;

/**
 * Reads, decodes and analyses one file after the other; each file is decoded once at most, and not at all when the
 * cache has all that is wanted.
 * @param decode what decodes; to be replaced only in tests
 * @throws PengiError E_CONFIG; the extractor throws what concerns the cache (E_CANNOT_CREATE, E_DISK_FULL, E_IO)
 */
export function createExtractor(settings: ExtractorSettings, decode = decodeAudio): Extractor {
  const { frontend: config, cacheDir, dtype = 'float32' } = settings;
  const cache = cacheDir === null ? undefined : createFeatureCache(cacheDir, config.mels, dtype);
  const analyse = createAnalyser(config);
  const keyOf = (content: string, variant: Variant, allowDamaged: boolean) =>
    cacheKey({ content, config, variant, allowDamaged, ...(dtype !== 'float32' && { dtype }) });

  const readFeatures = async (request: FileRequest) => {
    const { audio: path, variants, allowDamaged, maxSeconds } = request;
    const bytes = request.bytes ?? (await readRegularFile(path, MAX_FILE_BYTES, 'E_AUDIO_TOO_LONG'));
    const content = cache === undefined ? '' : sha256(bytes);
    const entries = await Promise.all(
      variants.map(async (variant): Promise<Entry> => {
        const key = cache === undefined ? '' : keyOf(content, variant, allowDamaged);
        return { variant, key, kept: await cache?.read(key) };
      }),
    );
    if (entries.every(isKept)) return entries.map(({ kept }) => ({ feature: kept }));
    const audio = await decode(bytes, { name: path, allowDamaged, maxSeconds });
    return entries.map(({ variant, key, kept }) => {
      if (kept !== undefined) return { feature: kept };
      const { logMel, warnings } = analyse(audio, variant);
      return { feature: { logMel: rounded(logMel, dtype), warnings }, key };
    });
  };

  return async (request) => {
    let found: { feature: CachedFeature; key?: string }[];
    try {
      found = await readFeatures(request);
    } catch (error) {
      if (isPengiError(error)) return { failure: withFile(error, request.audio) };
      throw error;
    }
    const fresh = found.flatMap(({ feature, key }) => (key === undefined ? [] : { feature, key }));
    const store = request.readOnly ? undefined : cache;
    const sizes = await Promise.all(fresh.map(({ feature, key }) => store?.write(key, feature) ?? 0));
    return {
      logMels: found.map(({ feature }) => feature.logMel),
      warnings: [...new Set(found.flatMap(({ feature }) => feature.warnings))],
      fromCache: found.length - fresh.length,
      written: sizes.reduce((sum, size) => sum + size, 0),
    };
  };
}

interface Entry {
  readonly variant: Variant;
  readonly key: string;
  readonly kept: CachedFeature | undefined;
}

function isKept(entry: Entry): entry is Entry & { kept: CachedFeature } {
  return entry.kept !== undefined;
}

const MAX_FILE_BYTES = 2 ** 30;

function createAnalyser(config: FrontendConfig): (audio: DecodedAudio, variant: Variant) => CachedFeature {
  const frontend = createFrontend(config);
  const unclamped = config.topDb === null ? frontend : createFrontend({ ...config, topDb: null });
  const length = Math.round(config.durationSeconds * config.sampleRate);

  /** As `Frontend.prepare`, but for the crop. */
  const prepareWhole = (audio: { channels: Float32Array[]; sampleRate: number }, limit: number) => {
    const { samples, warnings } = frontend.resampled(audio);
    const { trimSilence, peak, fit } = config;
    const trimmed = trimSilence === null ? samples : trimLeadingSilence(samples, trimSilence.belowPeakDb);
    const scaled = peak === null ? trimmed : scaleToPeak(trimmed, peak);
    const most = Math.max(length, Math.round(limit * config.sampleRate));
    return {
      samples:
        scaled.length <= length ? fitToLength(scaled, length, { mode: fit }) : scaled.subarray(0, most),
      warnings,
    };
  };

  return (audio, { speed, seconds, start = 0, whole }) => {
    const from = Math.floor(start * audio.sampleRate);
    const to = seconds === null ? undefined : from + Math.ceil(seconds * audio.sampleRate);
    const part = {
      channels: audio.channels.map((channel) => channel.subarray(from, to)),
      sampleRate: spedUpRate(audio.sampleRate, speed),
    };
    const { samples, warnings } = whole === undefined ? frontend.prepare(part) : prepareWhole(part, whole);
    const { logMel } = whole === undefined ? frontend : unclamped;
    return { logMel: logMel(samples), warnings: [...audio.warnings, ...warnings] };
  };
}

/**
 * The rate that a recording is taken to have so that it sounds `semitones` higher. It is rounded to a multiple of 100
 * Hz, which keeps the resampler's kernels small; the pitch is then off by at most 50 Hz of the rate: 2 cents at 44.1
 * kHz, 5.4 at 16 kHz, 11 at 8 kHz (times 2^(-semitones / 12)). 0 is exact at any rate.
 */
export function spedUpRate(sampleRate: number, semitones: number): number {
  if (semitones === 0) return sampleRate;
  return Math.max(100, Math.round((sampleRate * 2 ** (semitones / 12)) / 100) * 100);
}

function withFile(error: PengiError, file: string): PengiError {
  if (error.file !== undefined) return error;
  const { code, message, hint, cause } = error;
  return new PengiError(code, message, { file, ...(hint === undefined ? {} : { hint }), cause });
}
