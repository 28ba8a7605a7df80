import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failure, latin, pcm16, u16, u32, type WavOptions, wavOf } from '../testing/helpers.js';
import { decodeAudio } from './decode.js';

const bytes = (...values: number[]) => Uint8Array.from(values);
const floats32 = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const decoded = async (data: Uint8Array, options: WavOptions = {}) => {
  const { channels } = await decodeAudio(wavOf(data, options));
  return channels.map((channel) => [...channel]);
};
/** The rest of an extensible format: 22 more bytes, valid bits, speaker mask, GUID of a plain tag. */
const extensible = (tag: number, guid = GUID) => [...u16(22), ...u16(16), ...u32(0), ...u16(tag), ...guid];
const GUID = [0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xaa, 0x00, 0x38, 0x9b, 0x71];

describe('WAV samples', () => {
  it.each<[string, WavOptions, Uint8Array, number[]]>([
    ['8-bit', { bits: 8 }, bytes(0, 128, 192, 255), [-1, 0, 0.5, 127 / 128]],
    ['16-bit', { bits: 16 }, bytes(0, 0x80, 0, 0, 0, 0x40, 0xff, 0x7f), [-1, 0, 0.5, 32767 / 32768]],
    ['24-bit', { bits: 24 }, bytes(0, 0, 0x80, 1, 0, 0, 0, 0, 0x40), [-1, 2 ** -23, 0.5]],
    ['32-bit', { bits: 32 }, bytes(0, 0, 0, 0x80, 0, 0, 0, 0x40), [-1, 0.5]],
    ['float32', { tag: 3, bits: 32 }, floats32(-32, 0.25), [-32, 0.25]],
    ['float64', { tag: 3, bits: 64 }, new Uint8Array(Float64Array.of(-0.125, 3).buffer), [-0.125, 3]],
    // ITU-T G.711: the codes of the smallest and the largest magnitudes, 8031 · 4 and 4032 · 8 of 32768.
    ['mu-law', { tag: 7, bits: 8 }, bytes(0xff, 0x7f, 0x80, 0x00), [0, 0, 32124 / 32768, -32124 / 32768]],
    [
      'A-law',
      { tag: 6, bits: 8 },
      bytes(0xd5, 0x55, 0xaa, 0x2a),
      [8, -8, 32256, -32256].map((x) => x / 32768),
    ],
    ['extensible', { tag: 0xfffe, extension: extensible(1) }, bytes(0, 0x80), [-1]],
    ['extensible float', { tag: 0xfffe, bits: 32, extension: extensible(3) }, floats32(0.5), [0.5]],
  ])('%s', async (_name, options, data, expected) => {
    expect(await decoded(data, options)).toEqual([expected]);
  });

  it('are sorted into channels', async () => {
    const data = pcm16([Float32Array.of(0.5, 0.25), Float32Array.of(-0.5, 0), Float32Array.of(0, 0.75)]);
    expect(await decoded(data, { channels: 3 })).toEqual([
      [0.5, 0.25],
      [-0.5, 0],
      [0, 0.75],
    ]);
  });

  it('come back from a writer as they went in', async () => {
    const sample = fc.integer({ min: -32768, max: 32767 }).map((x) => x / 32768);
    const frames = fc.array(fc.tuple(sample, sample), { minLength: 1, maxLength: 50 });
    await fc.assert(
      fc.asyncProperty(frames, fc.integer({ min: 100, max: 200_000 }), async (frames, sampleRate) => {
        const channels = [0, 1].map((c) => Float32Array.from(frames, (frame) => frame[c]!));
        const audio = await decodeAudio(wavOf(pcm16(channels), { channels: 2, sampleRate }));
        expect(audio).toEqual({ format: 'wav', sampleRate, channels, warnings: [] });
      }),
      { seed: 10, numRuns: 50 },
    );
  });
});

