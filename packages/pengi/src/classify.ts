/** Close-ended tasks (section 4.2 of the paper): choosing among labels, by either of its two methods. */
import { type AudioInput, type ClipTokenizer, cosines } from '@pengi/clap';
import { isPengiError, PengiError, printable } from '@pengi/core';
import { PROMPTS } from '@pengi/datasets/templates';
import { tokensAfterPrefix } from './config.js';
import type { AudioOptions, Hear } from './hear.js';
import type { Pengi } from './pengi.js';
import { stopTokenOf } from './tokenizer.js';

export interface ClassifyOptions {
  /**
   * "textMatching", the paper's way: the answer to the prompt is compared with each label in the text encoder's space;
   * scores are cosines. "logLikelihood": how probable the language model finds each label as the answer; scores are
   * log-probabilities in nats. Default: the first where there is a text encoder.
   */
  method?: 'textMatching' | 'logLikelihood';
  /** Default "generate metadata", which the paper found best for closed tasks (appendix C, Table 11). */
  prompt?: string;
  /** The text of a label, which takes the place of `{}`; default `{}`. */
  template?: string;
  /** Log-likelihoods: of the whole text with its end ("sum", a probability), or per token ("mean"); default "sum". */
  length?: 'sum' | 'mean';
  /** How files are read and cropped. */
  audio?: AudioOptions;
}

export interface LabelScores {
  /** The best first. */
  labels: { label: string; score: number }[];
  /** The model's own answer, for text matching. */
  answer?: string;
  /** What the caller should know, such as a prompt that was cut. */
  warnings: string[];
}

/** See `Pengi.classify`. */
export async function classify(
  pengi: Pengi,
  hear: Hear,
  inputs: readonly AudioInput[],
  labels: readonly string[],
  options: ClassifyOptions = {},
): Promise<LabelScores[]> {
  const { method = pengi.textEncoder ? 'textMatching' : 'logLikelihood', template = '{}' } = options;
  if (labels.length === 0) throw new PengiError('E_USAGE', 'no labels to choose from');
  const empty = labels.findIndex((label) => label.trim() === '');
  if (empty >= 0) throw new PengiError('E_USAGE', `label ${empty + 1} is empty`);
  if (!template.includes('{}'))
    throw new PengiError('E_USAGE', `the template "${printable(template, 40)}" has no place for the label`, {
      hint: 'write {} where it belongs',
    });
  const texts = labels.map((label) => template.replaceAll('{}', () => label)); // as text, which may hold a $
  const choice = { inputs, labels, texts, prompt: options.prompt ?? PROMPTS.metadata, audio: options.audio };
  return method === 'textMatching'
    ? byTextMatching(pengi, choice)
    : byLogLikelihood(pengi, hear, choice, options.length ?? 'sum');
}

interface Choice {
  inputs: readonly AudioInput[];
  labels: readonly string[];
  /** The labels in the template. */
  texts: readonly string[];
  prompt: string;
  audio: AudioOptions | undefined;
}

async function byTextMatching(
  pengi: Pengi,
  { inputs, labels, texts, prompt, audio }: Choice,
): Promise<LabelScores[]> {
  const cut: string[] = [];
  const labelEmbeddings = await pengi.embedText(texts, { warn: (message) => cut.push(message) });
  const answers = await pengi.generate(inputs, { prompt, ...(audio && { audio }) });
  const known = answers.map(({ text }) => knownPart(pengi.textEncoder!.tokenizer, text));
  const answerEmbeddings = await pengi.embedText(known.map(({ text }) => text));
  const { data: scores } = cosines(answerEmbeddings, labelEmbeddings); // [N, labels]
  return answers.map(({ text, warnings }, i) => ({
    labels: ranked(labels, scores.subarray(i * labels.length, (i + 1) * labels.length)),
    answer: text,
    warnings: [...warnings, ...known[i]!.warnings, ...cut],
  }));
}

/**
 * The part of an answer that the text encoder can read. Only a small vocabulary lacks words, and its language model may
 * still put the pieces it knows together to new ones.
 */
function knownPart(tokenizer: ClipTokenizer, answer: string): { text: string; warnings: string[] } {
  if (knows(tokenizer, answer)) return { text: answer, warnings: [] };
  const words = answer.split(/\s+/);
  const unknown = words.filter((word) => !knows(tokenizer, word));
  const names = unknown.map((word) => `"${printable(word, 40)}"`).join(', ');
  return {
    text: words.filter((word) => !unknown.includes(word)).join(' '),
    warnings: [`the text encoder does not know ${names} of the answer, which it is compared without`],
  };
}

function knows(tokenizer: ClipTokenizer, text: string): boolean {
  try {
    tokenizer.encode(text);
    return true;
  } catch (error) {
    if (isPengiError(error) && error.code === 'E_TEXT') return false;
    throw error;
  }
}

async function byLogLikelihood(
  pengi: Pengi,
  hear: Hear,
  { inputs, labels, texts, prompt, audio }: Choice,
  length: 'sum' | 'mean',
): Promise<LabelScores[]> {
  const candidates = texts.map((text) => [...pengi.tokenizer.encode(text), stopTokenOf(pengi.config)]);
  const most = tokensAfterPrefix(pengi.config);
  const long = candidates.findIndex((tokens) => tokens.length > most);
  if (long >= 0)
    throw new PengiError(
      'E_TEXT',
      `label ${long + 1} has ${candidates[long]!.length} tokens with its end, at most ${most} fit after the prefix`,
    );
  const results: LabelScores[] = [];
  for (const input of inputs) {
    const heard = await hear([input], audio);
    const { prefixes, warnings } = await pengi.prefixes(heard.embeddings, [prompt]);
    const scores = (await pengi.gpt2.score(prefixes[0]!, candidates)).map((logProbs) => {
      const sum = logProbs.reduce((a, b) => a + b, 0);
      return length === 'sum' ? sum : sum / logProbs.length;
    });
    results.push({ labels: ranked(labels, scores), warnings: [...heard.warnings[0]!, ...warnings[0]!] });
  }
  return results;
}

function ranked(labels: readonly string[], scores: ArrayLike<number>): { label: string; score: number }[] {
  return labels.map((label, i) => ({ label, score: scores[i]! })).sort((a, b) => b.score - a.score);
}
