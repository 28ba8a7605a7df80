import { createRng, PengiError } from '@pengi/core';
import {
  createMixture,
  type Draw,
  dataSetSource,
  type ExampleEntry,
  type ExampleSource,
  type ExampleUnit,
  evaluationSources,
  findLeaks,
  holdOut,
  leakLines,
  type Mixture,
  manifestSource,
  shardSource,
  withoutExamples,
  withoutLeaks,
} from '@pengi/datasets';
import type { Context } from '../context.js';
import type { RunConfig, SourceConfig, Sources } from './config.js';

/** What a stage trains on. */
export interface TrainData {
  readonly training: Mixture;
  /** Examples that are not trained on; undefined where there are none. */
  readonly validation: ValidationData | undefined;
  /** All prompts and targets of both. */
  texts(): Promise<{ prompts: string[]; answers: string[] }>;
  close(): Promise<void>;
}

export interface ValidationData {
  readonly mixture: Mixture;
  /** Those that are used: where each is, and what it says. */
  readonly examples: readonly HeldExample[];
}

export type HeldExample = ExampleEntry & Draw;

/**
 * Opens the sources of a config, leaves out what evaluation sets have, too, and holds out what is validated with.
 * @throws PengiError E_USAGE where no folder for data sets is named, E_DATA for leaks that are to be refused, and what the
 *   sources throw
 */
export async function openData(
  { data, seed }: RunConfig,
  unit: ExampleUnit,
  context: Pick<Context, 'warn'>,
): Promise<TrainData> {
  const open = async (sources: Sources) => {
    const opened: ExampleSource[] = [];
    for (const [name, source] of Object.entries(sources)) {
      const one = await openSource(name, source, data, unit);
      for (const note of one.notes) context.warn(note);
      opened.push(one);
    }
    return opened;
  };
  const found = await guarded(await open(data.sources), data, context);
  const given = typeof data.validation === 'number' ? undefined : await open(data.validation);
  const parts = await Promise.all(found.map((source) => divided(source, data.validation, seed)));
  const training = createMixture(
    parts.map((part) => part.training),
    { seed, weights: data.weights },
  );
  const held = given ?? parts.flatMap((part) => part.validation ?? []);
  return {
    training,
    validation: held.length === 0 ? undefined : await validationOf(held, data.validationLimit, seed),
    async texts() {
      const prompts = new Set<string>();
      const answers = new Set<string>();
      for (const source of [...training.sources, ...held])
        for await (const { texts } of source.entries())
          for (const { prompt, target } of texts) {
            prompts.add(prompt);
            answers.add(target);
          }
      return { prompts: [...prompts], answers: [...answers] };
    },
    async close() {
      await Promise.all([...found, ...(given ?? [])].map((source) => source.close()));
    },
  };
}

async function openSource(
  name: string,
  source: SourceConfig,
  { sets = process.env.PENGI_DATA, skipBadRows }: RunConfig['data'],
  unit: ExampleUnit,
): Promise<ExampleSource> {
  if ('manifest' in source) {
    const { manifest, ...options } = source;
    return manifestSource(manifest, { name, unit, skipBadRows, ...defined(options) });
  }
  if ('shards' in source) return shardSource(source.shards, { name, unit });
  const { set, root = sets, ...options } = source;
  if (root === undefined)
    throw new PengiError('E_USAGE', `nothing says where the data set ${set} of "${name}" lies`, {
      hint: 'set PENGI_DATA, give --sets FOLDER, or name it in the config as data.sets',
    });
  return dataSetSource(set, root, { name, unit, ...defined(options) });
}

/** Without the members that are undefined. */
export function defined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

/** What evaluation sets have, too, is left out or refused, as the config says. */
async function guarded(
  sources: readonly ExampleSource[],
  { leaks, sets = process.env.PENGI_DATA }: RunConfig['data'],
  context: Pick<Context, 'warn'>,
): Promise<readonly ExampleSource[]> {
  if (leaks.found === 'ignore') return sources;
  const evaluation = await evaluationSources(sets, { except: leaks.except });
  const check = await findLeaks(sources, evaluation);
  if (check.leaks.length === 0) return sources;
  const lines = leakLines(check, evaluation);
  if (leaks.found === 'refuse')
    throw new PengiError(
      'E_DATA',
      `recordings of evaluation sets are among the training data: ${lines.join('; ')}`,
      {
        hint: 'leave them out (data.leaks.found: "leave-out"); pengi data leaks lists them',
      },
    );
  for (const line of lines) context.warn(line);
  return withoutLeaks(sources, check);
}

async function divided(source: ExampleSource, validation: RunConfig['data']['validation'], seed: number) {
  if (typeof validation !== 'number') return { training: source, validation: undefined };
  const held = await holdOut(source, { share: validation, seed });
  const all = Array.from({ length: source.length }, (_, index) => index);
  const others = new Set(all.filter((index) => !held.validation.has(index)));
  return {
    training: withoutExamples(source, new Set([...held.validation, ...held.unused])),
    validation: held.validation.size === 0 ? undefined : withoutExamples(source, others),
  };
}

async function validationOf(
  sources: readonly ExampleSource[],
  limit: number,
  seed: number,
): Promise<ValidationData> {
  const examples: HeldExample[] = [];
  for (const [source, { entries }] of sources.entries()) {
    let index = 0;
    for await (const entry of entries()) examples.push({ ...entry, source, index: index++ });
  }
  const drawn = createRng(seed)
    .fork('validation examples')
    .shuffle([...examples.keys()])
    .slice(0, limit)
    .sort((a, b) => a - b);
  return { mixture: createMixture(sources, { seed }), examples: drawn.map((i) => examples[i]!) };
}
