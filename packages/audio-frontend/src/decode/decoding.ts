import { type ErrorCode, PengiError } from '@pengi/core';

export type AudioFormat = 'wav' | 'flac' | 'mp3' | 'vorbis' | 'opus';

/** One decoding: what is read, what is allowed, and what was found on the way. */
export interface Decoding {
  readonly bytes: Uint8Array;
  /** For messages. */
  readonly file: string | undefined;
  readonly maxSeconds: number;
  readonly allowDamaged: boolean;
  readonly warnings: string[];
}

/** What a format's decoder gives. */
export interface DecodedChannels {
  readonly channels: Float32Array[];
  readonly sampleRate: number;
}

export function refuse(
  decoding: Pick<Decoding, 'file'>,
  code: ErrorCode,
  message: string,
  options: { hint?: string; cause?: unknown } = {},
): never {
  const file = decoding.file === undefined ? {} : { file: decoding.file };
  throw new PengiError(code, message, { ...file, ...options });
}

/** The hint of every E_AUDIO_FORMAT. */
export const CONVERT = 'convert it to WAV, FLAC, MP3, Ogg Vorbis or Opus, for example with ffmpeg';

/** Damage is an error, or a warning for who asked for what is left of damaged files. */
export function reportDamage(
  decoding: Decoding,
  code: 'E_AUDIO_TRUNCATED' | 'E_AUDIO_DAMAGED' | 'E_AUDIO_NONFINITE',
  message: string,
  cause?: unknown,
): void {
  if (!decoding.allowDamaged)
    refuse(decoding, code, message, {
      hint: 'pass allowDamaged (--allow-damaged) to keep what can be read',
      ...(cause === undefined ? {} : { cause }),
    });
  decoding.warnings.push(message);
}

/** What a decoder's library says of the frames it was given: the first of its complaints is enough. */
export function reportDecoderErrors(
  decoding: Decoding,
  name: string,
  [first]: readonly { message: string }[],
): void {
  if (first) reportDamage(decoding, 'E_AUDIO_DAMAGED', `the ${name} decoder reports: ${first.message}`);
}

/** Nobody's recording lies outside; what does is a damaged header that would cost memory. */
const SAMPLE_RATES = { lowest: 100, highest: 1_000_000 };
const MAX_CHANNELS = 32;
/** Floats over all channels: 1 GiB. */
const MAX_VALUES = 2 ** 28;

/** @throws PengiError E_AUDIO_HEADER for a rate or channel count that no recording has */
export function checkStream(decoding: Decoding, sampleRate: number, channels: number): void {
  const { lowest, highest } = SAMPLE_RATES;
  if (!(sampleRate >= lowest && sampleRate <= highest))
    refuse(
      decoding,
      'E_AUDIO_HEADER',
      `a sample rate of ${sampleRate} Hz; ${lowest} … ${highest} Hz are read`,
    );
  if (!(channels >= 1 && channels <= MAX_CHANNELS))
    refuse(decoding, 'E_AUDIO_HEADER', `${channels} channels; 1 … ${MAX_CHANNELS} are read`);
}

/** @throws PengiError E_AUDIO_TOO_LONG; to be called before `frames` samples a channel are allocated */
export function checkLength(decoding: Decoding, frames: number, sampleRate: number, channels: number): void {
  if (frames > decoding.maxSeconds * sampleRate)
    refuse(
      decoding,
      'E_AUDIO_TOO_LONG',
      `${(frames / sampleRate).toFixed(1)} s or more of audio; at most ${decoding.maxSeconds} s are read`,
      { hint: 'raise maxSeconds (--max-seconds) or cut the file' },
    );
  if (frames * channels > MAX_VALUES)
    refuse(
      decoding,
      'E_AUDIO_TOO_LONG',
      `${frames} samples in ${channels} channels; at most ${MAX_VALUES} in all are read`,
      { hint: 'cut the file, or mix its channels down first' },
    );
}

/** Collects what a streaming decoder gives, and checks the length as it grows. */
export interface Sink {
  readonly frames: number;
  push(part: readonly Float32Array[]): void;
  /** The channels, cut to `limit` samples. */
  finish(limit?: number): Float32Array[];
}

export function createSink(decoding: Decoding, sampleRate: number, channels: number): Sink {
  const parts: (readonly Float32Array[])[] = [];
  let frames = 0;
  return {
    get frames() {
      return frames;
    },
    push(part) {
      const length = part[0]?.length ?? 0;
      if (length === 0) return;
      // A second more: what encoders add at the ends is cut off only afterwards.
      checkLength(decoding, frames + length - sampleRate, sampleRate, channels);
      parts.push(part);
      frames += length;
    },
    finish(limit = frames) {
      const length = Math.min(frames, limit);
      return Array.from({ length: channels }, (_, c) => {
        const channel = new Float32Array(length);
        let at = 0;
        for (const part of parts) {
          const samples = part[c] ?? new Float32Array(0);
          channel.set(samples.subarray(0, Math.max(0, length - at)), Math.min(at, length));
          at += samples.length;
        }
        return channel;
      });
    },
  };
}

/** `bytes[at … at + length)` as Latin-1 text. */
export function ascii(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
