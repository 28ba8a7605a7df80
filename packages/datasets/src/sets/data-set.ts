import { PengiError, printable } from '@pengi/core';
import { createFinder } from './finder.js';
import { assignFolds } from './folds.js';
import type { Draft, Item, Problem } from './item.js';
import { locate, missingNeeds } from './locate.js';
import { type Source, sourceOf } from './source.js';

export type { Source } from './source.js';

/** A path below the data set's folder, or several of which one is enough. `*` in its last part stands for anything. */
export type Need = string | readonly string[];

export interface Split {
  /** Items of the official release; null where it depends on the version or is not published. */
  readonly official: number | null;
  /** What has to be there to read it. */
  readonly needs: readonly Need[];
  /** The archives that bring it, where they are not all of the data set's. */
  readonly archives?: readonly string[];
  readonly note?: string;
}

export interface Folds {
  readonly count: number;
  /** Whether the data set publishes them; otherwise they are drawn by `assignFolds` with seed 0. */
  readonly official: boolean;
  /** How they are drawn, in words. */
  readonly how: string;
  /** Items of each official fold. */
  readonly sizes?: readonly number[];
  /** For drawn folds: items of one group stay together; each item is one by default. */
  readonly group?: (item: Item) => string;
}

/** What is fixed about a data set. All values are data, but for the reader. */
export interface DataSetFacts {
  readonly id: string;
  readonly title: string;
  readonly licence: string;
  readonly source: {
    readonly url: string;
    /** File names at the source. */
    readonly archives: readonly string[];
  };
  /** Names of its folder below a data root. Case, hyphens, underscores and an ending "-like" do not count. */
  readonly folders: readonly string[];
  /** The files as they are after unpacking, for people. */
  readonly layout: readonly string[];
  readonly splits: Readonly<Record<string, Split>>;
  readonly folds?: Folds;
  /** All classes, in the set's spelling; labels that are none of them are problems. */
  readonly classes?: readonly string[];
  /** Whether recordings may be absent from a complete copy (videos vanish); they are counted in any case. */
  readonly audioVanishes?: boolean;
  /** Whether it is a part of another data set, whose further recordings lie beside its own. */
  readonly isPart?: boolean;
  /** Items that are damaged in the official archive, and how. */
  readonly knownBad?: Readonly<Record<string, string>>;
  /** Choices where the set or the paper leaves one, limits. */
  readonly notes?: readonly string[];
}

export interface ReadOptions {
  /** All that are there by default. */
  readonly split?: string | readonly string[];
  /** Only items of this fold, counted from 1. */
  readonly fold?: number;
}

export interface Reading {
  /** The data set's own folder. */
  readonly folder: string;
  readonly items: Item[];
  readonly problems: Problem[];
  /** Which splits were read. */
  readonly splits: readonly string[];
  /** Recordings beside those of the items that nothing names, relative to the folder; only within folders looked into. */
  readonly unused: readonly string[];
}

export interface DataSet extends DataSetFacts {
  /**
   * The items of a copy that lies in `root`, or in one of `folders` below it.
   * What is wrong with single items is in `problems`; such items are left out.
   * @throws PengiError E_NOT_FOUND for a missing or half-unpacked copy (which archive, from where, which layout);
   *   E_DATA when a file cannot be read as a whole, or nothing usable is left; E_USAGE for an unknown split or fold
   */
  read(root: string, options?: ReadOptions): Promise<Reading>;
  /** The classes: as published, or from the copy's own vocabulary file; undefined for sets without classes. */
  vocabulary(root: string): Promise<readonly string[] | undefined>;
  /** The splits that are unpacked in full. @throws PengiError E_NOT_FOUND when there is no copy */
  splitsIn(root: string): Promise<string[]>;
  /**
   * What the set's tables say of where its recordings come from (`Item.sources`), by item. Recordings need not be there,
   * nor all that a split needs: what can be read is.
   * @throws PengiError E_NOT_FOUND when no table is there
   */
  sourcesIn(root: string, split?: string | readonly string[]): Promise<Map<string, readonly string[]>>;
}

