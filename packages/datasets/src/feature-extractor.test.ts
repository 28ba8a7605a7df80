import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeAudio, type FrontendConfig } from '@pengi/audio-frontend';
import { describe, expect, it } from 'vitest';
import { createExtractor, type FileReply, spedUpRate, type Variant } from './feature-extractor.js';
import { failure, temporaryFolder, toneWav, writeTone } from './testing/files.js';
import { SMALL_FRONTEND } from './testing/frontend.js';

const folder = temporaryFolder();
const plain: Variant = { speed: 0, seconds: null };

/** An extractor that counts what it decodes. */
function counting(cache: boolean, frontend = SMALL_FRONTEND) {
  const count = { decodes: 0 };
  const decode: typeof decodeAudio = (...args) => {
    count.decodes++;
    return decodeAudio(...args);
  };
  const extract = createExtractor({ frontend, cacheDir: cache ? join(folder(), 'cache') : null }, decode);
  return {
    count,
    async extract(audio: string, variants: readonly Variant[] = [plain], allowDamaged = false) {
      const reply = await extract({ audio, variants, allowDamaged, maxSeconds: 600 });
      return reply as Extract<FileReply, { logMels: unknown }> & { failure?: undefined };
    },
  };
}

describe('the cache', () => {
  it('spares decoding, in this extractor and in the next, and changes no bit', async () => {
    const audio = await writeTone(folder(), 'a.wav');
    const first = counting(true);
    const computed = await first.extract(audio);
    expect(computed.fromCache).toBe(0);
    expect((await first.extract(audio)).logMels).toEqual(computed.logMels);
    expect(first.count.decodes).toBe(1);

    const second = counting(true);
    const read = await second.extract(audio);
    expect(read).toEqual({ ...computed, fromCache: 1, written: 0 });
    expect(second.count.decodes).toBe(0);
    expect((await counting(false).extract(audio)).logMels).toEqual(computed.logMels);
  });

  it('knows a recording by its content, not by its name', async () => {
    const { count, extract } = counting(true);
    await extract(await writeTone(folder(), 'a.wav'));
    expect((await extract(await writeTone(folder(), 'copy.wav'))).fromCache).toBe(1);
    expect((await extract(await writeTone(folder(), 'a.wav', { frequency: 441 }))).fromCache).toBe(0);
    expect(count.decodes).toBe(2);
  });

  const changes: [string, Partial<FrontendConfig>][] = [
    ['topDb', { topDb: 70 }],
    ['peak', { peak: null }],
    ['trimSilence', { trimSilence: { belowPeakDb: 39 } }],
    ['fit', { fit: 'loop' }],
    ['fMax', { fMax: 3999 }],
    ['hopLength', { hopLength: 32 }],
  ];
  it.each(changes)('does not give what another %s gave', async (_, change) => {
    const audio = await writeTone(folder(), 'a.wav');
    await counting(true).extract(audio);
    const { count, extract } = counting(true, { ...SMALL_FRONTEND, ...change });
    expect((await extract(audio)).fromCache).toBe(0);
    expect(count.decodes).toBe(1);
  });

  it('does not depend on the order of the settings', async () => {
    const audio = await writeTone(folder(), 'a.wav');
    await counting(true).extract(audio);
    const turned = Object.fromEntries(Object.entries(SMALL_FRONTEND).reverse()) as unknown as FrontendConfig;
    expect((await counting(true, turned).extract(audio)).fromCache).toBe(1);
  });

  it('keeps speeds and lengths apart, and one decoding serves all that are wanted', async () => {
    const audio = await writeTone(folder(), 'a.wav');
    const { count, extract } = counting(true);
    const variants = [
      plain,
      { speed: 1, seconds: null },
      { speed: 0, seconds: 0.1 },
      { speed: 1, seconds: 0.1 },
    ];
    const { logMels, fromCache } = await extract(audio, variants);
    expect([fromCache, count.decodes]).toEqual([0, 1]);
    expect(new Set(logMels.map((logMel) => logMel.join())).size).toBe(4);

    const more = await extract(audio, [...variants.toReversed(), { speed: -1, seconds: null }]);
    expect([more.fromCache, count.decodes]).toEqual([4, 2]);
    expect(more.logMels.slice(0, 4)).toEqual(logMels.toReversed());
  });

  it('computes damaged entries anew and replaces them', async () => {
    const audio = await writeTone(folder(), 'a.wav');
    const { count, extract } = counting(true);
    const intact = await extract(audio);
    const [name = ''] = (await readdir(join(folder(), 'cache'), { recursive: true })).filter((file) =>
      file.endsWith('.logmel'),
    );
    const path = join(folder(), 'cache', name);
    const bytes = await readFile(path);

    await truncate(path, bytes.length - 1);
    expect(await extract(audio)).toEqual(intact);
    const changed = Buffer.from(bytes);
    changed[changed.length - 1]! ^= 1;
    await writeFile(path, changed);
    expect(await extract(audio)).toEqual(intact);
    expect(count.decodes).toBe(3);
    expect(await readFile(path)).toEqual(bytes);
    expect((await extract(audio)).fromCache).toBe(1);
  });

  it('does not turn what is left of a damaged file into a good one', async () => {
    const audio = join(folder(), 'cut.wav');
    await writeFile(audio, toneWav().subarray(0, 5000));
    const { extract } = counting(true);
    expect((await extract(audio)).failure).toMatchObject({ code: 'E_AUDIO_TRUNCATED', file: audio });
    const kept = await extract(audio, [plain], true);
    expect(kept.warnings).toHaveLength(1);
    expect(await extract(audio, [plain], true)).toEqual({ ...kept, fromCache: 1, written: 0 });
    expect((await extract(audio)).failure).toMatchObject({ code: 'E_AUDIO_TRUNCATED' });
  });

  it('that cannot be written is an error of the work, not of the recording', async () => {
    const audio = await writeTone(folder(), 'a.wav');
    await writeFile(join(folder(), 'cache'), 'a file');
    expect(await failure(counting(true).extract(audio))).toMatchObject({ code: 'E_CANNOT_CREATE' });
  });
});

