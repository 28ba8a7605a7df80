import { isPengiError, PengiError } from '@pengi/core';
import type { AudioData } from '../fit.js';
import { type AudioFormat, type DecodedChannels, type Decoding, refuse, reportDamage } from './decoding.js';
import { type Container, detect } from './detect.js';
import { decodeFlac } from './flac.js';
import { decodeMp3 } from './mp3.js';
import { decodeOgg } from './ogg.js';
import { checkWavHead, decodeWav } from './wav.js';

export interface ReadAudioOptions {
  /** Longer audio is refused before it is decoded; 600 by default. */
  readonly maxSeconds?: number;
  /** Keep what can be read of damaged files, with warnings, in place of an error. */
  readonly allowDamaged?: boolean;
}

export interface DecodeAudioOptions extends ReadAudioOptions {
  /** The file's name, for messages. */
  readonly name?: string;
}

export interface DecodedAudio extends AudioData {
  readonly channels: Float32Array[];
  readonly format: AudioFormat;
  /** What was noticed and read over. */
  readonly warnings: string[];
}

/**
 * Reads WAV, FLAC, MP3, Ogg Vorbis or Ogg Opus, told apart by content. Integer samples are scaled to -1 … 1 (by 2^(bits -
 * 1)), floating-point samples are kept.
 * @throws PengiError E_AUDIO_FORMAT, E_AUDIO_HEADER, E_AUDIO_EMPTY, E_AUDIO_TOO_LONG; unless `allowDamaged`:
 *   E_AUDIO_TRUNCATED, E_AUDIO_DAMAGED, E_AUDIO_NONFINITE (the last also when no sample is a number)
 */
export async function decodeAudio(
  bytes: Uint8Array,
  options: DecodeAudioOptions = {},
): Promise<DecodedAudio> {
  const { name, maxSeconds = 600, allowDamaged = false } = options;
  if (!(maxSeconds > 0))
    throw new PengiError('E_USAGE', `maxSeconds is ${maxSeconds}; it is a positive number`);
  const decoding: Decoding = { bytes, file: name, maxSeconds, allowDamaged, warnings: [] };
  const { container, start } = detect(decoding);
  const audio = await DECODERS[container](decoding, start);
  if (audio.channels[0] === undefined || audio.channels[0].length === 0)
    refuse(decoding, 'E_AUDIO_EMPTY', ['the file holds no samples', ...decoding.warnings].join('; '));
  replaceNonFinite(decoding, audio.channels);
  return { ...audio, warnings: decoding.warnings };
}

/**
 * `decodeAudio` of a file.
 * @throws PengiError as `decodeAudio`, and E_NOT_FOUND, E_IO; E_AUDIO_TOO_LONG for files over 1 GiB
 */
export async function readAudio(path: string, options: ReadAudioOptions = {}): Promise<DecodedAudio> {
  return decodeAudio(await readBytes(path, options), { ...options, name: path });
}

const DECODERS: Record<
  Container,
  (decoding: Decoding, start: number) => Promise<DecodedChannels & { format: AudioFormat }>
> = {
  wav: async (decoding, start) => ({ format: 'wav', ...decodeWav(decoding, start) }),
  flac: async (decoding, start) => ({ format: 'flac', ...(await decodeFlac(decoding, start)) }),
  mpeg: async (decoding, start) => ({ format: 'mp3', ...(await decodeMp3(decoding, start)) }),
  ogg: decodeOgg,
};

/** No NaN may reach a model, where it would spread to everything. */
function replaceNonFinite(decoding: Decoding, channels: readonly Float32Array[]): void {
  const bad = channels.reduce((sum, channel) => sum + countNonFinite(channel), 0);
  if (bad === 0) return;
  const total = channels.reduce((sum, channel) => sum + channel.length, 0);
  if (bad === total) refuse(decoding, 'E_AUDIO_NONFINITE', `all ${total} samples are NaN or infinite`);
  reportDamage(
    decoding,
    'E_AUDIO_NONFINITE',
    `${bad} of ${total} samples are NaN or infinite${decoding.allowDamaged ? ' and were replaced by 0' : ''}`,
  );
  for (const channel of channels)
    for (let i = 0; i < channel.length; i++) if (!Number.isFinite(channel[i])) channel[i] = 0;
}

export function countNonFinite(samples: Float32Array): number {
  let count = 0;
  for (let i = 0; i < samples.length; i++) if (!Number.isFinite(samples[i])) count++;
  return count;
}

function startDecoding(bytes: Uint8Array, options: DecodeAudioOptions): Decoding {
  const { name, maxSeconds = 600, allowDamaged = false } = options;
  if (!(maxSeconds > 0))
    throw new PengiError('E_USAGE', `maxSeconds is ${maxSeconds}; it is a positive number`);
  return { bytes, file: name, maxSeconds, allowDamaged, warnings: [] };
}

const MAX_FILE_BYTES = 2 ** 30;
/** Files over this have their head looked at before they are read. */
const LARGE_FILE_BYTES = 2 ** 25;
const HEAD_BYTES = 65536;

async function readBytes(path: string, options: ReadAudioOptions): Promise<Uint8Array> {
  try {
    const { open, stat } = await import('node:fs/promises');
    // Before it is opened: opening a pipe waits for a writer, and a device might never end.
    if (!(await stat(path)).isFile())
      throw new PengiError('E_NOT_FOUND', 'not a regular file', { file: path });
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size > MAX_FILE_BYTES)
        throw new PengiError(
          'E_AUDIO_TOO_LONG',
          `a file of ${size} bytes; at most ${MAX_FILE_BYTES} are read`,
          {
            file: path,
            hint: 'cut the file into shorter ones',
          },
        );
      if (size > LARGE_FILE_BYTES) {
        const head = new Uint8Array(HEAD_BYTES);
        await file.read(head, 0, HEAD_BYTES, 0);
        refuseLongWav(startDecoding(head, { ...options, name: path }), size);
      }
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    const { fileError } = await import('@pengi/core/node'); // like Node's own modules, not before it is needed
    throw fileError(cause, path, 'read');
  }
}

/** An hour of WAVE is refused by its head. Whatever else is wrong with it, reading the whole file will tell better. */
function refuseLongWav(head: Decoding, fileBytes: number): void {
  try {
    checkWavHead(head, fileBytes);
  } catch (error) {
    if (isPengiError(error) && error.code === 'E_AUDIO_TOO_LONG') throw error;
  }
}
