import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { PengiError } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import type { CaptionScores } from '../captions/rouge.js';
import type { Tokens } from '../captions/tokens.js';
import { mean } from '../numbers.js';
import { startJvm } from './jvm.js';
import type { MeteorOptions } from './meteor.js';
import { contentKey, openResultCache } from './result-cache.js';
import { writeShim } from './shim.js';

/** What SPICE compares of the scene graphs: all of it, and by kind. */
export const SPICE_SUBSETS = [
  'All',
  'Object',
  'Attribute',
  'Relation',
  'Size',
  'Color',
  'Cardinality',
] as const;
export type SpiceSubset = (typeof SPICE_SUBSETS)[number];

export interface SpiceScore {
  /** null where there is nothing to count. */
  readonly pr: number | null;
  readonly re: number | null;
  readonly f: number | null;
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
}

export interface SpiceScores extends CaptionScores {
  readonly subsets: readonly Readonly<Record<SpiceSubset, SpiceScore>>[];
}

export interface SpiceOptions extends MeteorOptions {
  /** Default: the cores, at most 4 (each needs memory for its parser). */
  readonly threads?: number;
}

/** Models are read within some seconds, a caption is parsed in about 80 ms; this is many times as much. */
const START_MS = 300_000;
const CAPTION_MS = 2000;

/**
 * SPICE 1.0 (Anderson et al. 2016) by its official program: F-score of the scene graphs of a caption and its references; the corpus's
 * score is the mean. One process for all clips that are not in the cache; about 13 captions a second and core.
 * @throws PengiError E_WORKER, E_IO; the signal's reason
 */
export async function spice(
  candidates: readonly Tokens[],
  references: readonly (readonly Tokens[])[],
  { cache, ...options }: SpiceOptions,
): Promise<SpiceScores> {
  const known = await openResultCache(
    cache === undefined ? undefined : join(cache, 'spice-1.0.jsonl'),
    isSpiceResult,
  );
  const texts = candidates.map((candidate, i) => ({
    test: candidate.join(' '),
    refs: references[i]!.map((tokens) => tokens.join(' ')),
  }));
  const keys = texts.map(({ test, refs }) => contentKey(test, ...refs));
  const missing = new Map(
    keys.flatMap((key, i) => (known.get(key) === undefined ? [[key, texts[i]!] as const] : [])),
  );
  if (missing.size > 0) await known.add(await run(missing, options));

  const subsets = keys.map((key) => known.get(key)!);
  const sentences = subsets.map(({ All }) => All.f ?? 0);
  return { corpus: mean(sentences), sentences, subsets };
}

interface Clip {
  readonly test: string;
  readonly refs: readonly string[];
}
type Result = Readonly<Record<SpiceSubset, SpiceScore>>;

async function run(
  clips: ReadonlyMap<string, Clip>,
  { java, folder, signal, threads = Math.min(4, availableParallelism()) }: SpiceOptions,
): Promise<[string, Result][]> {
  const work = await mkdtemp(join(tmpdir(), 'pengi-spice-'));
  try {
    const [input, output] = [join(work, 'in.json'), join(work, 'out.json')];
    await writeFile(input, JSON.stringify([...clips].map(([image_id, clip]) => ({ image_id, ...clip }))));
    const home = join(folder, 'spice');
    // Java 15 and later have no JavaScript, which SPICE uses to indent its output: the shim stands in, and is in nobody's way before.
    const classes = [
      join(home, 'spice-1.0.jar'),
      join(home, 'lib', '*'),
      join(home, 'models'),
      await writeShim(work),
    ];
    const memory = ['-Xmx4G', '-Dfile.encoding=UTF-8', `-Djava.io.tmpdir=${work}`];
    const scorer = ['edu.anu.spice.SpiceScorer', input, '-out', output, '-subset', '-silent'];
    const jvm = startJvm(
      java,
      [...memory, '-cp', classes.join(delimiter), ...scorer, '-threads', String(threads)],
      { name: 'SPICE', cwd: work, signal },
    );
    try {
      const captions = [...clips.values()].reduce((sum, { refs }) => sum + refs.length + 1, 0);
      await jvm.done(START_MS + captions * CAPTION_MS);
    } finally {
      jvm.close();
    }
    return readResults(await readFile(output, 'utf8'), clips);
  } catch (error) {
    throw error instanceof PengiError || signal?.aborted ? error : fileError(error, work, 'read');
  } finally {
    await rm(work, { recursive: true, force: true, maxRetries: 3 });
  }
}

function readResults(text: string, clips: ReadonlyMap<string, Clip>): [string, Result][] {
  const wrong = (cause?: unknown) =>
    new PengiError(
      'E_WORKER',
      'SPICE has not given a score for each clip',
      cause === undefined ? {} : { cause },
    );
  let rows: { image_id: string; scores: Record<string, unknown> }[];
  try {
    rows = JSON.parse(text) as typeof rows;
  } catch (cause) {
    throw wrong(cause);
  }
  const results = rows.flatMap(({ image_id, scores }): [string, Result][] =>
    isSpiceResult(scores) && clips.has(image_id)
      ? [[image_id, Object.fromEntries(SPICE_SUBSETS.map((name) => [name, scores[name]])) as Result]]
      : [],
  );
  if (new Set(results.map(([key]) => key)).size !== clips.size) throw wrong();
  return results;
}

function isSpiceResult(value: unknown): value is Result {
  const scores = (value ?? {}) as Partial<Record<SpiceSubset, Partial<SpiceScore>>>;
  return SPICE_SUBSETS.every((name) => {
    const { f, tp, fp, fn } = scores[name] ?? {};
    return (f === null || typeof f === 'number') && [tp, fp, fn].every((count) => typeof count === 'number');
  });
}
