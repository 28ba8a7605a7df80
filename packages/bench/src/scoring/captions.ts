import { bootstrapInterval, type ExternalScorer, evaluate } from '@pengi/metrics';
import type { EvaluationItem } from '../runner/evaluation.js';
import type { Scored } from './result.js';

/**
 * @param metric the reported one, such as "spider"
 * @param external computes METEOR, SPICE and with it SPIDEr, which need Java; without it they are missing, and never 0
 */
export async function scoreCaptions(
  metric: string,
  items: readonly EvaluationItem[],
  captions: readonly string[],
  external: ExternalScorer | undefined,
): Promise<Scored> {
  const references = items.map((item) => item.references ?? []);
  const { corpus, sentences, notComputed } = await evaluate(captions, references, {
    ...(external && { external }),
  });
  const value = (corpus as Readonly<Record<string, number>>)[metric] ?? null;
  // Where the reported score is missing, items are compared by the best of those that are there.
  const own = (sentences as Readonly<Record<string, readonly number[]>>)[metric] ?? sentences.cider_d ?? [];
  return {
    value,
    metrics: corpus as Readonly<Record<string, number>>,
    ...(Object.keys(notComputed).length > 0 && { notComputed: notComputed as Record<string, string> }),
    // Items are drawn with the scores that they have in the whole corpus.
    ...(value !== null && { interval: bootstrapInterval(own, average, { seed: 0, samples: 1000 }) }),
    items: items.map(({ id, audio, references: expected = [] }, i) => ({
      id,
      audio,
      expected,
      answer: captions[i] as string,
      prediction: captions[i] as string,
      score: own[i] ?? 0,
    })),
    unread: captions.filter((caption) => caption.trim() === '').length,
  };
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
