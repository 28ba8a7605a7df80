import { relative } from 'node:path';
import { type StartProgress, silentProgress } from '@pengi/core';
import { readRegularFile } from '../files.js';
import type { DataSet, ReadOptions } from './data-set.js';
import { countProblems, type Problem, type ProblemKind } from './item.js';
import { checkRecordings, type Recording } from './recordings.js';

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
  if (decode) {
    const recordings = [...new Map(items.map((item) => [item.audio, item])).values()].map(
      ({ audio, id, split: name }): Recording => ({
        file: relative(folder, audio),
        split: name,
        ...(set.knownBad?.[id] !== undefined && { known: set.knownBad[id] }),
        read: () => readRegularFile(audio, MAX_FILE_BYTES, 'E_AUDIO_TOO_LONG'),
      }),
    );
    all.push(
      ...(await checkRecordings(recordings, {
        title: set.title,
        total: recordings.length,
        maxSeconds,
        progress,
      })),
    );
  }

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
    counts: countProblems(all),
    problems: all,
    isComplete:
      all.every(({ kind }) => kind === 'missing-split') &&
      numbers.every(({ usable, official }) => official === null || usable === official),
  };
}

const MAX_FILE_BYTES = 2 ** 30;