export interface DataSetDefinition extends DataSetFacts {
  readSplit(source: Source, split: string): AsyncGenerator<Draft>;
  readVocabulary?(source: Source): Promise<readonly string[]>;
}

export function defineDataSet({ readSplit, readVocabulary, ...facts }: DataSetDefinition): DataSet {
  return {
    ...facts,
    async read(root, options = {}) {
      const folder = await locate(facts, root);
      const wanted = await wantedSplits(facts, folder, options);
      const finder = createFinder(folder);
      const problems: Problem[] = [...wanted.missing];
      const reported = new Map<string, string>();
      /** Splits that share a table find the same bad rows in it; they are counted once. */
      const report = (problem: Problem, split: string) => {
        const key = JSON.stringify([problem.kind, problem.file, problem.line, problem.message]);
        if ((reported.get(key) ?? split) === split)
          problems.push({ split, ...problem, message: printable(problem.message, 400) });
        if (!reported.has(key)) reported.set(key, split);
      };
      const ids = new Set<string>();
      let items: Item[] = [];
      let drafts = 0;
      for (const split of wanted.splits) {
        const source = sourceOf(folder, finder, (problem) => report(problem, split));
        for await (const batch of batches(readSplit(source, split))) {
          drafts += batch.length;
          const paths = await Promise.all(batch.map(({ audio }) => finder.find([audio].flat())));
          for (const [i, draft] of batch.entries()) {
            const item = toItem(facts, draft, paths[i], split, ids);
            if ('kind' in item) problems.push(item);
            else {
              const { kept, found } = withoutEmpty(item, draft);
              problems.push(...found);
              if (kept) items.push(kept);
            }
          }
        }
      }
      if (items.length === 0) throw nothingUsable(facts, folder, drafts, problems);
      items = withFolds(facts, items, options.fold);
      return { folder, items, problems, splits: wanted.splits, unused: finder.unused() };
    },
    async vocabulary(root) {
      if (facts.classes || !readVocabulary) return facts.classes;
      const folder = await locate(facts, root);
      return readVocabulary(sourceOf(folder, createFinder(folder), () => undefined));
    },
    async splitsIn(root) {
      const folder = await locate(facts, root);
      const lacking = await Promise.all(
        Object.keys(facts.splits).map((split) => missingNeeds(facts, folder, split)),
      );
      return Object.keys(facts.splits).filter((_, i) => lacking[i] === undefined);
    },
    async sourcesIn(root, split = Object.keys(facts.splits)) {
      const folder = await locate(facts, root);
      const source = sourceOf(folder, createFinder(folder), () => undefined);
      const found = new Map<string, readonly string[]>();
      let failed: unknown;
      for (const name of [split].flat())
        try {
          for await (const { id, sources = [] } of readSplit(source, name))
            found.set(`${name}/${id}`, sources);
        } catch (error) {
          failed = error;
        }
      if (found.size === 0 && failed !== undefined) throw failed;
      return found;
    },
  };
}

async function wantedSplits(
  facts: DataSetFacts,
  folder: string,
  { split, fold }: ReadOptions,
): Promise<{ splits: string[]; missing: Problem[] }> {
  const named = split === undefined ? undefined : [split].flat();
  const unknown = named?.find((name) => !Object.hasOwn(facts.splits, name));
  if (unknown !== undefined)
    throw new PengiError('E_USAGE', `${facts.title} has no split "${printable(unknown, 40)}"`, {
      hint: `it has ${Object.keys(facts.splits).join(', ')}`,
    });
  if (fold !== undefined && !(Number.isInteger(fold) && fold >= 1 && fold <= (facts.folds?.count ?? 0)))
    throw new PengiError('E_USAGE', `${facts.title} has no fold ${fold}`, {
      hint: facts.folds ? `folds are 1 … ${facts.folds.count}` : 'it has no folds',
    });
  const splits: string[] = [];
  const missing: Problem[] = [];
  for (const name of named ?? Object.keys(facts.splits)) {
    const lacking = await missingNeeds(facts, folder, name);
    if (lacking === undefined) splits.push(name);
    else if (named) throw lacking;
    else missing.push({ kind: 'missing-split', split: name, message: lacking.message });
  }
  if (splits.length === 0) throw await missingNeeds(facts, folder, Object.keys(facts.splits)[0] as string);
  return { splits, missing };
}

