/** What Tables 4, 5 and 13 compare, as changes of a recipe for Pengi. */
import { PROMPTS } from '@pengi/datasets';
import type { TrainConfigInput } from '../train/config.js';
import type { Recipe } from './recipe.js';

type Change = (config: TrainConfigInput) => TrainConfigInput;

const FROZEN = ['caption_encoder.base', 'caption_decoder.gpt'];

/** Suffix of the name, what it is, and the change. */
const ABLATIONS: readonly (readonly [suffix: string, what: string, change: Change])[] = [
  [
    'frozen-audio',
    'the audio tower stays as it is (Table 13)',
    (config) => ({ ...config, frozen: ['audio_encoder.base', ...FROZEN] }),
  ],
  ['trained-audio', 'the audio tower learns (Table 13)', (config) => ({ ...config, frozen: FROZEN })],
  [
    'no-text-tower',
    'prompts are embedded by the language model and mapped as a sequence (Table 13)',
    (config) => ({
      ...model(config, { textTower: false }),
      frozen: (config.frozen ?? FROZEN).filter((path) => !path.startsWith('caption_encoder')),
    }),
  ],
  [
    'mlp-mappers',
    'multilayer perceptrons in place of transformers as mappers',
    (config) => model(config, { mappers: { kind: 'mlp' } }),
  ],
  ['mappers-1', 'mappers of one layer', (config) => layers(config, 1)],
  ['mappers-8', 'mappers of eight layers, as the YAML says', (config) => layers(config, 8)],
  [
    'captioning',
    `captioning alone: only examples of "${PROMPTS.caption}" (Table 4)`,
    (config) => only(config, CAPTIONING),
  ],
];

/**
 * The recipes of a base, named after it.
 * @param own suffixes of what the base is itself
 */
export function ablationsOf(base: Recipe, own: readonly string[]): Recipe[] {
  return ABLATIONS.filter(([suffix]) => !own.includes(suffix)).map(([suffix, what, change]) => ({
    name: `${base.name}-${suffix}`,
    task: base.task,
    summary: `${base.name}, but ${what}`,
    config: change(base.config),
  }));
}

const CAPTIONING = ['audiocaps', 'clotho'];

function only(config: TrainConfigInput, names: readonly string[]): TrainConfigInput {
  const kept = <T>(values: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name)));
  const { sources = {}, weights } = config.data;
  return {
    ...config,
    data: {
      ...config.data,
      sources: kept(sources),
      ...(typeof weights === 'object' && { weights: kept(weights) }),
    },
  };
}

function model(
  config: TrainConfigInput,
  changes: Pick<Exclude<TrainConfigInput['model'], string | undefined>, 'textTower' | 'mappers'>,
): TrainConfigInput {
  const { model: own = 'small' } = config;
  return { ...config, model: { ...(typeof own === 'string' ? { preset: own } : own), ...changes } };
}

function layers(config: TrainConfigInput, count: number): TrainConfigInput {
  return model(config, { mappers: { layers: count } });
}
