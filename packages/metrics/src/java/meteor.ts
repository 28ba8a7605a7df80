import { join } from 'node:path';
import { PengiError } from '@pengi/core';
import type { CaptionScores } from '../captions/rouge.js';
import type { Tokens } from '../captions/tokens.js';
import type { JavaRuntime } from './find.js';
import { startJvm } from './jvm.js';
import { contentKey, openResultCache } from './result-cache.js';

export interface MeteorOptions {
  readonly java: JavaRuntime;
  /** Where `pengi metrics install` has put the files. */
  readonly folder: string;
  /** Where results are kept; without it they are not. */
  readonly cache?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What the program counts of a clip (23 numbers, as it prints them), and the score it makes of them. */
interface ClipResult {
  readonly statistics: string;
  readonly score: number;
}

/** Reading the paraphrase table takes some seconds; a clip takes milliseconds. */
const START_MS = 180_000;
const CLIP_MS = 60_000;
/** Lines that are on their way at once. */
const WINDOW = 500;

/**
 * METEOR 1.5 (Denkowski and Lavie 2014) by its official program, as coco-caption calls it: English, with normalisation. One process for
 * all clips; it is not started when all results are known. The corpus's score is made of the summed statistics, and is no mean.
 * @throws PengiError E_WORKER; the signal's reason
 */
export async function meteor(
  candidates: readonly Tokens[],
  references: readonly (readonly Tokens[])[],
  { java, folder, cache, signal }: MeteorOptions,
): Promise<CaptionScores> {
  const path = cache === undefined ? undefined : join(cache, 'meteor-1.5.jsonl');
  const clips = await openResultCache(path, isClipResult);
  const corpora = await openResultCache(path, (value): value is number => typeof value === 'number');
  const lines = candidates.map((candidate, i) => scoreLine(candidate, references[i]!));
  const keys = lines.map((line) => contentKey(line));
  const corpusKey = contentKey('corpus', ...keys);

  const known = keys.map((key) => clips.get(key));
  const knownCorpus = corpora.get(corpusKey);
  if (knownCorpus !== undefined && known.every((result) => result !== undefined))
    return { corpus: knownCorpus, sentences: known.map((result) => result!.score) };

  const heap = ['-Xmx2G', '-Dfile.encoding=UTF-8', '-Duser.country=US', '-Duser.language=en'];
  const jar = join(folder, 'meteor', 'meteor-1.5.jar');
  const jvm = startJvm(java, [...heap, '-jar', jar, '-', '-', '-stdio', '-l', 'en', '-norm'], {
    name: 'METEOR',
    signal,
  });
  try {
    const statistics = known.map((result) => result?.statistics);
    const missing = lines.flatMap((_, i) => (statistics[i] === undefined ? [i] : []));
    for (let start = 0; start < missing.length; start += WINDOW) {
      const part = missing.slice(start, start + WINDOW);
      await jvm.write(part.map((i) => `SCORE ||| ${lines[i]}\n`).join(''));
      for (const i of part) statistics[i] = await jvm.line(i === missing[0] ? START_MS : CLIP_MS);
    }
    await jvm.write(`EVAL ||| ${statistics.join(' ||| ')}\n`);
    const scores: number[] = [];
    for (let i = 0; i <= lines.length; i++) scores.push(number(await jvm.line(START_MS)));
    const corpus = scores.pop()!;
    await clips.add(
      missing.map((i) => [keys[i]!, { statistics: statistics[i]!, score: scores[i]! }] as const),
    );
    await corpora.add([[corpusKey, corpus]]);
    return { corpus, sentences: scores };
  } finally {
    jvm.close();
  }
}

/** `|||` separates texts in the protocol, so that it cannot stand in one. */
function scoreLine(candidate: Tokens, references: readonly Tokens[]): string {
  return [...references, candidate]
    .map((tokens) => tokens.join(' ').replaceAll('|||', '').replaceAll('\n', ' '))
    .join(' ||| ');
}

function number(line: string): number {
  const value = Number(line);
  if (line.trim() === '' || Number.isNaN(value))
    throw new PengiError('E_WORKER', `METEOR gives "${line.slice(0, 100)}", a number was expected`);
  return value;
}

function isClipResult(value: unknown): value is ClipResult {
  const { statistics, score } = (value ?? {}) as Partial<Record<keyof ClipResult, unknown>>;
  return typeof statistics === 'string' && typeof score === 'number';
}
