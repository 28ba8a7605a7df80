/** Captions that look for their recording, and recordings that look for their captions. */
import { bootstrapInterval, cosineSimilarities, retrieve, retrieveAny } from '@pengi/metrics';
import { bestIndex } from '../ranking.js';
import type { EvaluationItem } from '../runner/evaluation.js';
import type { Scored } from './result.js';

/** As far as recall curves go. */
const CURVE = 50;

/**
 * @param recordings [items, E]: embeddings of the recordings, or of what was generated about them; null where there is nothing
 * @param captionOf the embedding of a caption
 * @param generated shown as the recordings' answers
 */
export function scoreRetrieval(
  kind: 'text-to-audio' | 'audio-to-text',
  items: readonly EvaluationItem[],
  recordings: readonly (Float32Array | null)[],
  captionOf: (caption: string) => Float32Array | null,
  generated?: readonly string[],
): Scored {
  const captions = items.flatMap(({ references = [] }, item) => references.map((text) => ({ text, item })));
  const width = recordings.find((one) => one !== null)?.length ?? 0;
  const orNothing = (vector: Float32Array | null) => vector ?? new Float32Array(width);
  const texts = captions.map(({ text }) => orNothing(captionOf(text)));
  const audios = recordings.map(orNothing);

  if (kind === 'text-to-audio') {
    const table = cosineSimilarities(texts, audios);
    const answers = captions.map(({ item }) => item);
    const { ranks, ...stable } = retrieve(table, answers);
    const pessimistic = retrieve(table, answers, 'pessimistic');
    const ranksOf = items.map((_, item) => ranks.filter((_, query) => captions[query]!.item === item));
    return {
      ...common(stable, pessimistic.recallAt1),
      // A clip's captions are about the same recording: they are drawn together.
      interval: bootstrapInterval(ranksOf, (sample) => shareOf(sample.flat(), 1), { seed: 0, samples: 1000 }),
      items: items.map(({ id, audio, references = [] }, i) => ({
        id,
        audio,
        expected: references,
        answer: generated?.[i] ?? `ranks ${ranksOf[i]!.join(', ')}`,
        prediction: generated?.[i] ?? null,
        score: shareOf(ranksOf[i]!, 1),
      })),
      unread: recordings.filter((one) => one === null).length,
      recall: curve(ranks),
    };
  }
  const table = cosineSimilarities(audios, texts);
  let next = 0;
  const answers = items.map(({ references = [] }) => references.map(() => next++));
  const { ranks, relevantRanks: _all, ...stable } = retrieveAny(table, answers);
  const pessimistic = retrieveAny(table, answers, 'pessimistic');
  return {
    ...common(stable, pessimistic.recallAt1),
    interval: bootstrapInterval(ranks, (sample) => shareOf(sample, 1), { seed: 0, samples: 1000 }),
    items: items.map(({ id, audio, references = [] }, i) => ({
      id,
      audio,
      expected: references,
      answer: generated?.[i] ?? captions[bestIndex([...table[i]!])]!.text,
      prediction: captions[bestIndex([...table[i]!])]!.text,
      score: shareOf([ranks[i]!], 1),
    })),
    unread: recordings.filter((one) => one === null).length,
    recall: curve(ranks),
  };
}

/** Names as elsewhere; recall at 1 with ties against us is beside it, since equal captions are common. */
function common(summary: Readonly<Record<string, unknown>>, pessimistic: number) {
  const { recallAt1, recallAt5, recallAt10, ...others } = summary as Record<string, number>;
  const metrics = {
    'recall@1': recallAt1 as number,
    'recall@5': recallAt5 as number,
    'recall@10': recallAt10 as number,
    'recall@1, ties last': pessimistic,
    ...others,
  };
  return { value: recallAt1 as number, metrics };
}

function curve(ranks: readonly number[]): number[] {
  return Array.from({ length: CURVE }, (_, k) => shareOf(ranks, k + 1));
}

function shareOf(ranks: readonly number[], k: number): number {
  return ranks.filter((rank) => rank <= k).length / ranks.length;
}