describe('a recording that cannot be used', () => {
  it('is a failure that names it', async () => {
    const { extract } = counting(false);
    const missing = join(folder(), 'no.wav');
    expect((await extract(missing)).failure).toMatchObject({ code: 'E_NOT_FOUND', file: missing });
    expect((await extract(folder())).failure).toMatchObject({ code: 'E_NOT_FOUND', file: folder() });
    const text = join(folder(), 'text.wav');
    await writeFile(text, 'not a recording');
    expect((await extract(text)).failure).toMatchObject({ code: 'E_AUDIO_FORMAT', file: text });
  });
});

describe('seconds', () => {
  it('are counted in the recording, before it is sped up', async () => {
    const { extract } = counting(false);
    const long = await writeTone(folder(), 'long.wav', { seconds: 0.2 });
    const cut = await writeTone(folder(), 'cut.wav', { seconds: 0.1 });
    for (const speed of [-5, 0, 5]) {
      const wanted = await extract(cut, [{ speed, seconds: null }]);
      expect((await extract(long, [{ speed, seconds: 0.1 }])).logMels).toEqual(wanted.logMels);
      expect((await extract(long, [{ speed, seconds: null }])).logMels).not.toEqual(wanted.logMels);
      expect((await extract(cut, [{ speed, seconds: 5 }])).logMels).toEqual(wanted.logMels);
    }
  });
});

describe('speed', () => {
  // Slaney's mel scale is linear below 1000 Hz: filter m is centred at fMin + (m + 1) · 7 Hz.
  const fine: FrontendConfig = {
    ...SMALL_FRONTEND,
    ...{ sampleRate: 16000, melSampleRate: 16000, fftSize: 8192, hopLength: 1024, durationSeconds: 1 },
    ...{ fMin: 97, fMax: 1000, mels: 128, trimSilence: null },
  };

  it.each([8000, 16000, 22050, 44100])(
    'moves the peak of a sine by its semitones at %d Hz',
    async (sampleRate) => {
      const audio = await writeTone(folder(), 'a.wav', { frequency: 440, seconds: 2, sampleRate });
      const speeds = [-12, -3, -2, -1, 0, 1, 2, 3, 12];
      const { logMels } = await counting(false, fine).extract(
        audio,
        speeds.map((speed) => ({ speed, seconds: null })),
      );
      logMels.forEach((logMel, i) => {
        const frame = logMel.subarray(8 * 128, 9 * 128);
        const peak = 97 + (frame.indexOf(Math.max(...frame)) + 1) * 7;
        // A semitone is 13 Hz at the lowest of these pitches and 26 at 440 Hz.
        expect(Math.abs(peak - 440 * 2 ** ((speeds[i] as number) / 12))).toBeLessThan(7);
      });
    },
  );

  it('is exact at 0, and within the cents that are documented elsewhere', () => {
    expect(spedUpRate(11025, 0)).toBe(11025);
    for (const [rate, cents] of [
      [44100, 2],
      [16000, 5.5],
      [8000, 11],
    ] as const)
      for (let semitones = -3; semitones <= 3; semitones++) {
        const found = spedUpRate(rate, semitones);
        expect(found % 100).toBe(0);
        const error = 1200 * Math.log2(found / rate) - 100 * semitones;
        expect(Math.abs(error)).toBeLessThan(cents * 2 ** (3 / 12));
      }
  });
});
