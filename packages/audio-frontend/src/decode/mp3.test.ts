import { describe, expect, it } from 'vitest';
import { failure, fixture, largestDifference, latin, tone } from '../testing/helpers.js';
import { decodeAudio } from './decode.js';
import { parseMpegHeader } from './mpeg.js';

const file = fixture('mono.mp3');
const frames = frameStarts(file);
const joined = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

describe('parseMpegHeader', () => {
  // ISO 11172-3: 144 · bit rate / sample rate bytes a frame (layer III), 4 · (12 · bit rate / sample rate) (layer I).
  it.each([
    [
      [0xff, 0xfb, 0x90, 0x00],
      { version: 1, layer: 3, sampleRate: 44100, channels: 2, samples: 1152, bytes: 417 },
    ],
    [
      [0xff, 0xfb, 0x92, 0xc0],
      { version: 1, layer: 3, sampleRate: 44100, channels: 1, samples: 1152, bytes: 418 },
    ],
    [
      [0xff, 0xf3, 0x88, 0xc4],
      { version: 2, layer: 3, sampleRate: 16000, channels: 1, samples: 576, bytes: 288 },
    ],
    [
      [0xff, 0xe3, 0x18, 0xc4],
      { version: 2.5, layer: 3, sampleRate: 8000, channels: 1, samples: 576, bytes: 72 },
    ],
    [
      [0xff, 0xfd, 0x84, 0x00],
      { version: 1, layer: 2, sampleRate: 48000, channels: 2, samples: 1152, bytes: 384 },
    ],
    [
      [0xff, 0xff, 0x94, 0x00],
      { version: 1, layer: 1, sampleRate: 48000, channels: 2, samples: 384, bytes: 288 },
    ],
  ])('reads %j', (bytes, expected) => {
    expect(parseMpegHeader(Uint8Array.from(bytes), 0)).toMatchObject(expected);
  });

  it.each([
    ['no sync', [0xfe, 0xfb, 0x90, 0x00]],
    ['a reserved version', [0xff, 0xeb, 0x90, 0x00]],
    ['layer 0 (AAC)', [0xff, 0xf9, 0x90, 0x00]],
    ['free format', [0xff, 0xfb, 0x00, 0x00]],
    ['bit rate 15', [0xff, 0xfb, 0xf0, 0x00]],
    ['rate 3', [0xff, 0xfb, 0x9c, 0x00]],
    ['an end', [0xff, 0xfb, 0x90]],
  ])('refuses %s', (_name, bytes) => {
    expect(parseMpegHeader(Uint8Array.from(bytes), 0)).toBeUndefined();
  });
});

/** LAME scales by 0.95, which takes 0.02 from the louder tone; one sample too early or late would make it 0.034. */
const LOSS = 0.025;

