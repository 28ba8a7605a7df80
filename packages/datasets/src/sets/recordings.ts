import { decodeAudio } from '@pengi/audio-frontend';
import { isPengiError, type StartProgress } from '@pengi/core';
import { sha256 } from '../files.js';
import type { Problem } from './item.js';

export interface Recording {
  /** For people. */
  readonly file: string;
  readonly split?: string;
  /** What is known to be wrong with it in the official release. */
  readonly known?: string;
  read(): Promise<Uint8Array>;
}

interface CheckOptions {
  readonly title: string;
  readonly total: number;
  readonly maxSeconds: number;
  readonly progress: StartProgress;
}

/** Decodes recordings one after the other and compares their bytes: what cannot be decoded, and what is there twice. */
export async function checkRecordings(
  recordings: Iterable<Recording> | AsyncIterable<Recording>,
  { title, total, maxSeconds, progress }: CheckOptions,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  const byContent = new Map<string, string>();
  const report = progress(`decoding ${title}`);
  let done = 0;
  try {
    for await (const { file, split, known, read } of recordings) {
      const about = { file, ...(split !== undefined && { split }) };
      try {
        const bytes = await read();
        const key = sha256(bytes);
        const earlier = byContent.get(key);
        if (earlier !== undefined)
          problems.push({ kind: 'duplicate-audio', ...about, message: `has the same bytes as ${earlier}` });
        byContent.set(key, file);
        await decodeAudio(bytes, { maxSeconds });
      } catch (error) {
        if (!isPengiError(error)) throw error;
        const more = known === undefined ? '' : ` (known: it ${known})`;
        problems.push({ kind: 'undecodable', ...about, message: `${error.code} ${error.message}${more}` });
      }
      report.update(++done, total);
    }
  } finally {
    report.end();
  }
  return problems;
}
