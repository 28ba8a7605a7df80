import { decodeAudio } from '@pengi/audio-frontend';
import { createRng, isPengiError, type StartProgress, silentProgress } from '@pengi/core';
import type { Recording } from './recordings.js';
import { countsOf } from './stats.js';

/** What recordings are, as decoding shows it. */
export interface RecordingStats {
  /** How many there are, and how many of them were decoded. */
  readonly recordings: number;
  readonly measured: number;
  /** Of those measured: the ones that cannot be decoded. */
  readonly undecodable: number;
  /** Of the others, in the order of the recordings. */
  readonly seconds: readonly number[];
  readonly sampleRates: Readonly<Record<string, number>>;
  readonly channels: Readonly<Record<string, number>>;
  readonly formats: Readonly<Record<string, number>>;
}

export interface MeasureOptions {
  /** Decode so many of them, drawn by the seed; 500 by default. */
  readonly most?: number;
  readonly seed?: number;
  readonly maxSeconds?: number;
  readonly progress?: StartProgress;
}

/** Lengths, rates, channels and formats of recordings, or of some of them where there are many. */
export async function measureRecordings(
  recordings: readonly Pick<Recording, 'read'>[],
  { most = 500, seed = 0, maxSeconds = 3600, progress = silentProgress }: MeasureOptions = {},
): Promise<RecordingStats> {
  const chosen =
    recordings.length <= most
      ? recordings
      : createRng(seed)
          .fork('measure')
          .shuffle([...recordings.keys()])
          .slice(0, most)
          .sort((a, b) => a - b)
          .map((index) => recordings[index]!);
  const found: { seconds: number; sampleRate: number; channels: number; format: string }[] = [];
  const report = progress('measuring recordings');
  let done = 0;
  for (const { read } of chosen) {
    try {
      const { channels, sampleRate, format } = await decodeAudio(await read(), {
        maxSeconds,
        allowDamaged: true,
      });
      const seconds = (channels[0]?.length ?? 0) / sampleRate;
      found.push({ seconds, sampleRate, channels: channels.length, format });
    } catch (error) {
      if (!isPengiError(error)) throw error;
    }
    report.update(++done, chosen.length);
  }
  report.end();
  return {
    recordings: recordings.length,
    measured: chosen.length,
    undecodable: chosen.length - found.length,
    seconds: found.map(({ seconds }) => seconds),
    sampleRates: countsOf(found.map(({ sampleRate }) => String(sampleRate))),
    channels: countsOf(found.map(({ channels }) => String(channels))),
    formats: countsOf(found.map(({ format }) => format)),
  };
}
