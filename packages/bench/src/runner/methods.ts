/** The ways of answering each kind of task, and what a model needs for them. */
import { PengiError, printable } from '@pengi/core';
import type { Predictor } from '../predictor.js';
import type { Evaluation, EvaluationItem, EvaluationKind } from './evaluation.js';
import type { Inquiry } from './inquiry.js';

/**
 * `textMatching`: the label whose text embedding is nearest to the generated text's (the paper's way, section 4.2).
 * `logLikelihood`: the label that the language model finds most probable as the answer.
 * `zeroShot`: the label whose text embedding is nearest to the recording's (CLAP).
 * `generation`: the generated text itself.
 * `captions`: retrieval by generated captions. `embeddings`: retrieval by embeddings of recordings (CLAP).
 */
export type Method = 'textMatching' | 'logLikelihood' | 'zeroShot' | 'generation' | 'captions' | 'embeddings';

interface MethodFacts {
  /** What is asked about every clip. */
  readonly inquiry: (labels: readonly string[]) => Inquiry;
  /** Whether texts are compared by the model's text encoder. */
  readonly embedsTexts: boolean;
}

export const METHODS: Readonly<Record<Method, MethodFacts>> = {
  textMatching: { inquiry: () => ({ method: 'generate' }), embedsTexts: true },
  logLikelihood: { inquiry: (labels) => ({ method: 'scoreLabels', labels }), embedsTexts: false },
  zeroShot: { inquiry: (labels) => ({ method: 'zeroShot', labels }), embedsTexts: false },
  generation: { inquiry: () => ({ method: 'generate' }), embedsTexts: false },
  captions: { inquiry: () => ({ method: 'generate' }), embedsTexts: true },
  embeddings: { inquiry: () => ({ method: 'embedAudio' }), embedsTexts: true },
};

const CLOSED: readonly Method[] = ['textMatching', 'logLikelihood', 'zeroShot'];

/** By kind, the reported one first where the model can do it. */
export const METHODS_OF: Readonly<Record<EvaluationKind, readonly Method[]>> = {
  'single-label': CLOSED,
  'multi-label': CLOSED,
  captioning: ['generation'],
  'question-answering': ['generation'],
  'text-to-audio': ['captions', 'embeddings'],
  'audio-to-text': ['captions', 'embeddings'],
};

/** What the model lacks for a method; nothing when it can do it. */
export function lackingFor(predictor: Predictor, method: Method): readonly string[] {
  const { inquiry, embedsTexts } = METHODS[method];
  const asked = inquiry([]).method;
  const zeroShotByParts = asked === 'zeroShot' && predictor.embedAudio && predictor.embedText;
  return [
    ...(predictor[asked] || zeroShotByParts ? [] : [asked]),
    ...(embedsTexts && !predictor.embedText ? ['embedText'] : []),
  ];
}

/**
 * The methods by which a model can answer a task, the reported one first.
 * @param wanted only this one
 * @throws PengiError E_USAGE that names the model, the task and what is lacking
 */
export function methodsFor(
  predictor: Predictor,
  { id, kind }: Pick<Evaluation, 'id' | 'kind'>,
  wanted?: Method,
): Method[] {
  const all = METHODS_OF[kind];
  const candidates = wanted !== undefined && all.includes(wanted) ? [wanted] : all;
  const possible = candidates.filter((method) => lackingFor(predictor, method).length === 0);
  if (possible.length > 0) return possible;
  const needs = candidates.map((method) => `${method} needs ${lackingFor(predictor, method).join(' and ')}`);
  throw new PengiError(
    'E_USAGE',
    `${printable(predictor.name)} cannot answer task ${printable(id)}: ${needs.join(', ')}`,
    {
      hint: 'choose other tasks with --tasks, or a model that can',
    },
  );
}

/** What an item is asked; questions are their own prompts, and recordings without a text prompt have none. */
export function promptOf(
  { prompt }: Pick<Evaluation, 'prompt'>,
  item: EvaluationItem,
  inquiry: Inquiry,
): string {
  return inquiry.method === 'zeroShot' || inquiry.method === 'embedAudio' ? '' : (item.prompt ?? prompt);
}