describe('MP3', () => {
  it('gives what was encoded, without the delay of encoder and decoder', async () => {
    const { channels, ...rest } = await decodeAudio(file);
    expect(rest).toEqual({ format: 'mp3', sampleRate: 44100, warnings: [] });
    expect(channels.map((channel) => channel.length)).toEqual([13230]);
    const expected = tone(13230, 44100, 0.4, 500);
    expect(
      largestDifference(channels[0]!.subarray(1200, 12000), expected.subarray(1200, 12000)),
    ).toBeLessThan(LOSS);
  });

  it('without a tag keeps the delay, and both channels', async () => {
    const { channels } = await decodeAudio(fixture('stereo-without-tag.mp3'));
    expect(channels.map((channel) => channel.length)).toEqual([14976, 14976]);
    // LAME puts 576 samples in front, a decoder 529.
    const shifted = (channel: Float32Array) => channel.subarray(1105 + 2000, 1105 + 11000);
    expect(
      largestDifference(shifted(channels[0]!), tone(13230, 44100, 0.4, 500).subarray(2000, 11000)),
    ).toBeLessThan(LOSS);
    expect(
      largestDifference(shifted(channels[1]!), tone(13230, 44100, 0.2, 1200).subarray(2000, 11000)),
    ).toBeLessThan(LOSS);
  });

  it('is found behind tags, zeros and stray bytes', async () => {
    const id3 = Uint8Array.from([...latin('ID3'), 4, 0, 0, 0, 0, 1, 0, ...new Array<number>(128).fill(65)]);
    for (const front of [id3, new Uint8Array(700), joined(id3, id3)])
      expect(await isTheSame(joined(front, file))).toBe(true);
    const stray = await decodeAudio(joined(Uint8Array.from(latin('stray bytes\0')), file));
    expect([stray.channels[0]!.length, stray.warnings]).toEqual([
      13230,
      [expect.stringMatching(/^12 stray bytes/)],
    ]);
  });

  it('may end with tags', async () => {
    const id3v1 = new Uint8Array(128);
    id3v1.set(latin('TAG'));
    const ape = Uint8Array.from([
      ...latin('APETAGEX'),
      208,
      7,
      0,
      0,
      32,
      0,
      0,
      0,
      ...new Array<number>(16).fill(0),
    ]);
    for (const end of [id3v1, ape, joined(ape, id3v1)]) expect(await isTheSame(joined(file, end))).toBe(true);
  });

  it('that ends inside a frame, or with fewer frames than its tag says, is cut off', async () => {
    for (const length of [file.length - 10, frames.at(-2)!, frames[4]!]) {
      const error = await failure(() => decodeAudio(file.subarray(0, length)));
      expect(error.code).toBe('E_AUDIO_TRUNCATED');
    }
    const audio = await decodeAudio(file.subarray(0, frames[4]), { allowDamaged: true });
    // Three frames behind that of the tag, less the delay of 576 + 529 samples.
    expect([audio.channels[0]!.length, audio.warnings.length]).toEqual([3 * 1152 - 1105, 1]);
  });

  it('with a hole between its frames is damaged, and goes on behind it when that is allowed', async () => {
    const hole = new Uint8Array(file).fill(0, frames[5], frames[5]! + 300);
    expect((await failure(() => decodeAudio(hole))).code).toBe('E_AUDIO_DAMAGED');
    const audio = await decodeAudio(hole, { allowDamaged: true });
    expect(audio.warnings[0]).toMatch(/bytes between MPEG frames/);
    expect(audio.channels[0]!.length).toBeGreaterThan(8 * 1152);
  });

  it('whose first frame of audio is damaged goes on behind it when that is allowed', async () => {
    const damaged = new Uint8Array(file);
    damaged[frames[1]!] = 0;
    expect((await failure(() => decodeAudio(damaged))).code).toBe('E_AUDIO_DAMAGED');
    const audio = await decodeAudio(damaged, { allowDamaged: true });
    expect(audio.channels[0]!.length).toBe(12 * 1152 - 1105);
  });

  it('with other music than LAME wrote gets a warning', async () => {
    const changed = new Uint8Array(file);
    changed[frames[6]! + 60] = changed[frames[6]! + 60]! ^ 1;
    expect((await decodeAudio(changed)).warnings).toEqual([expect.stringMatching(/checksum/)]);
  });

  it('of one frame that is not whole is refused', async () => {
    expect((await failure(() => decodeAudio(file.subarray(0, 40)))).code).toBe('E_AUDIO_TRUNCATED');
  });

  it('with a tag of 256 MiB in front of nothing is refused', async () => {
    const id3 = joined(Uint8Array.from([...latin('ID3'), 4, 0, 0, 0x7f, 0x7f, 0x7f, 0x7f]), file);
    expect((await failure(() => decodeAudio(id3))).code).toBe('E_AUDIO_TRUNCATED');
  });
});

/** Whether `bytes` decode to what the fixture does, without a warning. */
async function isTheSame(bytes: Uint8Array): Promise<boolean> {
  const { channels, warnings } = await decodeAudio(bytes);
  const whole = (await decodeAudio(file)).channels[0]!;
  return warnings.length === 0 && largestDifference(channels[0]!, whole) === 0;
}

function frameStarts(bytes: Uint8Array): number[] {
  const starts: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    starts.push(at);
    at += parseMpegHeader(bytes, at)?.bytes ?? bytes.length;
  }
  return starts;
}
