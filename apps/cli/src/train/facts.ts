/** What a report tells about a run besides its numbers: config, data, machine, versions, the samples that are listened to. */
import { availableParallelism, cpus, hostname, totalmem } from 'node:os';
import type { Engine } from '@pengi/jit';
import type { RunFacts } from '../runs/facts.js';
import { commit, ownVersion } from '../versions.js';
import type { TrainConfig } from './config.js';
import type { Samples } from './stages.js';

/** @param listened of the validation samples; those that are no recordings are left out */
export async function factsOf<S extends SampleFacts>({
  config,
  samples,
  dataSha256,
  engine,
  listened,
}: {
  config: TrainConfig;
  samples: Samples<S, unknown>;
  dataSha256: string;
  engine: Engine;
  listened: readonly S[];
}): Promise<RunFacts> {
  const { training, validation } = samples;
  return {
    config,
    data: {
      training: training.length,
      validation: validation.length,
      recordings: count([...training, ...validation].map(({ audio }) => audio)).length,
      'most frequent prompts': top(training.map(({ prompt }) => prompt)),
      'most frequent targets': top(training.map(({ target }) => target)),
      sha256: dataSha256,
    },
    environment: {
      pengi: ownVersion(),
      ...(await commit()),
      engine: engine.description,
      node: process.version,
      system: `${process.platform}-${process.arch}`,
      host: hostname(),
      processor: cpus()[0]?.model.trim(),
      cores: availableParallelism(),
      memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    },
    clips: listened.flatMap(({ id, audio, prompt, target }) =>
      id !== undefined && audio !== undefined && prompt !== undefined && target !== undefined
        ? [{ id, audio, prompt, target }]
        : [],
    ),
  };
}

/** What examples have; documents lack most of it. */
export type SampleFacts = Partial<Record<'id' | 'audio' | 'prompt' | 'target', string>>;

/** So many of the most frequent texts are told. */
const TOP = 8;

function top(texts: readonly (string | undefined)[]): string[] | undefined {
  const counted = count(texts);
  if (counted.length === 0) return undefined;
  const named = counted.slice(0, TOP).map(([text, n]) => `${n} x ${text}`);
  return counted.length > TOP ? [...named, `and ${counted.length - TOP} others`] : named;
}

/** Each text with how often it is there, the most frequent first. */
function count(texts: readonly (string | undefined)[]): [text: string, n: number][] {
  const counts = new Map<string, number>();
  for (const text of texts) if (text !== undefined) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}
