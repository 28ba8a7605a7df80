/** Evaluations of a run: the loss over all validation samples, and what the model makes of a few that stay the same. */
import { join } from 'node:path';
import { writeSafetensors } from '@pengi/checkpoint';
import { createRng } from '@pengi/core';
import type { Engine } from '@pengi/jit';
import { type TrainTask, validationLoss } from '@pengi/train';
import { SHOWN } from '../runs/clips.js';
import { EMBEDDINGS } from '../runs/facts.js';
import type { Stage } from './stages.js';

/** Samples that are embedded at each evaluation. */
const EMBEDDED = 200;

export interface EvaluationOptions {
  engine: Engine;
  /** Samples of a batch. */
  batch: number;
  /** Places of the validation samples that the model is asked about, and that are embedded. */
  listened: readonly number[];
  /** The run folder, for the embeddings of the newest evaluation. */
  out: string;
}

/** The task with its evaluation; without validation samples it has none. */
export async function withEvaluation<Loaded, P, B>(
  task: TrainTask<P, B>,
  { samples, task: taskOf, listen }: Stage<Loaded, P, B>,
  { engine, batch, listened, out }: EvaluationOptions,
): Promise<TrainTask<P, B>> {
  const { held, loadHeld } = samples;
  if (held.length === 0) return task;
  const places = [...held.keys()];
  const over = taskOf((step) => loadHeld(places.slice(step * batch, (step + 1) * batch)));
  const batches = [];
  for (let step = 0; step * batch < held.length; step++) batches.push(await over.batch(step));
  const lossOf = validationLoss(task, batches, engine);
  const heard = await loadHeld(listened);
  return {
    ...task,
    async evaluate(params, step, signal) {
      const values = await lossOf(params, step, signal);
      signal?.throwIfAborted();
      const { samples: said, embeddings } = await listen(params, heard, { engine, shown: SHOWN });
      if (embeddings)
        await writeSafetensors(join(out, EMBEDDINGS), { ...embeddings }, { step: String(step) });
      return { values, samples: said };
    },
  };
}

/** Among so many, drawn by chance, samples are chosen. */
const CANDIDATES = 5000;

/**
 * The samples that are embedded, those that are asked about first: by chance, but of as many prompts, targets and recordings
 * as there are before any comes again.
 */
export function chosenSamples<S extends { prompt?: string; target?: string; audio?: string | undefined }>(
  samples: readonly S[],
  seed: number,
  count = EMBEDDED,
): S[] {
  const candidates = createRng(seed)
    .fork('samples to listen to')
    .shuffle([...samples])
    .slice(0, CANDIDATES);
  const seen = new Map<string, number>();
  const partsOf = ({ prompt, target, audio }: S) => [`p ${prompt}`, `t ${target}`, `a ${audio}`];
  const timesSeen = (sample: S) => partsOf(sample).reduce((sum, part) => sum + (seen.get(part) ?? 0), 0);
  const chosen: S[] = [];
  while (chosen.length < count && candidates.length > 0) {
    const newest = candidates.reduce((a, b) => (timesSeen(b) < timesSeen(a) ? b : a));
    candidates.splice(candidates.indexOf(newest), 1);
    for (const part of partsOf(newest)) seen.set(part, (seen.get(part) ?? 0) + 1);
    chosen.push(newest);
  }
  return chosen;
}
