/** From prefixes of the language model to answers. */
import { floats, type NdArray, PengiError } from '@pengi/core';
import type { Generation, Gpt2, GenerateOptions as Gpt2Options, TextSoFar, Tokenizer } from '@pengi/gpt2';

/** How an answer is searched for, or drawn. */
export interface DecodingOptions extends Omit<Gpt2Options, 'stopToken' | 'onText'> {
  /** Is told of the answers as they grow. What it throws ends the call. */
  onText?: ((answer: AnswerSoFar) => void) | undefined;
}

/** The best answer so far. A beam search can change its mind, as long as it is not done. */
export interface AnswerSoFar {
  /** Which of the inputs it is about. */
  index: number;
  text: string;
  /** Whether this is the final text. Told once for each input, as soon as it is known: others may take longer. */
  done: boolean;
}

export interface GeneratedText {
  /** Without what it goes on from, and without blanks around it. */
  text: string;
  /** Mean log-probability of its tokens, in nats. */
  score: number;
  /** Whether the text ended by itself within the limit. */
  finished: boolean;
}

export interface Answer extends GeneratedText {
  /** The other beams or samples, best first. */
  alternatives: GeneratedText[];
  /** What the caller should know, such as a prompt that was cut or a damaged file. */
  warnings: string[];
}

/** Recordings that are decoded together. */
const BATCH = 4;

/** Results of a few inputs at a time. `answer` is told where its inputs start, and how many rows to decode. */
export async function inBatches<Input, Result>(
  inputs: readonly Input[],
  answer: (batch: readonly Input[], from: number, rows: number) => Promise<Result[]>,
): Promise<Result[]> {
  const results: Result[] = [];
  // A last batch that is not full is filled up: another size would be compiled anew.
  const rows = Math.min(inputs.length, BATCH);
  for (let from = 0; from < inputs.length; from += BATCH)
    results.push(...(await answer(inputs.slice(from, from + BATCH), from, rows)));
  return results;
}

/** Texts that continue each prefix, decoded as if there were `rows` prefixes. */
export async function generateRows(
  gpt2: Gpt2,
  prefixes: readonly NdArray[],
  rows: number,
  options: Gpt2Options,
): Promise<Generation[][]> {
  const filled = Array.from({ length: rows }, (_, i) => prefixes[i] ?? prefixes[0]!);
  return (await gpt2.generate(filled, options)).slice(0, prefixes.length);
}

/**
 * Tells the answers to inputs `from` to `from + count` of texts of token ids. Those of rows that fill a batch up are not told.
 */
export function textListener(
  onText: DecodingOptions['onText'],
  tokenizer: Tokenizer,
  { stopToken, from, count }: { stopToken: number; from: number; count: number },
  textOf: (text: string) => string = (text) => text.trim(),
): ((text: TextSoFar) => void) | undefined {
  if (!onText) return undefined;
  return ({ prefix, ids, done }) => {
    if (prefix >= count) return;
    const said = ids.at(-1) === stopToken ? ids.slice(0, -1) : ids;
    const text = tokenizer.decode(said, { cleanUp: true });
    // A character of several tokens shows once it is whole.
    onText({ index: from + prefix, text: textOf(done ? text : text.replace(/\ufffd+$/, '')), done });
  };
}

/**
 * What was generated after one prefix, as texts.
 * @param trim whether end markers and blanks around the texts are taken away; default true
 */
export function answerOf(
  generations: readonly Generation[],
  tokenizer: Tokenizer,
  warnings: readonly string[],
  { trim = true }: { trim?: boolean } = {},
): Answer {
  const textOf = ({ ids, stopped }: Generation) =>
    trim
      ? tokenizer.decode(stopped ? ids.slice(0, -1) : ids, { cleanUp: true }).trim()
      : tokenizer.decode(ids, { cleanUp: true });
  const [best, ...alternatives] = generations.map(
    (found): GeneratedText => ({ text: textOf(found), score: found.score, finished: found.stopped }),
  );
  return { ...best!, alternatives, warnings: [...warnings] };
}

/** msclap's limit of a caption. */
const MAX_TOKENS = 67;

/**
 * How many tokens an answer has at most.
 * @param room how many fit after the prefix
 * @throws PengiError E_USAGE when more are wanted
 */
export function tokenLimit(room: number, wanted: number | undefined): number {
  if (wanted !== undefined && wanted > room)
    throw new PengiError(
      'E_USAGE',
      `maxTokens is ${wanted}, but at most ${room} tokens fit after the prefix`,
    );
  return wanted ?? Math.min(MAX_TOKENS, room);
}

/** Row i of [N, …]. */
export function row({ data, shape }: NdArray, i: number): NdArray<'float32'> {
  const size = data.length / shape[0]!;
  return floats((data as Float32Array).subarray(i * size, (i + 1) * size), shape.slice(1));
}

/** Vectors of `width` channels one after the other, [n, width]. */
export function joined(parts: readonly NdArray[], width: number): NdArray<'float32'> {
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return floats(data, [data.length / width, width]);
}
