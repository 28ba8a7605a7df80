/** Does the model listen? The same questions about silence, noise, and other recordings than those that are asked about. */
import { createRng } from '@pengi/core';
import type { ClipSource } from '../clips.js';
import { markdownTable, number } from '../report/tables.js';
import type { Evaluation } from '../runner/evaluation.js';
import type { TaskResult } from '../scoring/result.js';

export const ALTERATIONS = ['silence', 'noise', 'shuffled'] as const;
export type Alteration = (typeof ALTERATIONS)[number];

/**
 * Recordings in place of those that are there: samples of 0, or noise as loud as the recording. The predictor has to take the
 * samples that it is given; one that reads files itself hears the recordings as they are.
 * "shuffled" leaves them alone: see `shuffledRecordings`.
 */
export function alteredClips(source: ClipSource, how: Alteration, seed = 0): ClipSource {
  return {
    ...source,
    async read(request) {
      const reply = await source.read(request);
      if (how === 'shuffled' || !('samples' in reply) || !reply.samples) return reply;
      const { samples, sha256 } = reply;
      if (how === 'silence') return { ...reply, samples: new Float32Array(samples.length) };
      const rng = createRng(seed).fork(sha256);
      const level = Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
      return { ...reply, samples: samples.map(() => level * rng.normal()) };
    },
  };
}

/** Each item with the recording of another one; what is expected stays. */
export function shuffledRecordings(evaluation: Evaluation, seed = 0): Evaluation {
  const recordings = [...new Set(evaluation.items.map(({ audio }) => audio))];
  const order = createRng(seed).fork('grounding').shuffle(recordings);
  // The next one of a drawn circle: none keeps its own.
  const other = new Map(order.map((audio, i) => [audio, order[(i + 1) % order.length] as string]));
  return {
    ...evaluation,
    items: evaluation.items.map((item) => ({ ...item, audio: other.get(item.audio) as string })),
  };
}

export interface Grounding {
  readonly task: string;
  readonly metric: string;
  readonly real: number | null;
  readonly altered: Readonly<
    Record<
      string,
      {
        readonly value: number | null /** Items that are answered as with their recording. */;
        readonly same: number;
      }
    >
  >;
}

/** A model that listens falls to chance without its recordings, and its answers change. */
export function grounding(
  real: readonly TaskResult[],
  altered: Readonly<Record<string, readonly TaskResult[]>>,
): Grounding[] {
  return real.map(({ id, metric, value, items }) => ({
    task: id,
    metric,
    real: value,
    altered: Object.fromEntries(
      Object.entries(altered).flatMap(([how, results]) => {
        const other = results.find((one) => one.id === id);
        if (!other) return [];
        const answers = new Map(other.items.map((item) => [item.id, item.answer]));
        const same = items.filter((item) => answers.get(item.id) === item.answer).length;
        return [[how, { value: other.value, same: same / items.length }]];
      }),
    ),
  }));
}

export function groundingTable(rows: readonly Grounding[]): string {
  const kinds = [...new Set(rows.flatMap(({ altered }) => Object.keys(altered)))];
  return markdownTable(
    ['task', 'metric', 'recordings', ...kinds.flatMap((kind) => [kind, 'same answers'])],
    rows.map(({ task, metric, real, altered }) => [
      task,
      metric,
      number(real),
      ...kinds.flatMap((kind) => {
        const found = altered[kind];
        return found ? [number(found.value), `${(100 * found.same).toFixed(0)} %`] : ['–', '–'];
      }),
    ]),
  );
}
