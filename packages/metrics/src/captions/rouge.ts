import { mean } from '../numbers.js';
import { refuseClips } from './refuse.js';
import type { Tokens } from './tokens.js';

export interface CaptionScores {
  readonly corpus: number;
  /** One for each clip. */
  readonly sentences: readonly number[];
}

/** How much more recall counts than precision. */
const BETA = 1.2;

/**
 * ROUGE-L (Lin 2004) as coco-caption computes it: the F-score of the largest precision and the largest recall of a longest common
 * subsequence, each over the references. An empty caption counts as one empty word, as there. The corpus's score is the mean.
 * @throws PengiError E_SHAPE, E_DATA
 */
export function rougeL(
  candidates: readonly Tokens[],
  references: readonly (readonly Tokens[])[],
): CaptionScores {
  refuseClips(candidates, references);
  const sentences = candidates.map((candidate, i) => clipScore(orEmptyWord(candidate), references[i]!));
  return { corpus: mean(sentences), sentences };
}

function clipScore(candidate: Tokens, references: readonly Tokens[]): number {
  let [precision, recall] = [0, 0];
  for (const reference of references.map(orEmptyWord)) {
    const common = commonLength(candidate, reference);
    precision = Math.max(precision, common / candidate.length);
    recall = Math.max(recall, common / reference.length);
  }
  if (precision === 0 || recall === 0) return 0;
  return ((1 + BETA ** 2) * precision * recall) / (recall + BETA ** 2 * precision);
}

function orEmptyWord(tokens: Tokens): Tokens {
  return tokens.length === 0 ? [''] : tokens;
}

/** The length of a longest common subsequence, one row of the table at a time. */
function commonLength(a: Tokens, b: Tokens): number {
  const row = new Uint32Array(b.length + 1);
  for (const word of a) {
    let diagonal = 0;
    for (let j = 1; j <= b.length; j++) {
      const above = row[j]!;
      row[j] = word === b[j - 1] ? diagonal + 1 : Math.max(above, row[j - 1]!);
      diagonal = above;
    }
  }
  return row[b.length]!;
}
