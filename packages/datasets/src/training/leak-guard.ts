import { isPengiError } from '@pengi/core';
import { dataSet } from '../sets/index.js';
import { PUBLISHED_SOURCES } from '../sets/published-sources.js';
import { type ExampleSource, withoutExamples } from './source.js';

/** The recordings of an evaluation set, by where they come from. */
export interface EvaluationSources {
  /** The data set's id, or a name of your own. */
  readonly name: string;
  /** A copy's tables, ids that its authors published (they come with this package), or a list of your own. */
  readonly from: 'copy' | 'published' | 'given';
  /** Ids of items by where they come from: "freesound:1234" is "esc50 1-1234-A-0.wav". */
  readonly owners: ReadonlyMap<string, string>;
}

/** The splits that results are reported on, of the sets whose tables tell where recordings come from. */
const EVALUATED: Readonly<Record<string, readonly string[]>> = {
  audiocaps: ['test'],
  audioset: ['eval'],
  clotho: ['evaluation'],
  clothoaqa: ['test'],
  'dcase17-task4': ['testing', 'evaluation'],
  esc50: ['all'],
  fsd50k: ['eval'],
  urbansound8k: ['all'],
};

/**
 * What is known of the evaluation sets: of those below `root`, what their tables say, whether or not recordings are there; of
 * ESC-50, UrbanSound8K, AudioCaps and DCASE 2017 otherwise the published ids. The others are known only from a copy.
 * @param except ids of sets that are not evaluated on
 */
export async function evaluationSources(
  root?: string,
  { except = [] }: { readonly except?: readonly string[] } = {},
): Promise<EvaluationSources[]> {
  const lists: EvaluationSources[] = [];
  for (const [name, splits] of Object.entries(EVALUATED)) {
    if (except.includes(name)) continue;
    const owners = root === undefined ? undefined : await ownersIn(root, name, splits);
    if (owners) lists.push({ name, from: 'copy', owners });
    else if (PUBLISHED_SOURCES[name])
      lists.push({
        name,
        from: 'published',
        owners: new Map(PUBLISHED_SOURCES[name].map((id) => [id, name])),
      });
  }
  return lists;
}

async function ownersIn(
  root: string,
  name: string,
  splits: readonly string[],
): Promise<Map<string, string> | undefined> {
  try {
    const owners = new Map<string, string>();
    for (const [item, sources] of await dataSet(name).sourcesIn(root, splits))
      for (const source of sources) if (!owners.has(source)) owners.set(source, item);
    return owners.size > 0 ? owners : undefined;
  } catch (error) {
    if (isPengiError(error)) return undefined; // there is no copy, or none that can be read
    throw error;
  }
}

/** A training example whose recording, or another part of it, is in an evaluation set. */
export interface SourceLeak {
  readonly training: string;
  /** What they share: "freesound:1234". */
  readonly source: string;
  readonly evaluation: string;
  /** The item there. */
  readonly item: string;
}

export interface LeakCheck {
  readonly leaks: readonly SourceLeak[];
  /** Of each source: its examples, how many of them leak, and how many cannot be compared since nothing tells their origin. */
  readonly counts: readonly {
    readonly name: string;
    readonly examples: number;
    readonly leaking: number;
    readonly unknown: number;
  }[];
  /** Of each source: the indices of what leaks. */
  readonly leaking: readonly ReadonlySet<number>[];
}

/**
 * Compares training examples with evaluation sets by where their recordings come from. Two parts of one video or recording
 * count as the same.
 */
export async function findLeaks(
  sources: readonly ExampleSource[],
  evaluation: readonly EvaluationSources[],
): Promise<LeakCheck> {
  const leaks: SourceLeak[] = [];
  const counts: LeakCheck['counts'][number][] = [];
  const leaking: Set<number>[] = [];
  for (const source of sources) {
    const found = new Set<number>();
    let [index, unknown] = [0, 0];
    for await (const { id, sources: origins } of source.entries()) {
      if (origins.length === 0) unknown++;
      for (const origin of origins)
        for (const { name, owners } of evaluation) {
          const item = owners.get(origin);
          if (item === undefined) continue;
          found.add(index);
          leaks.push({ training: `${source.name}/${id}`, source: origin, evaluation: name, item });
        }
      index++;
    }
    counts.push({ name: source.name, examples: source.length, leaking: found.size, unknown });
    leaking.push(found);
  }
  return { leaks, counts, leaking };
}

/**
 * The sources without what leaks. Training does this by default; what was found and what could not be compared is to be told to
 * the user (`leakLines`).
 * @throws PengiError E_DATA when nothing of a source is left
 */
export function withoutLeaks(
  sources: readonly ExampleSource[],
  { leaking }: Pick<LeakCheck, 'leaking'>,
): ExampleSource[] {
  return sources.map((source, i) => withoutExamples(source, leaking[i] ?? new Set()));
}

/** The check in words, one line for each source that it concerns and one for what was compared. */
export function leakLines({ counts, leaks }: LeakCheck, evaluation: readonly EvaluationSources[]): string[] {
  const compared = evaluation.map(({ name, from }) =>
    from === 'published' ? `${name} (published ids)` : name,
  );
  return [
    `compared with ${compared.length === 0 ? 'no evaluation set' : compared.join(', ')}`,
    ...counts.flatMap(({ name, examples, leaking, unknown }) => [
      ...(leaking > 0
        ? [`${name}: ${leaking} of ${examples} examples are of recordings in ${within(name, leaks)}`]
        : []),
      ...(unknown > 0
        ? [`${name}: of ${unknown} of ${examples} examples it is not known where they come from`]
        : []),
    ]),
  ];
}

function within(name: string, leaks: readonly SourceLeak[]): string {
  const sets = leaks
    .filter(({ training }) => training.startsWith(`${name}/`))
    .map(({ evaluation }) => evaluation);
  return [...new Set(sets)].join(', ');
}
