import { createFrontend, type DecodedAudio, decodeAudio, type FrontendConfig } from '@pengi/audio-frontend';
import { isPengiError, PengiError } from '@pengi/core';
import { type CachedFeature, cacheKey, createFeatureCache } from './feature-cache.js';
import { readRegularFile, sha256 } from './files.js';

/** What makes an extractor; plain data, so that it can be sent to a worker. */
export interface ExtractorSettings {
  readonly frontend: FrontendConfig;
  /** Null for no cache. */
  readonly cacheDir: string | null;
}

/** A file and the ways in which its log-mel is wanted. */
export interface FileRequest {
  readonly audio: string;
  readonly variants: readonly Variant[];
  readonly allowDamaged: boolean;
  readonly maxSeconds: number;
}

export interface Variant {
  /** Semitones up. */
  readonly speed: number;
  /** Null for all. */
  readonly seconds: number | null;
}

/** The file's log-mels in the order of its variants; or why the file cannot be used. */
export type FileReply =
  | { readonly logMels: Float32Array[]; readonly warnings: readonly string[]; readonly fromCache: number }
  | { readonly failure: PengiError };

export type Extractor = (request: FileRequest) => Promise<FileReply>;

/**
 * Reads, decodes and analyses one file after the other; each file is decoded once at most, and not at all when the
 * cache has all that is wanted.
 * @param decode what decodes; to be replaced only in tests
 * @throws PengiError E_CONFIG; the extractor throws what concerns the cache (E_CANNOT_CREATE, E_DISK_FULL, E_IO)
 */
export function createExtractor(settings: ExtractorSettings, decode = decodeAudio): Extractor {
  const { frontend: config, cacheDir } = settings;
  const frontend = createFrontend(config);
  const values = frontend.frames * config.mels;
  const cache = cacheDir === null ? undefined : createFeatureCache(cacheDir, values);

  const analyse = (audio: DecodedAudio, { speed, seconds }: Variant): CachedFeature => {
    const { sampleRate } = audio;
    const cut = seconds === null ? undefined : Math.ceil(seconds * sampleRate);
    const { samples, warnings } = frontend.prepare({
      channels: audio.channels.map((channel) => channel.subarray(0, cut)),
      sampleRate: spedUpRate(sampleRate, speed),
    });
    return { logMel: frontend.logMel(samples), warnings: [...audio.warnings, ...warnings] };
  };

  const readFeatures = async ({ audio: path, variants, allowDamaged, maxSeconds }: FileRequest) => {
    const bytes = await readRegularFile(path, MAX_FILE_BYTES, 'E_AUDIO_TOO_LONG');
    const content = cache === undefined ? '' : sha256(bytes);
    const entries = await Promise.all(
      variants.map(async (variant): Promise<Entry> => {
        const key = cache === undefined ? '' : cacheKey({ content, config, variant, allowDamaged });
        return { variant, key, kept: await cache?.read(key) };
      }),
    );
    if (entries.every(isKept)) return entries.map(({ kept }) => ({ feature: kept }));
    const audio = await decode(bytes, { name: path, allowDamaged, maxSeconds });
    return entries.map(({ variant, key, kept }) =>
      kept === undefined ? { feature: analyse(audio, variant), key } : { feature: kept },
    );
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
    await Promise.all(fresh.map(({ feature, key }) => cache?.write(key, feature)));
    return {
      logMels: found.map(({ feature }) => feature.logMel),
      warnings: [...new Set(found.flatMap(({ feature }) => feature.warnings))],
      fromCache: found.length - fresh.length,
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
