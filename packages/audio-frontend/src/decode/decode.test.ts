import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isPengiError } from '@pengi/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure, fixture, largestDifference, latin, pcm16, tone, u32, wavOf } from '../testing/helpers.js';
import { type DecodedAudio, decodeAudio, readAudio } from './decode.js';

const FIXTURES = ['mono.mp3', 'stereo.ogg', 'mono.opus', 'stereo-16bit.flac'];
const wav = wavOf(pcm16([tone(1600, 16000, 0.5, 440)]));
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'audio-frontend-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('decodeAudio', () => {
  it.each([
    ['an empty file', [], 'E_AUDIO_EMPTY', /0 bytes/],
    [
      'a Git LFS pointer',
      latin('version https://git-lfs.github.com/spec/v1\noid'),
      'E_AUDIO_FORMAT',
      /Git LFS/,
    ],
    ['a web page', latin('<!DOCTYPE html><html><body>404'), 'E_AUDIO_FORMAT', /web page/],
    ['a text', latin('Never gonna give you up, never gonna let you down'), 'E_AUDIO_FORMAT', /a text file/],
    ['MP4', [0, 0, 0, 32, ...latin('ftypM4A ')], 'E_AUDIO_FORMAT', /MP4/],
    ['AAC', [0xff, 0xf1, 0x50, 0x80, 0, 0, 0], 'E_AUDIO_FORMAT', /AAC/],
    ['AIFF', [...latin('FORM'), 0, 0, 0, 9, ...latin('AIFF')], 'E_AUDIO_FORMAT', /AIFF/],
    ['Matroska', [0x1a, 0x45, 0xdf, 0xa3, 1], 'E_AUDIO_FORMAT', /Matroska/],
    ['a ZIP archive', latin('PK\x03\x04'), 'E_AUDIO_FORMAT', /ZIP/],
    ['noise', [7, 0, 1, 200, 3, 9, 0, 4], 'E_AUDIO_FORMAT', /unknown data/],
  ])('names %s', async (_name, bytes, code, message) => {
    const error = await failure(() => decodeAudio(Uint8Array.from(bytes), { name: 'x.wav' }));
    expect([error.code, error.file, message.test(error.message)]).toEqual([code, 'x.wav', true]);
  });

  it('refuses audio without samples', async () => {
    expect((await failure(() => decodeAudio(wavOf(new Uint8Array(0))))).code).toBe('E_AUDIO_EMPTY');
  });

  it.each([...FIXTURES])('refuses %s when it is longer than asked for', async (name) => {
    const error = await failure(() => decodeAudio(fixture(name), { maxSeconds: 0.1 }));
    expect([error.code, error.hint]).toEqual(['E_AUDIO_TOO_LONG', expect.stringMatching(/--max-seconds/)]);
  });

  it('allows exactly the seconds asked for', async () => {
    for (const [name, seconds] of [
      ['mono.mp3', 0.3],
      ['stereo.ogg', 0.3],
      ['mono.opus', 1.5],
      ['stereo-16bit.flac', 0.25],
    ] as const)
      expect((await decodeAudio(fixture(name), { maxSeconds: seconds })).warnings).toEqual([]);
    expect((await decodeAudio(wav, { maxSeconds: 0.1 })).channels[0]!.length).toBe(1600);
    expect((await failure(() => decodeAudio(wav, { maxSeconds: 0.0999 }))).code).toBe('E_AUDIO_TOO_LONG');
    expect((await failure(() => decodeAudio(wav, { maxSeconds: Number.NaN }))).code).toBe('E_USAGE');
  });

  it('refuses samples that are no numbers, or replaces them by 0 when damage is allowed', async () => {
    const holding = (...samples: number[]) =>
      wavOf(new Uint8Array(Float32Array.from(samples).buffer), { tag: 3, bits: 32 });
    const some = holding(0.5, Number.NaN, Number.NEGATIVE_INFINITY, 1e30);
    expect((await failure(() => decodeAudio(some))).code).toBe('E_AUDIO_NONFINITE');
    const { channels, warnings } = await decodeAudio(some, { allowDamaged: true });
    expect([channels[0], warnings]).toEqual([
      Float32Array.of(0.5, 0, 0, 1e30),
      [expect.stringMatching(/^2 of 4 samples .* replaced by 0/)],
    ]);
    const all = holding(Number.NaN, Number.POSITIVE_INFINITY);
    expect((await failure(() => decodeAudio(all, { allowDamaged: true }))).code).toBe('E_AUDIO_NONFINITE');
  });

  it('gives the same for files decoded at once as for one after the other, bad ones between', async () => {
    const files = FIXTURES.map(fixture);
    const alone: DecodedAudio[] = [];
    for (const file of files) alone.push(await decodeAudio(file));
    const together = await Promise.all(
      files.flatMap((file) => [
        decodeAudio(file),
        decodeAudio(file.subarray(0, 900)).catch(() => undefined),
        decodeAudio(file, { maxSeconds: 0.1 }).catch(() => undefined),
        decodeAudio(file),
      ]),
    );
    files.forEach((_, i) => {
      for (const audio of [together[4 * i], together[4 * i + 3]]) {
        expect(audio?.channels.length).toBe(alone[i]!.channels.length);
        expect(largestDifference(audio!.channels[0]!, alone[i]!.channels[0]!)).toBe(0);
      }
    });
  });

  it('throws nothing but PengiErrors with the name of the file, whatever the bytes', async () => {
    const files = [...FIXTURES.map(fixture), wav];
    const edit = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    const mutation = fc.record({
      file: fc.nat({ max: files.length - 1 }),
      edits: fc.array(edit, { minLength: 1, maxLength: 8 }),
      cut: fc.option(fc.nat()),
      allowDamaged: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(mutation, async ({ file, edits, cut, allowDamaged }) => {
        const copy = new Uint8Array(files[file]!);
        for (const [at, value] of edits) copy[at % copy.length] = value;
        const bytes = cut === null ? copy : copy.subarray(0, cut % copy.length);
        try {
          const { channels } = await decodeAudio(bytes, { name: 'x', allowDamaged });
          expect(channels.every((channel) => channel.length === channels[0]!.length)).toBe(true);
        } catch (error) {
          if (!isPengiError(error)) throw error;
          expect([error.file, error.code.startsWith('E_AUDIO_')]).toEqual(['x', true]);
        }
      }),
      { seed: 11, numRuns: 150 },
    );
  });
});

