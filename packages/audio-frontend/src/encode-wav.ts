import { PengiError } from '@pengi/core';
import type { AudioData } from './fit.js';

const IEEE_FLOAT = 3;

/**
 * A WAVE file of 32-bit floats: what `decodeAudio` reads back bit for bit. Samples are usually within -1 … 1.
 * @throws PengiError E_AUDIO_EMPTY without channels, E_SHAPE when their lengths differ
 */
export function encodeWav({ channels, sampleRate }: AudioData): Uint8Array<ArrayBuffer> {
  const [first] = channels;
  if (first === undefined) throw new PengiError('E_AUDIO_EMPTY', 'audio without channels');
  if (channels.some((channel) => channel.length !== first.length))
    throw new PengiError('E_SHAPE', `channels of ${channels.map((c) => c.length).join(', ')} samples`);

  const frameBytes = 4 * channels.length;
  const dataBytes = frameBytes * first.length;
  const file = new Uint8Array(44 + dataBytes);
  const view = new DataView(file.buffer);
  const write = (at: number, name: string) => file.set(new TextEncoder().encode(name), at);
  write(0, 'RIFF');
  view.setUint32(4, 36 + dataBytes, true);
  write(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, IEEE_FLOAT, true);
  view.setUint16(22, channels.length, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, frameBytes * sampleRate, true);
  view.setUint16(32, frameBytes, true);
  view.setUint16(34, 32, true);
  write(36, 'data');
  view.setUint32(40, dataBytes, true);
  for (const [c, channel] of channels.entries())
    for (const [i, sample] of channel.entries()) view.setFloat32(44 + i * frameBytes + 4 * c, sample, true);
  return file;
}
