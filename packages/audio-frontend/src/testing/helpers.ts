import { readFileSync } from 'node:fs';
import { isPengiError, type PengiError } from '@pengi/core';

/** For the tests of this package: signals, a writer of WAV and Ogg, and the files of `fixtures/`. */

export function signal(n: number, f: (i: number) => number): Float32Array {
  return Float32Array.from({ length: n }, (_, i) => f(i));
}

export function tone(n: number, sampleRate: number, amplitude: number, frequency: number): Float32Array {
  return signal(n, (i) => amplitude * Math.sin((2 * Math.PI * frequency * i) / sampleRate));
}

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../../fixtures/${name}`, import.meta.url)));
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

/** The PengiError that `work` fails with. */
export async function failure(work: () => unknown): Promise<PengiError> {
  try {
    await work();
  } catch (error) {
    if (isPengiError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

export interface WavOptions {
  readonly tag?: number;
  readonly sampleRate?: number;
  readonly channels?: number;
  readonly bits?: number;
  /** Bytes of the fmt chunk behind its first 16. */
  readonly extension?: readonly number[];
  /** Chunks between fmt and data. */
  readonly between?: readonly (readonly [id: string, body: readonly number[]])[];
}

/** A WAVE file around `data`, already in the file's encoding. */
export function wavOf(data: Uint8Array, options: WavOptions = {}): Uint8Array<ArrayBuffer> {
  const { tag = 1, sampleRate = 16000, channels = 1, bits = 16, extension = [], between = [] } = options;
  const frameBytes = (channels * bits) / 8;
  const format = [...u16(tag), ...u16(channels), ...u32(sampleRate), ...u32(sampleRate * frameBytes)];
  format.push(...u16(frameBytes), ...u16(bits), ...extension);
  const head = [...chunk('fmt ', format), ...between.flatMap(([id, body]) => chunk(id, body))];
  const size = 4 + head.length + 8 + data.length;
  const start = [
    ...latin('RIFF'),
    ...u32(size),
    ...latin('WAVE'),
    ...head,
    ...latin('data'),
    ...u32(data.length),
  ];
  return Uint8Array.of(...start, ...data);
}

/** 16-bit PCM of channels in -1 … 1, interleaved. */
export function pcm16(channels: readonly Float32Array[]): Uint8Array {
  const frames = channels[0]?.length ?? 0;
  const ints = new Int16Array(frames * channels.length);
  channels.forEach((channel, c) => {
    channel.forEach((sample, i) => {
      ints[i * channels.length + c] = Math.round(sample * 32768);
    });
  });
  return new Uint8Array(ints.buffer);
}

function chunk(id: string, body: readonly number[]): number[] {
  return [...latin(id), ...u32(body.length), ...body, ...(body.length % 2 ? [0] : [])];
}

export function latin(text: string): number[] {
  return Array.from(text, (c) => c.charCodeAt(0));
}

export function u16(value: number): number[] {
  return [value & 255, (value >> 8) & 255];
}

export function u32(value: number): number[] {
  return [...u16(value & 0xffff), ...u16(value >>> 16)];
}
