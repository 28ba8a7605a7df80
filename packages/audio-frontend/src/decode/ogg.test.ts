import { describe, expect, it } from 'vitest';
import { failure, fixture, largestDifference, tone, u16, u32 } from '../testing/helpers.js';
import { crc32 } from './crc.js';
import { decodeAudio } from './decode.js';

const vorbis = fixture('stereo.ogg');
const opus = fixture('mono.opus');

describe('Ogg Vorbis', () => {
  it('gives what was encoded, to the last sample', async () => {
    const { channels, ...rest } = await decodeAudio(vorbis);
    expect(rest).toEqual({ format: 'vorbis', sampleRate: 44100, warnings: [] });
    expect(channels.map((channel) => channel.length)).toEqual([13230, 13230]);
    const middle = (samples: Float32Array) => samples.subarray(2000, 11000);
    expect(largestDifference(middle(channels[0]!), middle(tone(13230, 44100, 0.4, 500)))).toBeLessThan(0.03);
    expect(largestDifference(middle(channels[1]!), middle(tone(13230, 44100, 0.2, 1200)))).toBeLessThan(0.03);
  });
});

describe('Ogg Opus', () => {
  it('gives 48 kHz without the samples in front that are to be skipped', async () => {
    const { channels, ...rest } = await decodeAudio(opus);
    expect(rest).toEqual({ format: 'opus', sampleRate: 48000, warnings: [] });
    expect(channels.map((channel) => channel.length)).toEqual([72000]);
    const middle = (samples: Float32Array) => samples.subarray(5000, 70000);
    expect(largestDifference(middle(channels[0]!), middle(tone(72000, 48000, 0.4, 500)))).toBeLessThan(0.01);
  });

  it('of a single page ends at the sample that the page says', async () => {
    const single = withPages(opus.subarray(0, pageStarts(opus)[3]), (page, i) => {
      if (i < 2) return;
      page[5] = 4;
      page.set(u32(40_000), 6);
    });
    const whole = (await decodeAudio(opus)).channels[0]!;
    expect(largestDifference((await decodeAudio(single)).channels[0]!, whole.subarray(0, 40_000 - 312))).toBe(
      0,
    );
  });

  it('applies the gain of its head', async () => {
    // -6.0206 dB in 1/256 dB, which is a factor of 0.5.
    const quiet = withPages(opus, (page, i) => {
      if (i === 0) page.set(u16(-1541), 28 + 16);
    });
    const peak = async (file: Uint8Array) =>
      (await decodeAudio(file)).channels[0]!.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
    expect((await peak(quiet)) / (await peak(opus))).toBeCloseTo(0.5, 3);
  });
});

describe.each([
  ['Vorbis', vorbis],
  ['Opus', opus],
])('Ogg %s', (_name, file) => {
  it('has no flipped bit that passes', async () => {
    for (let i = 0; i < file.length; i += 53) {
      const copy = new Uint8Array(file);
      copy[i] = copy[i]! ^ (1 << (i % 8));
      expect((await failure(() => decodeAudio(copy))).code).toMatch(/E_AUDIO_(DAMAGED|TRUNCATED|FORMAT)/);
    }
  });

  it('that is cut off is refused at any length', async () => {
    const pages = pageStarts(file);
    for (const length of [...pages.slice(1), 4, 40, file.length - 1, Math.round(file.length / 2)])
      expect((await failure(() => decodeAudio(file.subarray(0, length)))).code).toBe('E_AUDIO_TRUNCATED');
  });

  it('may have stray bytes behind it', async () => {
    const audio = await decodeAudio(Uint8Array.of(...file, 1, 2, 3));
    expect(largestDifference(audio.channels[0]!, (await decodeAudio(file)).channels[0]!)).toBe(0);
    expect(audio.warnings).toEqual([expect.stringMatching(/^3 bytes behind/)]);
  });

  it('may follow another of its kind', async () => {
    const [once] = (await decodeAudio(file)).channels;
    const [twice] = (await decodeAudio(Uint8Array.of(...file, ...file))).channels;
    expect(twice!.length).toBe(2 * once!.length);
    expect(largestDifference(twice!.subarray(once!.length), once!)).toBe(0);
  });

  it('with more samples claimed than there are is damaged', async () => {
    const claiming = withPages(file, (page, i, count) => {
      if (i === count - 1) page.set(u32(400_000), 6);
    });
    const error = await failure(() => decodeAudio(claiming));
    expect([error.code, error.message]).toEqual(['E_AUDIO_DAMAGED', expect.stringMatching(/gave \d+ of/)]);
  });

  it('with an hour claimed is refused before it is decoded', async () => {
    const claiming = withPages(file, (page, i, count) => {
      if (i === count - 1) page.set(u32(48000 * 3600), 6);
    });
    expect((await failure(() => decodeAudio(claiming))).code).toBe('E_AUDIO_TOO_LONG');
  });
});

