/** Open answers beside what people answered: every way of comparing them side by side, as papers differ in it. */
import { bootstrapInterval, cosineSimilarities } from '@pengi/metrics';
import { bestIndex } from '../ranking.js';
import type { AnswerVote, EvaluationItem } from '../runner/evaluation.js';
import type { Scored } from './result.js';

/** Whether a generated text gives an annotator's answer. */
type Matcher = (text: string, answer: string) => boolean;

const MATCHERS: Readonly<Record<string, Matcher>> = {
  exact: (text, answer) => text.trim() === answer.trim(),
  normalised: (text, answer) => normalised(text) === normalised(answer),
  contains: (text, answer) => ` ${normalised(text)} `.includes(` ${normalised(answer)} `),
};

/** From the verdicts on an item's answers to its score. */
const VOTES: Readonly<Record<AnswerVote, (verdicts: readonly boolean[]) => number>> = {
  each: (verdicts: readonly boolean[]) => verdicts.filter(Boolean).length / verdicts.length,
  any: (verdicts: readonly boolean[]) => (verdicts.some(Boolean) ? 1 : 0),
  majority: (verdicts: readonly boolean[]) => (2 * verdicts.filter(Boolean).length > verdicts.length ? 1 : 0),
  unanimous: (verdicts: readonly boolean[]) => (verdicts.every(Boolean) ? 1 : 0),
};

/** Without case, signs, articles and spare blanks, as VQA's evaluation has it. */
export function normalised(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s]/gu, ' ')
    .replace(/\b(?:a|an|the)\b/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

/**
 * The reported accuracy is of the matcher "exact": the text is an annotator's answer to the letter (the paper: "directly matches the
 * human response").
 * @param embeddingOf by text; undefined for a model without a text encoder: then that matcher is missing
 * @param reported of the votes; all are among the metrics
 */
export function scoreQuestions(
  items: readonly EvaluationItem[],
  answers: readonly string[],
  embeddingOf?: (text: string) => Float32Array | undefined,
  reported: AnswerVote = 'each',
): Scored {
  const nearest = embeddingOf && nearestAnswer(items, embeddingOf);
  const matchers: Readonly<Record<string, Matcher>> = {
    ...MATCHERS,
    ...(nearest && { textEncoder: (text: string, answer: string) => nearest(text) === normalised(answer) }),
  };
  const metrics: Record<string, number> = {};
  let own: number[] = [];
  for (const [matcher, matches] of Object.entries(matchers)) {
    const verdicts = items.map(({ references = [] }, i) =>
      references.map((reference) => matches(answers[i] as string, reference)),
    );
    for (const [vote, score] of Object.entries(VOTES)) {
      const scores = verdicts.map(score);
      if (matcher === 'exact' && vote === reported) own = scores;
      metrics[`${matcher}, ${vote}`] = average(scores);
    }
  }
  const value = average(own);
  return {
    value,
    metrics: { accuracy: value, ...metrics },
    interval: bootstrapInterval(own, average, { seed: 0, samples: 1000 }),
    ...(!nearest && { notComputed: { textEncoder: 'the model has no text encoder' } }),
    items: items.map(({ id, audio, prompt, references = [] }, i) => ({
      id,
      audio,
      expected: [...new Set(references)],
      answer: prompt === undefined ? (answers[i] as string) : `${prompt} → ${answers[i]}`,
      prediction: answers[i] as string,
      score: own[i] as number,
    })),
    unread: answers.filter((answer) => answer.trim() === '').length,
  };
}

/** The one of all answers of the task, normalised, that a text is most similar to. */
function nearestAnswer(
  items: readonly EvaluationItem[],
  embeddingOf: (text: string) => Float32Array | undefined,
): (text: string) => string | undefined {
  const vocabulary = [...new Set(items.flatMap(({ references = [] }) => references))];
  const known = vocabulary.flatMap((answer) => {
    const embedding = embeddingOf(answer);
    return embedding ? [{ answer: normalised(answer), embedding }] : [];
  });
  const found = new Map<string, string | undefined>();
  return (text) => {
    if (!found.has(text)) {
      const embedding = embeddingOf(text);
      const [cosines] = embedding
        ? cosineSimilarities(
            [embedding],
            known.map((one) => one.embedding),
          )
        : [];
      found.set(text, cosines && known[bestIndex([...cosines])]?.answer);
    }
    return found.get(text);
  };
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
