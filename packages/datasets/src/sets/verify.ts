import { relative } from 'node:path';
import { decodeAudio } from '@pengi/audio-frontend';
import { isPengiError, type StartProgress, silentProgress } from '@pengi/core';
import { readRegularFile, sha256 } from '../files.js';
import type { DataSet, ReadOptions } from './data-set.js';
import { type Item, PROBLEMS, type Problem, type ProblemKind } from './item.js';

export interface VerifyOptions extends Pick<ReadOptions, 'split'> {
  /** Decode every recording, and compare their bytes with each other; off by default. */
  readonly decode?: boolean;
  readonly maxSeconds?: number;
  readonly progress?: StartProgress;
}

export interface SplitCount {
  readonly split: string;
  readonly usable: number;
  /** Null where the number is not published or depends on the release. */
  readonly official: number | null;
}

export interface Verification {
  readonly set: string;
  readonly folder: string;
  readonly splits: readonly SplitCount[];
  /** Of official folds: those whose number of items is another. */
  readonly folds: readonly { readonly fold: number; readonly usable: number; readonly official: number }[];
  /** Problems by kind; kinds without any are left out. */
  readonly counts: Readonly<Partial<Record<ProblemKind, number>>>;
  readonly problems: readonly Problem[];
  /** Every split that was read has its official number, and nothing is wrong but for splits that are not there. */
  readonly isComplete: boolean;
}

/**
 * Compares a copy of a data set with the official release: numbers of items, rows that cannot be used, recordings that
 * nothing names, and with `decode` those that cannot be decoded and those that are there twice.
 * @throws PengiError as `DataSet.read`
 */
export async function verifyDataSet(
  set: DataSet,
  root: string,
  { split, decode = false, maxSeconds = 600, progress = silentProgress }: VerifyOptions = {},
): Promise<Verification> {
  const { folder, items, problems, splits, unused } = await set.read(
    root,
    split === undefined ? {} : { split },
  );
  const all = [...problems];
  // Which recordings nothing names can be told only when every row was read.
  if (split === undefined && !set.isPart && !problems.some(({ kind }) => kind === 'missing-split'))
    all.push(
      ...unused.map((file): Problem => ({ kind: 'extra-audio', file, message: 'is named by no row' })),
    );
  if (decode) all.push(...(await decodeAll(set, folder, items, maxSeconds, progress)));

  const kinds = Object.keys(PROBLEMS) as ProblemKind[];
  const counts = kinds.map((kind) => [kind, all.filter((problem) => problem.kind === kind).length] as const);
  const numbers = splits.map((name) => ({
    split: name,
    usable: items.filter((item) => item.split === name).length,
    official: set.splits[name]?.official ?? null,
  }));
  return {
    set: set.id,
    folder,
    splits: numbers,
    folds: (set.folds?.sizes ?? [])
      .map((official, i) => ({
        fold: i + 1,
        usable: items.filter((item) => item.fold === i + 1).length,
        official,
      }))
      .filter(({ usable, official }) => usable !== official),
    counts: Object.fromEntries(counts.filter(([, count]) => count > 0)),
    problems: all,
    isComplete:
      all.every(({ kind }) => kind === 'missing-split') &&
      numbers.every(({ usable, official }) => official === null || usable === official),
  };
}

async function decodeAll(
  { title, knownBad = {} }: DataSet,
  folder: string,
  items: readonly Item[],
  maxSeconds: number,
  progress: StartProgress,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  const recordings = new Map(items.map((item) => [item.audio, item]));
  const byContent = new Map<string, string>();
  const report = progress(`decoding ${title}`);
  let done = 0;
  try {
    for (const [audio, { id, split }] of recordings) {
      const file = relative(folder, audio);
      try {
        const bytes = await readRegularFile(audio, MAX_FILE_BYTES, 'E_AUDIO_TOO_LONG');
        const key = sha256(bytes);
        const earlier = byContent.get(key);
        if (earlier !== undefined)
          problems.push({
            kind: 'duplicate-audio',
            split,
            file,
            message: `has the same bytes as ${earlier}`,
          });
        byContent.set(key, file);
        await decodeAudio(bytes, { maxSeconds });
      } catch (error) {
        if (!isPengiError(error)) throw error;
        const known = knownBad[id] === undefined ? '' : ` (known: it ${knownBad[id]})`;
        problems.push({
          kind: 'undecodable',
          split,
          file,
          message: `${error.code} ${error.message}${known}`,
        });
      }
      report.update(++done, recordings.size);
    }
  } finally {
    report.end();
  }
  return problems;
}

const MAX_FILE_BYTES = 2 ** 30;
