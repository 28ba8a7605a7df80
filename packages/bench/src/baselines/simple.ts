/** What simple models say of a task's items: the marks that a model which listens has to pass. */
import { RELEASED_FRONTEND } from '@pengi/audio-frontend';
import { createRng, type StartProgress, silentProgress } from '@pengi/core';
import { createFeatureLoader } from '@pengi/datasets';
import type { Evaluation, EvaluationItem, TrainingItem } from '../runner/evaluation.js';
import type { SimpleBaseline } from '../runner/manifest.js';
import { fitNearestCentroid } from './centroid.js';
import type { Classifier } from './classifier.js';
import { logMelStatistics } from './features.js';
import { majorityBaseline } from './majority.js';

export interface SimpleBaselineOptions {
  /** More recordings to learn from are not read; these are drawn by seed 0. Default 2000. */
  readonly most?: number;
  /** Threads that read recordings; 0 for the calling one. */
  readonly workers?: number;
  readonly progress?: StartProgress;
}

/**
 * The most frequent class, and the class whose mean of log-mel statistics is nearest, both learnt from the task's training
 * recordings: of folds, an item is judged by what the other folds taught. Nothing for tasks that have none.
 * @returns scores of all items by label; null for items that cannot be read
 * @throws PengiError as the feature loader
 */
export async function simpleBaselines(
  { items, labels = [], training }: Evaluation,
  { most = 2000, workers, progress = silentProgress }: SimpleBaselineOptions = {},
): Promise<SimpleBaseline[]> {
  const names = labels.map(({ name }) => name);
  const known = training?.items.filter(({ label }) => names.includes(label)) ?? [];
  if (known.length === 0 || items.length === 0) return [];
  const learnt = drawn(known, most);
  const features = await statisticsOf(
    [...learnt, ...items].map(({ audio }) => audio),
    { progress, ...(workers !== undefined && { workers }) },
  );

  const byFold = new Map<number | undefined, SimpleModel>();
  const modelFor = (item: EvaluationItem): SimpleModel => {
    const fold = training?.folds?.get(item.id);
    let model = byFold.get(fold);
    if (!model) {
      const taught = learnt.filter((one) => fold === undefined || one.fold !== fold);
      const heard = taught.filter(({ audio }) => features.has(audio));
      model = {
        majority: taught.length > 0 ? majorityBaseline(taught.map(({ label }) => label)) : undefined,
        centroid:
          heard.length > 0
            ? fitNearestCentroid(
                heard.map(({ audio }) => features.get(audio) as Float32Array),
                heard.map(({ label }) => label),
              )
            : undefined,
      };
      byFold.set(fold, model);
    }
    return model;
  };
  const rows = (of: keyof SimpleModel) =>
    items.map((item) => {
      const clip = features.get(item.audio);
      const classifier = modelFor(item)[of];
      return clip && classifier ? inOrder(classifier, clip, names) : null;
    });
  const learntFrom = learnt.length < known.length ? ` of ${learnt.length} recordings` : '';
  return [
    { name: 'majority', scores: rows('majority') },
    { name: `nearest centroid${learntFrom}`, scores: rows('centroid') },
  ];
}

interface SimpleModel {
  readonly majority: Classifier<string> | undefined;
  readonly centroid: Classifier<string> | undefined;
}

/** The classifier's scores in the task's order; classes that it never met come last. */
function inOrder(classifier: Classifier<string>, clip: Float32Array, names: readonly string[]): number[] {
  const scores = classifier.scores([clip])[0] as number[];
  const lowest = Math.min(...scores) - 1;
  return names.map((name) => scores[classifier.labels.indexOf(name)] ?? lowest);
}

/** By path; recordings that cannot be read are missing. Read in pieces, as log-mels of thousands are gigabytes. */
async function statisticsOf(
  recordings: readonly string[],
  options: { workers?: number; progress: StartProgress },
): Promise<Map<string, Float32Array>> {
  const loader = createFeatureLoader({ frontend: RELEASED_FRONTEND, ...options });
  const found = new Map<string, Float32Array>();
  try {
    const distinct = [...new Set(recordings)];
    for (let start = 0; start < distinct.length; start += PIECE) {
      const piece = distinct.slice(start, start + PIECE);
      const { logMels, frames, mels } = await loader.load(piece.map((audio) => ({ audio })));
      piece.forEach((audio, i) => {
        const data = logMels[i] as Float32Array;
        if (data.length > 0) found.set(audio, logMelStatistics({ data, frames, mels }));
      });
    }
  } finally {
    await loader.close();
  }
  return found;
}

const PIECE = 256;

function drawn(items: readonly TrainingItem[], most: number): readonly TrainingItem[] {
  return items.length <= most
    ? items
    : createRng(0)
        .fork('baselines')
        .shuffle([...items])
        .slice(0, most);
}
