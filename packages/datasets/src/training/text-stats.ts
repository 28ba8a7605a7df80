import { countsOf } from '../sets/stats.js';
import type { ExampleText } from './source.js';

/** What is said of recordings. Counts are by name, the largest first. */
export interface TextStats {
  readonly texts: number;
  readonly distinct: number;
  /** By how a question begins: "question: …" is one. */
  readonly prompts: Readonly<Record<string, number>>;
  readonly targets: Readonly<Record<string, number>>;
  /** In lower case, without punctuation. */
  readonly words: Readonly<Record<string, number>>;
  /** Words of each target, in order. */
  readonly lengths: readonly number[];
}

export function textStats(texts: readonly Pick<ExampleText, 'prompt' | 'target'>[]): TextStats {
  const targets = texts.map(({ target }) => target);
  const words = targets.map(wordsOf);
  return {
    texts: texts.length,
    distinct: new Set(targets).size,
    prompts: countsOf(texts.map(({ prompt }) => prompt.replace(/^question: .*$/s, 'question: …'))),
    targets: countsOf(targets),
    words: countsOf(words.flat()),
    lengths: words.map(({ length }) => length),
  };
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu) ?? [];
}