describe('readAudio', () => {
  it('reads a file and ignores what it is called', async () => {
    const path = join(folder, 'flac-inside.wav');
    writeFileSync(path, fixture('mono-24bit.flac'));
    expect((await readAudio(path)).format).toBe('flac');
  });

  it('refuses a long WAVE file by its head, without reading the rest', async () => {
    const path = join(folder, 'hour.wav');
    const head = wavOf(new Uint8Array(0));
    head.set(u32(0xffffffff), 40);
    writeFileSync(path, head);
    // A hole: an hour of zeros that takes no space.
    truncateSync(path, 44 + 2 * 16000 * 3600);
    const before = process.memoryUsage().arrayBuffers;
    const error = await failure(() => readAudio(path));
    expect([error.code, error.file]).toEqual(['E_AUDIO_TOO_LONG', path]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10e6);
  });

  it('refuses a file of over 1 GiB', async () => {
    const path = join(folder, 'huge.mp3');
    writeFileSync(path, fixture('mono.mp3'));
    truncateSync(path, 2 ** 30 + 1);
    expect((await failure(() => readAudio(path))).code).toBe('E_AUDIO_TOO_LONG');
  });

  it('names what cannot be read', async () => {
    const missing = join(folder, 'missing.wav');
    const error = await failure(() => readAudio(missing));
    expect([error.code, error.file]).toEqual(['E_NOT_FOUND', missing]);
    expect((await failure(() => readAudio(folder))).code).toBe('E_NOT_FOUND');
  });
});
