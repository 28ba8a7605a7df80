/** What a report tells about a run besides its numbers: config, data, machine, versions, the samples that are listened to. */
import { createHash } from 'node:crypto';
import { availableParallelism, cpus, hostname, totalmem } from 'node:os';
import type { Engine } from '@pengi/jit';
import type { RunFacts } from '../runs/facts.js';
import { commit, ownVersion } from '../versions.js';
import type { RunConfig } from './config.js';
import type { HeldExample, TrainData } from './data.js';

/** @param listened of the validation samples; those that are no files are left out */
export async function factsOf({
  config,
  data,
  held,
  engine,
  listened,
}: {
  config: RunConfig;
  data: TrainData;
  /** The validation samples. */
  held: readonly HeldExample[];
  engine: Engine;
  listened: readonly ListenedSample[];
}): Promise<RunFacts> {
  const { sources, shares, fingerprint } = data.training;
  const [prompts, targets] = [new Map<string, number>(), new Map<string, number>()];
  for (const { entries } of sources)
    for await (const { texts } of entries())
      for (const { prompt, target } of texts) {
        count(prompts, prompt);
        count(targets, target);
      }
  return {
    config,
    data: {
      ...Object.fromEntries(
        sources.map(({ name, length }, i) => [
          name,
          `${length} examples, ${(100 * (shares[i] as number)).toPrecision(3)} % of what is drawn`,
        ]),
      ),
      validation: held.length,
      'most frequent prompts': top(prompts),
      'most frequent targets': top(targets),
      sha256: createHash('sha256').update(fingerprint).digest('hex'),
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
      audio === undefined ? [] : [{ id, audio, prompt, target }],
    ),
  };
}

/** A validation sample that the model is asked about. */
export interface ListenedSample {
  readonly id: string;
  readonly prompt: string;
  readonly target: string;
  /** Of one that is a file. */
  readonly audio: string | undefined;
  /** Its place among the validation samples. */
  readonly place: number;
}

/** So many of the most frequent texts are told. */
const TOP = 8;

function top(counts: ReadonlyMap<string, number>): string[] {
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  const named = sorted.slice(0, TOP).map(([text, n]) => `${n} x ${text}`);
  return sorted.length > TOP ? [...named, `and ${sorted.length - TOP} others`] : named;
}

function count(counts: Map<string, number>, text: string): void {
  counts.set(text, (counts.get(text) ?? 0) + 1);
}
