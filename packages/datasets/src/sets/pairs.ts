import { inWords, PROMPTS, questionPrompt, TARGETS } from '../templates.js';
import type { DataSetId } from './index.js';
import type { Item } from './item.js';
import type { WAVCAPS_BLACKLISTS } from './wavcaps.js';

/** What a model is trained on: a recording (or a part of it) and a prompt in, a text out. */
export interface Pair {
  /** The item's id, with "#" and a number where an item makes several pairs. */
  readonly id: string;
  readonly audio: string;
  readonly prompt: string;
  readonly target: string;
  /** Seconds. */
  readonly start?: number;
  readonly end?: number;
  /** The item's. */
  readonly sources?: readonly string[];
}

export interface PairOptions {
  /** The sentiment of a real score; by default positive above 0, negative below, neutral at 0. */
  readonly sentiment?: (score: number) => string;
  /** Items on one of these lists make no pairs. All but "all_ac" by default, which is a superset made for captioning. */
  readonly blacklists?: readonly (typeof WAVCAPS_BLACKLISTS)[number][];
}

export interface Pairs {
  readonly pairs: Pair[];
  /** Items that made no pair, by reason. */
  readonly leftOut: Readonly<Record<'no target' | 'blacklisted', number>>;
}

type Template = (
  item: Item,
  options: Required<PairOptions>,
) => readonly (readonly [prompt: string, target: string])[];

interface TrainingSet {
  /** The splits that the paper trains on. */
  readonly splits: readonly string[];
  readonly template: Template;
}

const captions =
  (prompt: string): Template =>
  ({ captions = [] }) =>
    captions.map((caption) => [prompt, caption]);

const labels =
  (prompt: string, except: readonly string[] = []): Template =>
  ({ labels = [] }) => {
    const told = labels.filter((label) => !except.includes(label)).map(inWords);
    return told.length === 0 ? [] : [[prompt, TARGETS.events(told)]];
  };

const sentiments: Template = ({ sentiment }, options) => {
  if (sentiment === undefined) return [];
  return [[PROMPTS.sentiment, typeof sentiment === 'number' ? options.sentiment(sentiment) : sentiment]];
};

const metadata = captions(PROMPTS.metadata);

/**
 * The paper's training sets with their templates (Table 1). Where the paper is cut or silent:
 * - AudioSet's captions are not public; its labels are listed. Class names are put in words, in lower case (`inWords`).
 * - NSynth's target goes on after the pitch with "velocity 75" and the qualities, which the paper evaluates.
 * - MELD makes two pairs, emotion and sentiment. MSP-Podcast leaves out what its annotators called other or did not agree on.
 * - FMA: the main genre; the language in English; the track's tags as in Fig. 4. Tracks without a genre make no pair.
 * - ClothoAQA: every annotator's answer is a pair, as every row of its table.
 */
export const TRAINING_SETS = {
  audioset: { splits: ['balanced_train', 'unbalanced_train'], template: labels(PROMPTS.events) },
  fsd50k: { splits: ['train'], template: labels(PROMPTS.events) },
  cochlscene: { splits: ['Train'], template: labels(PROMPTS.scene) },
  'msp-podcast': { splits: ['Train'], template: labels(PROMPTS.emotion, ['other', 'no agreement']) },
  'cmu-mosi': { splits: ['train'], template: sentiments },
  'cmu-mosei': { splits: ['train'], template: sentiments },
  meld: {
    splits: ['train'],
    template: (item, options) => [...labels(PROMPTS.emotion)(item, options), ...sentiments(item, options)],
  },
  nsynth: {
    splits: ['train'],
    template: ({ note }) => {
      if (note === undefined) return [];
      const more = [`velocity ${note.velocity}`, ...note.qualities.map(inWords)];
      return [[PROMPTS.note, TARGETS.note({ instrument: inWords(note.family), pitch: note.pitch, more })]];
    },
  },
  fma: {
    splits: ['training'],
    template: ({ music }) => {
      const genre = music?.genres[0];
      if (music === undefined || genre === undefined) return [];
      const language = music.language && languageName(music.language);
      return [
        [
          PROMPTS.music,
          TARGETS.music({ genre: genre.toLowerCase(), tags: music.tags, ...(language && { language }) }),
        ],
      ];
    },
  },
  audiocaps: { splits: ['train'], template: captions(PROMPTS.caption) },
  clotho: { splits: ['development'], template: captions(PROMPTS.caption) },
  clothoaqa: {
    splits: ['train'],
    template: ({ question = '', answers = [] }) =>
      answers.map((answer) => [questionPrompt(question), answer]),
  },
  wavtext5k: { splits: ['all'], template: metadata },
  sounddescs: { splits: ['train'], template: metadata },
  macs: { splits: ['all'], template: metadata },
  wavcaps: {
    splits: ['AudioSet_SL', 'BBC_Sound_Effects', 'FreeSound', 'SoundBible'],
    template: metadata,
  },
  freesound: { splits: ['all'], template: metadata },
  findsound: { splits: ['all'], template: metadata },
} as const satisfies Partial<Record<DataSetId, TrainingSet>>;

export type TrainingSetId = keyof typeof TRAINING_SETS;

/** The pairs of a training set's items, in their order. Nothing is drawn by chance. */
export function trainingPairs(set: TrainingSetId, items: readonly Item[], options: PairOptions = {}): Pairs {
  const { template }: TrainingSet = TRAINING_SETS[set];
  return pairsOf(items, template, options);
}

/**
 * Pairs of labels for sets without a template: every prompt is asked about every item that has a label.
 * @param wording labels in other words than the set's own; the others are put in words by `inWords`
 */
export function labelPairs(
  items: readonly Item[],
  prompts: readonly string[],
  { wording = {}, ...options }: PairOptions & { readonly wording?: Readonly<Record<string, string>> } = {},
): Pairs {
  const worded = (label: string) =>
    Object.hasOwn(wording, label) ? (wording[label] as string) : inWords(label);
  const template: Template = ({ labels = [] }) =>
    labels.length === 0 ? [] : prompts.map((prompt) => [prompt, TARGETS.events(labels.map(worded))]);
  return pairsOf(items, template, options);
}

function pairsOf(items: readonly Item[], template: Template, options: PairOptions): Pairs {
  const choices = {
    sentiment: sentimentName,
    blacklists: ['test_ac', 'ub8k_esc50_vggsound'],
    ...options,
  } satisfies Required<PairOptions>;
  const pairs: Pair[] = [];
  const leftOut = { 'no target': 0, blacklisted: 0 };
  for (const item of items) {
    if (choices.blacklists.some((list) => item.blacklists?.includes(list))) {
      leftOut.blacklisted++;
      continue;
    }
    const texts = template(item, choices);
    if (texts.length === 0) leftOut['no target']++;
    const { id, audio, start, end, sources } = item;
    const part = {
      ...(start !== undefined && { start }),
      ...(end !== undefined && { end }),
      ...(sources && { sources }),
    };
    for (const [n, [prompt, target]] of texts.entries())
      pairs.push({ id: texts.length > 1 ? `${id}#${n + 1}` : id, audio, prompt, target, ...part });
  }
  return { pairs, leftOut };
}

export function sentimentName(score: number): string {
  if (score === 0) return 'neutral';
  return score > 0 ? 'positive' : 'negative';
}

/** "en" is "english", as Fig. 4 spells it; a code that is none stays. */
function languageName(code: string): string {
  try {
    return (new Intl.DisplayNames('en', { type: 'language' }).of(code) ?? code).toLowerCase();
  } catch {
    return code;
  }
}