/** Recordings that are looked for at the same time. */
const AT_ONCE = 256;

async function* batches(drafts: AsyncGenerator<Draft>): AsyncGenerator<Draft[]> {
  let batch: Draft[] = [];
  for await (const draft of drafts) {
    batch.push(draft);
    if (batch.length === AT_ONCE) {
      yield batch;
      batch = [];
    }
  }
  yield batch;
}

function toItem(
  { classes }: DataSetFacts,
  { at, audio, id, ...annotations }: Draft,
  path: string | undefined,
  split: string,
  ids: Set<string>,
): Item | Problem {
  const about = { ...at, split };
  const name = printable([audio].flat()[0] ?? '', 120);
  if (path === 'outside')
    return { kind: 'outside-root', ...about, message: `"${name}" leads out of the data set's folder` };
  if (path === undefined) return { kind: 'missing-audio', ...about, message: `"${name}" does not exist` };
  if (ids.has(id))
    return { kind: 'duplicate', ...about, message: `"${printable(id, 120)}" is listed already` };
  const unknown = classes && annotations.labels?.find((label) => !classes.includes(label));
  if (unknown !== undefined)
    return { kind: 'unknown-label', ...about, message: `"${printable(unknown, 60)}" is none of the classes` };
  ids.add(id);
  return { id, audio: path, split, ...annotations };
}

/** Without empty captions and answers; an item whose texts are all empty is none. */
function withoutEmpty(item: Item, { at }: Draft): { kept?: Item; found: Problem[] } {
  const { captions, answers, question, split } = item;
  const found: Problem[] = [];
  const filled = (texts: readonly string[] | undefined, what: string) => {
    const full = texts?.filter((text) => text.trim() !== '');
    if (texts && full && full.length < texts.length)
      found.push({
        kind: 'empty-text',
        ...at,
        split,
        message: `${texts.length - full.length} of ${texts.length} ${what} of "${printable(item.id, 120)}" are empty`,
      });
    return full;
  };
  if (question?.trim() === '')
    found.push({ kind: 'empty-text', ...at, split, message: 'the question is empty' });
  const full = { captions: filled(captions, 'captions'), answers: filled(answers, 'answers') };
  if (question?.trim() === '' || full.captions?.length === 0 || full.answers?.length === 0) return { found };
  return {
    found,
    kept: {
      ...item,
      ...(full.captions && { captions: full.captions }),
      ...(full.answers && { answers: full.answers }),
    },
  };
}

function withFolds({ folds }: DataSetFacts, items: Item[], fold: number | undefined): Item[] {
  const numbered = folds === undefined || folds.official ? items : assignFolds(items, { ...folds, seed: 0 });
  return fold === undefined ? numbered : numbered.filter((item) => item.fold === fold);
}

function nothingUsable(
  { title, source }: DataSetFacts,
  folder: string,
  drafts: number,
  problems: readonly Problem[],
): PengiError {
  const first = problems.find(({ kind }) => kind !== 'missing-split');
  const noAudio = drafts > 0 && problems.filter(({ kind }) => kind === 'missing-audio').length === drafts;
  return noAudio
    ? new PengiError('E_NOT_FOUND', `none of ${drafts} recordings of ${title} is there`, {
        file: folder,
        hint: `unpack ${source.archives.join(', ')} (${source.url}); looked for ${first?.message ?? ''}`,
      })
    : new PengiError('E_DATA', `no usable item of ${title} in ${drafts} rows`, {
        file: folder,
        ...(first && {
          hint: `the first problem: ${first.file ?? ''}${first.line ? `:${first.line}` : ''}: ${first.message}`,
        }),
      });
}