describe('WAV chunks', () => {
  const data = pcm16([Float32Array.of(0.5, 0.25)]);

  it('of any kind may lie between, padded or not', async () => {
    const file = wavOf(data, {
      between: [
        ['JUNK', [1, 2, 3]],
        ['LIST', []],
      ],
    });
    expect((await decodeAudio(file)).channels[0]).toEqual(Float32Array.of(0.5, 0.25));
    const padding = 36 + 8 + 3;
    const unpadded = Uint8Array.of(...file.subarray(0, padding), ...file.subarray(padding + 1));
    expect((await decodeAudio(unpadded)).channels[0]).toEqual(Float32Array.of(0.5, 0.25));
  });

  it('may give their sizes in a ds64 chunk', async () => {
    const file = wavOf(data, {
      between: [['ds64', [...u32(0), ...u32(0), ...u32(4), ...u32(0), ...u32(0)]]],
    });
    file.set(latin('RF64'));
    file.set(u32(0xffffffff), file.length - 8);
    const longer = Uint8Array.of(...file, 9, 9, 9, 9);
    expect((await decodeAudio(longer)).channels[0]).toEqual(Float32Array.of(0.5, 0.25));
  });

  it('without sizes reach to the end of the file', async () => {
    const streamed = wavOf(data);
    streamed.set(u32(0xffffffff), 40);
    expect((await decodeAudio(streamed)).channels[0]?.length).toBe(2);
    const unfinished = wavOf(data);
    unfinished.set(u32(0), 4);
    unfinished.set(u32(0), 40);
    const audio = await decodeAudio(unfinished);
    expect([audio.channels[0]?.length, audio.warnings.length]).toEqual([2, 1]);
  });

  it('that end early are refused, or read when damage is allowed', async () => {
    const cut = wavOf(pcm16([new Float32Array(100)])).subarray(0, 145);
    const error = await failure(() => decodeAudio(cut, { name: 'cut.wav' }));
    expect([error.code, error.file]).toEqual(['E_AUDIO_TRUNCATED', 'cut.wav']);
    expect(error.hint).toMatch(/allowDamaged.*--allow-damaged/);
    const audio = await decodeAudio(cut, { allowDamaged: true });
    expect([audio.channels[0]?.length, audio.warnings.length]).toEqual([50, 2]);
  });
});

describe('WAV headers', () => {
  const sample = bytes(0, 0, 0, 0, 0, 0, 0, 0);

  it.each<[string, WavOptions, string, RegExp]>([
    ['an unknown codec', { tag: 0x161 }, 'E_AUDIO_FORMAT', /0x0161 \(Windows Media Audio 2\)/],
    ['ADPCM', { tag: 2, bits: 4 }, 'E_AUDIO_FORMAT', /Microsoft ADPCM/],
    [
      'a foreign GUID',
      { tag: 0xfffe, extension: extensible(1, [9, ...GUID.slice(1)]) },
      'E_AUDIO_FORMAT',
      /0xfffe/,
    ],
    ['12 bits', { bits: 12 }, 'E_AUDIO_FORMAT', /12 bits; 8, 16, 24, 32/],
    ['no channel', { channels: 0 }, 'E_AUDIO_HEADER', /0 channels/],
    ['too many channels', { channels: 65535 }, 'E_AUDIO_HEADER', /65535 channels/],
    ['no rate', { sampleRate: 0 }, 'E_AUDIO_HEADER', /0 Hz/],
    ['an absurd rate', { sampleRate: 4e9 }, 'E_AUDIO_HEADER', /4000000000 Hz/],
    ['less than one frame', { channels: 5 }, 'E_AUDIO_HEADER', /less than one frame/],
  ])('with %s are refused', async (_name, options, code, message) => {
    const error = await failure(() => decodeAudio(wavOf(sample, options)));
    expect([error.code, message.test(error.message)]).toEqual([code, true]);
  });

  it('with a frame size that does not fit are refused', async () => {
    const file = wavOf(sample);
    file[32] = 3;
    expect((await failure(() => decodeAudio(file))).code).toBe('E_AUDIO_HEADER');
  });

  it('without fmt or data chunk are refused', async () => {
    for (const [at, id] of [
      [12, 'fact'],
      [36, 'fact'],
    ] as const) {
      const file = wavOf(sample);
      file.set(latin(id), at);
      expect((await failure(() => decodeAudio(file))).code).toBe('E_AUDIO_HEADER');
    }
  });

  it('are refused whatever byte they end at', async () => {
    const file = wavOf(sample);
    for (let length = 0; length < file.length; length++) {
      const error = await failure(() => decodeAudio(file.subarray(0, length)));
      expect(error.code).toMatch(/^E_AUDIO_/);
    }
  });
});
