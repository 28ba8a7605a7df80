import { describe, expect, it } from 'vitest';
import { failure, fixture, largestDifference, tone } from '../testing/helpers.js';
import { crc16 } from './crc.js';
import { decodeAudio } from './decode.js';

const file = fixture('stereo-16bit.flac');
const rounded = (samples: Float32Array, bits: number) =>
  Float64Array.from(samples, (x) => Math.round(x * 2 ** (bits - 1)) / 2 ** (bits - 1));

describe('FLAC', () => {
  it('gives the samples that were encoded, scaled by 2^15', async () => {
    const { channels, ...rest } = await decodeAudio(file);
    expect(rest).toEqual({ format: 'flac', sampleRate: 16000, warnings: [] });
    // The tones are computed in float32 here and rounded: half a step of 16 bits may go the other way.
    expect(largestDifference(channels[0]!, rounded(tone(4000, 16000, 0.4, 500), 16))).toBeLessThanOrEqual(
      2 ** -15,
    );
    expect(largestDifference(channels[1]!, rounded(tone(4000, 16000, 0.2, 1200), 16))).toBeLessThanOrEqual(
      2 ** -15,
    );
    expect(channels.every((channel) => channel.every((x) => Number.isInteger(x * 2 ** 15)))).toBe(true);
  });

  it('keeps 24 bits exactly', async () => {
    const { channels } = await decodeAudio(fixture('mono-24bit.flac'));
    expect(largestDifference(channels[0]!, tone(2000, 16000, 0.4, 500))).toBeLessThan(2 ** -22);
    expect(channels[0]!.every((x) => Number.isInteger(x * 2 ** 23))).toBe(true);
  });

  it('has no flipped bit in its frames that passes', async () => {
    const audio = audioStart(file);
    for (let i = audio; i < file.length; i += 37) {
      const error = await failure(() => decodeAudio(flipped(file, i, i % 8)));
      expect(error.code).toMatch(/E_AUDIO_(DAMAGED|TRUNCATED)/);
    }
  });

  it('gives what lies before the damage when that is allowed', async () => {
    const whole = (await decodeAudio(file)).channels;
    const damaged = await decodeAudio(flipped(file, 4000, 3), { allowDamaged: true });
    const length = damaged.channels[0]!.length;
    // The file has blocks of 576 samples.
    expect([length % 576, length > 0, length < 4000]).toEqual([0, true, true]);
    expect(largestDifference(damaged.channels[1]!, whole[1]!.subarray(0, length))).toBe(0);
    expect(damaged.warnings).toEqual([expect.stringMatching(/FLAC frame \d+ .*checksum/)]);
  });

  it('that is cut off is refused at any length', async () => {
    for (let length = 4; length < file.length; length += 101) {
      const error = await failure(() => decodeAudio(file.subarray(0, length)));
      expect(error.code).toBe('E_AUDIO_TRUNCATED');
    }
  });

  it('that loses whole frames at its end is noticed by the count of samples', async () => {
    const frames = frameStarts(file);
    const error = await failure(() => decodeAudio(file.subarray(0, frames.at(-1))));
    expect([error.code, error.message]).toEqual([
      'E_AUDIO_TRUNCATED',
      expect.stringMatching(/4000 samples.*hold 3456/),
    ]);
  });

  it('that loses a frame in the middle is noticed by the frame numbers', async () => {
    const frames = frameStarts(file);
    const without = Uint8Array.of(...file.subarray(0, frames[2]), ...file.subarray(frames[3]));
    expect((await failure(() => decodeAudio(without))).code).toBe('E_AUDIO_DAMAGED');
  });

  it('may claim any number of samples without memory being taken for them', async () => {
    const lying = new Uint8Array(file);
    lying.set(
      [0x0f, 0xff, 0xff, 0xff, 0xff].map((x, i) => (i === 0 ? lying[21]! | x : x)),
      21,
    );
    const error = await failure(() => decodeAudio(lying));
    expect([error.code, error.message]).toEqual(['E_AUDIO_TRUNCATED', expect.stringMatching(/68719476735/)]);
  });

  it('may leave the number of samples open', async () => {
    const open = new Uint8Array(file);
    open.set([open[21]! & 0xf0, 0, 0, 0, 0], 21);
    expect((await decodeAudio(open)).channels[0]!.length).toBe(4000);
  });

  it('may have a tag behind it', async () => {
    const tag = new Uint8Array(128);
    tag.set([0x54, 0x41, 0x47]);
    const tagged = await decodeAudio(Uint8Array.of(...file, ...tag));
    expect([tagged.channels[0]!.length, tagged.warnings]).toEqual([4000, []]);
  });

  it('of 20 bits is refused by name', async () => {
    const other = new Uint8Array(file);
    // Five bits of depth - 1, across two bytes.
    other[20] = other[20]! | 1;
    other[21] = 0x30 | (other[21]! & 15);
    const error = await failure(() => decodeAudio(other));
    expect([error.code, error.message]).toEqual(['E_AUDIO_FORMAT', expect.stringMatching(/20 bits/)]);
  });
});

function flipped(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[at] = copy[at]! ^ (1 << bit);
  return copy;
}

/** Behind the metadata blocks. */
function audioStart(bytes: Uint8Array): number {
  let at = 4;
  for (let isLast = false; !isLast; ) {
    isLast = bytes[at]! >= 128;
    at += 4 + bytes[at + 1]! * 65536 + bytes[at + 2]! * 256 + bytes[at + 3]!;
  }
  return at;
}

/** Starts of frames: where a sync code follows bytes whose CRC-16 comes out. */
function frameStarts(bytes: Uint8Array): number[] {
  const starts = [audioStart(bytes)];
  for (let at = starts[0]! + 8; at < bytes.length; at++)
    if (bytes[at] === 0xff && bytes[at + 1] === 0xf8 && crc16(bytes, starts.at(-1)!, at) === 0)
      starts.push(at);
  return starts;
}
