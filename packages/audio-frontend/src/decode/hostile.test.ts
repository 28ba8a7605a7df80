import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isPengiError } from '@pengi/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { RELEASED_FRONTEND } from '../config.js';
import { createFrontend } from '../frontend.js';
import { type DecodedAudio, readAudio } from './decode.js';

/** The hostile files beside the data root: PENGI_DATA names another root, relative paths count from the repository. */
const repository = fileURLToPath(new URL('../../../../', import.meta.url));
const folder = resolve(repository, process.env.PENGI_DATA ?? '../shared/data/mini', '../hostile');
const table = join(folder, 'hostile.json');
const isThere = existsSync(table);
if (!isThere)
  console.warn(
    `SKIPPED: the hostile audio files, because ${table} is absent (PENGI_DATA names the data root)`,
  );

interface Case {
  readonly file: string;
  readonly what: string;
  readonly expect: string;
  readonly frames?: number;
  readonly frames_present?: number;
  readonly sample_rate?: number;
  readonly channels?: number;
}

const cases: Case[] = isThere ? JSON.parse(readFileSync(table, 'utf8')).files : [];

type Outcome = { audio: DecodedAudio } | { code: string };

const outcome = async (file: string, allowDamaged: boolean): Promise<Outcome> => {
  try {
    return { audio: await readAudio(join(folder, file), { allowDamaged }) };
  } catch (error) {
    if (!isPengiError(error)) throw error;
    expect([error.file, error.code.startsWith('E_AUDIO_'), error.message.length > 10]).toEqual([
      join(folder, file),
      true,
      true,
    ]);
    return { code: error.code };
  }
};

describe.skipIf(!isThere)('hostile files', () => {
  it('are all 65 there', () => {
    expect(cases.length).toBe(65);
  });

  it.each(cases)('$file ($what): $expect', async ({ file, expect: expected, ...facts }) => {
    const strict = await outcome(file, false);
    const lenient = await outcome(file, true);
    if (expected === 'decode') expect(strict).toHaveProperty('audio');
    if (expected === 'error') expect([strict, lenient].every((result) => 'code' in result)).toBe(true);
    // By default damage is an error; when it is allowed there are samples with a warning, or there was nothing to save.
    if (expected === 'decode-partial-or-error' || expected === 'decode-cleaned-or-error') {
      expect(strict).toHaveProperty('code');
      if ('audio' in lenient) expect(lenient.audio.warnings.length).toBeGreaterThan(0);
    }
    if (expected === 'decode-limited-or-error') expect(strict).toEqual({ code: 'E_AUDIO_TOO_LONG' });
    for (const result of [strict, lenient]) if ('audio' in result) expectFacts(result.audio, facts);
  });

  it('give log-mels without -Infinity when they are silent', async () => {
    const frontend = createFrontend(RELEASED_FRONTEND);
    const { samples } = await frontend.load(join(folder, 'digital-silence.flac'));
    expect(frontend.logMel(samples).every((x) => x === -100)).toBe(true);
  });
});

describe.skipIf(!isThere)('hostile files that claim much', () => {
  afterEach(() => vi.unstubAllGlobals());

  it.each([
    'bomb-1h-silence.flac',
    'flac-claims-68e9-frames.flac',
    'data-size-2g.wav',
    'data-size-ffffffff.wav',
    'rate-absurd.wav',
    'channels-65535.wav',
  ])('%s takes less than 2 MB of samples', async (file) => {
    let bytes = 0;
    const counting = new Proxy(Float32Array, {
      construct(target, args, newTarget) {
        const array: Float32Array = Reflect.construct(target, args, newTarget);
        // Views of a decoder's own memory are no allocations.
        if (!(args[0] instanceof ArrayBuffer)) bytes += array.byteLength;
        return array;
      },
    });
    vi.stubGlobal('Float32Array', counting);
    await outcome(file, true);
    // The longest of them really holds 24000 samples; decoded, the bomb would take 230 MB.
    expect(bytes).toBeLessThan(2e6);
  });
});

function expectFacts(audio: DecodedAudio, facts: Omit<Case, 'file' | 'expect'>): void {
  const { frames = facts.frames_present, sample_rate, channels } = facts;
  if (frames !== undefined) expect(audio.channels[0]!.length).toBe(frames);
  if (sample_rate !== undefined) expect(audio.sampleRate).toBe(sample_rate);
  if (channels !== undefined) expect(audio.channels.length).toBe(channels);
  for (const channel of audio.channels) expect(channel.every(Number.isFinite)).toBe(true);
}