describe('Ogg', () => {
  it('gives the pages before the damage when that is allowed', async () => {
    const pages = pageStarts(opus);
    const copy = new Uint8Array(opus);
    copy[pages.at(-1)! + 100] = copy[pages.at(-1)! + 100]! ^ 1;
    const { channels, warnings } = await decodeAudio(copy, { allowDamaged: true });
    const whole = (await decodeAudio(opus)).channels[0]!;
    // One page of a second, less the samples to skip.
    expect(channels[0]!.length).toBe(48000 - 312);
    expect(largestDifference(channels[0]!, whole.subarray(0, channels[0]!.length))).toBe(0);
    expect(warnings).toEqual([expect.stringMatching(/Ogg page \d+ .*checksum/)]);
  });

  it('with more audio than it claims is stopped while it is decoded', async () => {
    const pages = pageStarts(opus);
    const [start, end] = [pages.at(-2)!, pages.at(-1)!];
    const parts = [opus.subarray(0, end), ...Array.from({ length: 40 }, () => opus.subarray(start, end))];
    // The last page but one again and again, with the numbers it should have and a granule that never grows.
    const bomb = withPages(Uint8Array.from(parts.flatMap((part) => [...part])), (page, i) => {
      page.set(u32(i), 18);
      if (i >= 2) page.set(u32(1000), 6);
    });
    const error = await failure(() => decodeAudio(bomb, { allowDamaged: true, maxSeconds: 3 }));
    expect(error.code).toBe('E_AUDIO_TOO_LONG');
    const chained = Uint8Array.of(...opus, ...opus, ...opus);
    expect((await failure(() => decodeAudio(chained, { maxSeconds: 4 }))).code).toBe('E_AUDIO_TOO_LONG');
  });

  it('with a page missing is damaged', async () => {
    const pages = pageStarts(opus);
    const without = Uint8Array.of(...opus.subarray(0, pages.at(-2)), ...opus.subarray(pages.at(-1)));
    const error = await failure(() => decodeAudio(without));
    expect([error.code, error.message]).toEqual([
      'E_AUDIO_DAMAGED',
      expect.stringMatching(/page \d+ is missing/),
    ]);
  });

  it('with another codec is refused by name', async () => {
    const speex = withPages(opus, (page, i) => {
      if (i === 0)
        page.set(
          Array.from('Speex   ', (c) => c.charCodeAt(0)),
          28,
        );
    });
    const error = await failure(() => decodeAudio(speex));
    expect([error.code, error.message]).toEqual(['E_AUDIO_FORMAT', expect.stringMatching(/Speex/)]);
  });

  it('with a setup header of nonsense is damaged, and the next file is not', async () => {
    // The page's checksum is right.
    const broken = withPages(vorbis, (page, i) => {
      if (i === 1) page.fill(0xff, 400);
    });
    expect((await failure(() => decodeAudio(broken))).code).toBe('E_AUDIO_DAMAGED');
    expect((await decodeAudio(vorbis)).channels[0]!.length).toBe(13230);
  });
});

function pageStarts(bytes: Uint8Array): number[] {
  const starts: number[] = [];
  for (let at = 0; at + 27 <= bytes.length; ) {
    starts.push(at);
    const segments = bytes[at + 26]!;
    at += 27 + segments + bytes.subarray(at + 27, at + 27 + segments).reduce((sum, size) => sum + size, 0);
  }
  return starts;
}

/** A copy whose pages were changed by `change` and have right checksums again. */
function withPages(
  bytes: Uint8Array,
  change: (page: Uint8Array, index: number, count: number) => void,
): Uint8Array {
  const copy = new Uint8Array(bytes);
  const starts = pageStarts(copy);
  starts.forEach((start, i) => {
    const page = copy.subarray(start, starts[i + 1] ?? copy.length);
    change(page, i, starts.length);
    page.fill(0, 22, 26);
    page.set(u32(crc32(page, 0, page.length)), 22);
  });
  return copy;
}
