import type { AudioInput, EmbedAudioOptions } from '@pengi/clap';
import { PengiError } from '@pengi/core';
import { PROMPTS } from '@pengi/datasets';
import type { Pengi } from './pengi.js';

export interface ClassifyOptions {
  /**
   * "textMatching", the paper's way: the answer to the prompt is compared with each label in the text encoder's space.
   * "logLikelihood": how probable the language model finds each label as the answer.
   */
  method?: 'textMatching' | 'logLikelihood';
  /** Default "generate metadata", which the paper found best for closed tasks (Table 11). */
  prompt?: string;
  /** The text of a label, where `{}` stands for it; default `{}`. */
  template?: string;
  /** Log-likelihoods: of the whole text with its end ("sum", a probability), or per token ("mean"); default "sum". */
  length?: 'sum' | 'mean';
  audio?: EmbedAudioOptions;
}

export interface LabelScores {
  /** The best first. */
  labels: { label: string; score: number }[];
  /** The model's own answer, for text matching. */
  answer?: string;
  warnings: string[];
}

export async function classify(
  pengi: Pengi,
  stopToken: number,
  inputs: readonly AudioInput[],
  labels: readonly string[],
  options: ClassifyOptions = {},
): Promise<LabelScores[]> {
  const { method = pengi.textEncoder ? 'textMatching' : 'logLikelihood' } = options;
  if (labels.length === 0) throw new PengiError('E_USAGE', 'no labels to choose from');
  const empty = labels.findIndex((label) => label.trim() === '');
  if (empty >= 0) throw new PengiError('E_USAGE', `label ${empty + 1} is empty`);
  const { prompt = PROMPTS.metadata, template = '{}', audio } = options;
  const texts = labels.map((label) => template.replaceAll('{}', label));
  const settings = { prompt, ...(audio ? { audio } : {}) };
  return method === 'textMatching'
    ? byTextMatching(pengi, inputs, labels, texts, settings)
    : byLogLikelihood(pengi, stopToken, inputs, labels, texts, settings, options.length ?? 'sum');
}

interface Settings {
  prompt: string;
  audio?: EmbedAudioOptions;
}

async function byTextMatching(
  pengi: Pengi,
  inputs: readonly AudioInput[],
  labels: readonly string[],
  texts: readonly string[],
  settings: Settings,
): Promise<LabelScores[]> {
  const labelEmbeddings = await pengi.embedText(texts);
  const answers = await pengi.generate(inputs, settings);
  const answerEmbeddings = await pengi.embedText(answers.map(({ text }) => text));
  const E = labelEmbeddings.shape[1]!;
  return answers.map(({ text, warnings }, i) => {
    const scores = labels.map((_, j) => {
      let cosine = 0;
      for (let e = 0; e < E; e++)
        cosine += answerEmbeddings.data[i * E + e]! * labelEmbeddings.data[j * E + e]!;
      return cosine;
    });
    return { labels: ranked(labels, scores), answer: text, warnings };
  });
}

async function byLogLikelihood(
  pengi: Pengi,
  stopToken: number,
  inputs: readonly AudioInput[],
  labels: readonly string[],
  texts: readonly string[],
  { prompt, audio }: Settings,
  length: 'sum' | 'mean',
): Promise<LabelScores[]> {
  const tokens = texts.map((text) => [...pengi.tokenizer.encode(text), stopToken]);
  const results: LabelScores[] = [];
  for (const input of inputs) {
    const embedding = await pengi.embedAudio([input], audio);
    const { prefixes, warnings } = await pengi.prefixes(embedding, [prompt]);
    const scores = (await pengi.gpt2.score(prefixes[0]!, tokens)).map((logProbs) => {
      const sum = logProbs.reduce((a, b) => a + b, 0);
      return length === 'sum' ? sum : sum / logProbs.length;
    });
    results.push({ labels: ranked(labels, scores), warnings: warnings[0]! });
  }
  return results;
}

function ranked(labels: readonly string[], scores: readonly number[]): { label: string; score: number }[] {
  return labels.map((label, i) => ({ label, score: scores[i]! })).sort((a, b) => b.score - a.score);
}
