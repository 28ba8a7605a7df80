/** Which of two scores of one name is better. */
import type { EvaluationLine } from './log.js';

/** Whether smaller is better, by the name: losses, errors, perplexities and distances. */
export function smallerIsBetter(name: string): boolean {
  return /(?:loss|error|perplexity|distance|rate of errors|\bwer\b|\bmae\b|\bmse\b)$/i.test(name);
}

export interface BestScore {
  step: number;
  value: number;
}

/** The best value of a name and the first step that had it; undefined where no evaluation has a number for it. */
export function bestOf(
  evaluations: readonly Pick<EvaluationLine, 'step' | 'values'>[],
  name: string,
): BestScore | undefined {
  const sign = smallerIsBetter(name) ? -1 : 1;
  let best: BestScore | undefined;
  for (const { step, values } of evaluations) {
    const value = values[name];
    if (typeof value !== 'number' || !Number.isFinite(value)) continue;
    if (!best || sign * value > sign * best.value) best = { step, value };
  }
  return best;
}
