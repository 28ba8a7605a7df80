import { PengiError } from '@pengi/core';
import { bleuOf } from './bleu.js';
import { ciderDOf } from './cider.js';
import { ngramCounter } from './ngrams.js';
import { refuseClips } from './refuse.js';
import { type CaptionScores, rougeL } from './rouge.js';
import { type Tokens, tokenizeCaptions } from './tokens.js';

/** The scores of captions by the names that aac-metrics gives them. */
export const CAPTION_METRICS = [
  'bleu_1',
  'bleu_2',
  'bleu_3',
  'bleu_4',
  'meteor',
  'rouge_l',
  'cider_d',
  'spice',
  'spider',
] as const;
export type CaptionMetric = (typeof CAPTION_METRICS)[number];

/** Computes what is not computed in JavaScript; `@pengi/metrics/java` has one. Captions are tokenized. */
export interface ExternalScorer {
  meteor(candidates: readonly Tokens[], references: readonly (readonly Tokens[])[]): Promise<ExternalScores>;
  spice(candidates: readonly Tokens[], references: readonly (readonly Tokens[])[]): Promise<ExternalScores>;
}

/** Scores, or why there are none, such as `no Java`. */
export type ExternalScores = CaptionScores | { readonly missing: string };

export interface EvaluateOptions {
  /** Default: all of them. */
  readonly metrics?: readonly CaptionMetric[];
  /** For METEOR, SPICE and SPIDEr; without it these are not computed. */
  readonly external?: ExternalScorer;
}

export interface Evaluation {
  /** Of the whole corpus. A score that could not be computed is not in here: it is in `notComputed`, and never 0. */
  readonly corpus: Partial<Record<CaptionMetric, number>>;
  /** Of each clip, in the order of the candidates. */
  readonly sentences: Partial<Record<CaptionMetric, readonly number[]>>;
  /** The reason for each score that was asked for and is missing. */
  readonly notComputed: Partial<Record<CaptionMetric, string>>;
}

/**
 * Scores one caption per clip against all of the clip's references, tokenized as coco-caption does: candidates in one run, references in
 * another. Mirrors aac-metrics' `evaluate(candidates, mult_references)`.
 * @throws PengiError E_SHAPE, E_DATA; E_USAGE for a metric that is not known; what the external scorer throws
 */
export async function evaluate(
  candidates: readonly string[],
  multReferences: readonly (readonly string[])[],
  { metrics = CAPTION_METRICS, external }: EvaluateOptions = {},
): Promise<Evaluation> {
  refuseClips(candidates, multReferences);
  const unknown = metrics.find((name) => !CAPTION_METRICS.includes(name));
  if (unknown !== undefined)
    throw new PengiError('E_USAGE', `"${unknown}" is no metric of captions`, {
      hint: `known are ${CAPTION_METRICS.join(', ')}`,
    });
  const texts = tokenizeCaptions(candidates);
  const flat = tokenizeCaptions(multReferences.flat());
  let next = 0;
  const references = multReferences.map(({ length }) => {
    next += length;
    return flat.slice(next - length, next);
  });

  const wants = (...names: CaptionMetric[]) => names.some((name) => metrics.includes(name));
  const found: Partial<Record<CaptionMetric, ExternalScores>> = {};
  if (wants('bleu_1', 'bleu_2', 'bleu_3', 'bleu_4', 'cider_d', 'spider')) {
    const count = ngramCounter();
    const counted = texts.map(count);
    const countedReferences = references.map((captions) => captions.map(count));
    const { corpus, sentences } = bleuOf(counted, countedReferences);
    corpus.forEach((value, n) => {
      found[CAPTION_METRICS[n]!] = { corpus: value, sentences: sentences[n]! };
    });
    if (wants('cider_d', 'spider')) found.cider_d = ciderDOf(counted, countedReferences);
  }
  if (wants('rouge_l')) found.rouge_l = rougeL(texts, references);
  if (wants('meteor')) found.meteor = external ? await external.meteor(texts, references) : NO_SCORER;
  if (wants('spice', 'spider')) found.spice = external ? await external.spice(texts, references) : NO_SCORER;
  if (wants('spider')) found.spider = spider(found.cider_d!, found.spice!);

  const result = { corpus: {}, sentences: {}, notComputed: {} } as Required<Evaluation>;
  for (const name of metrics) {
    const scores = found[name]!;
    if ('missing' in scores) Object.assign(result.notComputed, { [name]: scores.missing });
    else {
      Object.assign(result.corpus, { [name]: scores.corpus });
      Object.assign(result.sentences, { [name]: scores.sentences });
    }
  }
  return result;
}

const NO_SCORER: ExternalScores = { missing: 'no Java' };

/** SPIDEr (Liu et al. 2017), the mean of CIDEr-D and SPICE; without one of them there is none. */
function spider(cider: ExternalScores, spice: ExternalScores): ExternalScores {
  if ('missing' in cider) return cider;
  if ('missing' in spice) return spice;
  return {
    corpus: (cider.corpus + spice.corpus) / 2,
    sentences: cider.sentences.map((value, i) => (value + spice.sentences[i]!) / 2),
  };
}
