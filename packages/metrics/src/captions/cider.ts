import { mean } from '../numbers.js';
import { type Grams, type Ngrams, ngramCounter, ORDERS, tableFor } from './ngrams.js';
import { refuseClips } from './refuse.js';
import type { CaptionScores } from './rouge.js';
import type { Tokens } from './tokens.js';

/** The width of the penalty for another length, in bigrams. */
const SIGMA = 6;

/**
 * CIDEr-D (Vedantam et al. 2015) as coco-caption computes it: the cosine of tf-idf vectors of n-grams, n = 1 … 4, clipped to the
 * reference, with a Gaussian penalty on the difference in length, times 10. Document frequencies are those of the references given
 * here, so a score belongs to its corpus, and one clip alone scores 0. "Length" is the number of bigrams, as in that code.
 * @throws PengiError E_SHAPE, E_DATA
 */
export function ciderD(
  candidates: readonly Tokens[],
  references: readonly (readonly Tokens[])[],
): CaptionScores {
  refuseClips(candidates, references);
  const count = ngramCounter();
  return ciderDOf(
    candidates.map(count),
    references.map((texts) => texts.map(count)),
  );
}

/** `ciderD` of counted captions. */
export function ciderDOf(
  candidates: readonly Ngrams[],
  references: readonly (readonly Ngrams[])[],
): CaptionScores {
  const everyone = [...candidates, ...references.flat()];
  const cosines = candidates.map((_, i) => new Float64Array(references[i]!.length));
  for (let n = 0; n < ORDERS; n++) {
    const rarity = inverseFrequencies(references, n, tableFor(everyone, n));
    addCosines(cosines, candidates, references, n, rarity);
  }
  const sentences = candidates.map((candidate, clip) => {
    const similarities = references[clip]!.map((reference, r) => {
      const bigrams = Math.max(0, candidate.length - 1) - Math.max(0, reference.length - 1);
      return (cosines[clip]![r]! / ORDERS) * Math.exp(-(bigrams ** 2) / (2 * SIGMA ** 2));
    });
    return 10 * mean(similarities);
  });
  return { corpus: mean(sentences), sentences };
}

/** By n-gram: log(clips / clips that have it), a clip having what one of its references has. */
function inverseFrequencies(
  references: readonly (readonly Ngrams[])[],
  n: number,
  clipsWith: Float64Array,
): Float64Array {
  const lastClip = new Int32Array(clipsWith.length).fill(-1);
  references.forEach((texts, clip) => {
    for (const { orders } of texts)
      for (const id of orders[n]!.ids) {
        if (lastClip[id] === clip) continue;
        lastClip[id] = clip;
        clipsWith[id]!++;
      }
  });
  const logClips = Math.log(references.length);
  return clipsWith.map((count) => logClips - Math.log(Math.max(1, count)));
}

/** Adds, for each clip and reference, the cosine of the tf-idf vectors of one order; the candidate's is clipped to the reference's. */
function addCosines(
  cosines: readonly Float64Array[],
  candidates: readonly Ngrams[],
  references: readonly (readonly Ngrams[])[],
  n: number,
  rarity: Float64Array,
): void {
  const weights = new Float64Array(rarity.length);
  const weigh = ({ ids, times }: Grams): number => {
    let squares = 0;
    for (let i = 0; i < ids.length; i++) squares += (times[i]! * rarity[ids[i]!]!) ** 2;
    return Math.sqrt(squares);
  };
  candidates.forEach(({ orders }, clip) => {
    const own = orders[n]!;
    const norm = weigh(own);
    own.ids.forEach((id, i) => {
      weights[id] = own.times[i]! * rarity[id]!;
    });
    references[clip]!.forEach((reference, r) => {
      const { ids, times } = reference.orders[n]!;
      let product = 0;
      for (let i = 0; i < ids.length; i++) {
        const theirs = times[i]! * rarity[ids[i]!]!;
        product += Math.min(weights[ids[i]!]!, theirs) * theirs;
      }
      const norms = norm * weigh(reference.orders[n]!);
      cosines[clip]![r]! += norms === 0 ? product : product / norms;
    });
    for (const id of own.ids) weights[id] = 0;
  });
}
