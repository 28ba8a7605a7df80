/** Which model a config means. */
import { CLAP_PAPER, type ClapConfig } from '@pengi/clap';
import { validate } from '@pengi/core';
import { PROMPTS } from '@pengi/datasets';
import { PENGI_PAPER, type PengiConfig, pengiConfigSchema, smallConfigs } from 'pengi';
import type { RunConfig } from './config.js';
import type { TrainData } from './data.js';

/** Configs of models that start from scratch. */
export async function freshConfigs(
  { model }: RunConfig,
  data: TrainData,
): Promise<{ clap: ClapConfig; pengi: PengiConfig }> {
  const {
    preset,
    words = [],
    textTower = true,
    mappers = {},
    ...changes
  } = typeof model === 'string' ? { preset: model } : model;
  const base =
    preset === 'paper' ? { clap: CLAP_PAPER, pengi: PENGI_PAPER } : await smallFor(data, words, textTower);
  const { gpt2, audioMapper, promptMapper, textNorm, stopToken, ...towers } = changes as Partial<PengiConfig>;
  const { audioMapper: audio, promptMapper: prompt } = base.pengi;
  const pengi: PengiConfig = {
    ...base.pengi,
    text: textTower ? base.pengi.text : null,
    audioMapper: mapperAs(audio, mappers),
    promptMapper: textTower ? mapperAs(prompt, mappers) : sequenceMapper(mapperAs(prompt, mappers)),
  };
  return { clap: changed(base.clap, towers), pengi: changed(pengi, changes) };
}

type Mapper = PengiConfig['audioMapper'];

function mapperAs(mapper: Mapper, { kind = mapper.kind as 'transformer', layers }: Mappers): Mapper {
  if (mapper.kind !== 'transformer') return mapper;
  const { inputs, width, prefixLength } = mapper;
  // ClipCap's hidden layer has half the values of the prefix.
  if (kind === 'mlp') return { kind, inputs, hidden: (width * prefixLength) / 2, width, prefixLength };
  return { ...mapper, layers: layers ?? mapper.layers };
}

type Mappers = NonNullable<Exclude<RunConfig['model'], string>['mappers']>;

/** The mapper of a sequence of tokens, in place of one of an embedding. */
function sequenceMapper(mapper: Mapper): Mapper {
  if (mapper.kind !== 'transformer') return mapper;
  const { inputs: _, ...rest } = mapper;
  return { ...rest, kind: 'sequence' };
}

/** What data say. */
export interface DataTexts {
  readonly prompts: readonly string[];
  readonly answers: readonly string[];
}

/** What a text tower reads of them: prompts, and answers as they are and as CLAP is told them. */
export function towerTexts({ prompts, answers }: DataTexts): string[] {
  return [...prompts, ...answers, ...answers.map((target) => `${PROMPTS.events} ${target}`)];
}

/** Small models know the words of their data, and no others. */
async function smallFor(data: TrainData, words: readonly string[], textTower: boolean) {
  const texts = await data.texts();
  // Without a text tower, the language model reads the prompts.
  const read = textTower ? texts.answers : [...texts.answers, ...texts.prompts];
  return smallConfigs({ prompts: [...towerTexts(texts), ...words], answers: [...read, ...words] });
}

/** `base` with the changes of a config, at any depth; what is no object is replaced. */
function changed<T>(base: T, changes: Readonly<Record<string, unknown>>): T {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const own = base as Readonly<Record<string, unknown>>;
  const values = Object.entries(changes).map(([name, value]) => [
    name,
    isObject(value) && isObject(own[name]) ? changed(own[name], value) : value,
  ]);
  return { ...own, ...Object.fromEntries(values) } as T;
}

/** A Pengi around the towers and the language model that are there already. @throws PengiError E_CONFIG */
export function composed(
  fresh: PengiConfig,
  towers: Partial<Pick<PengiConfig, 'frontend' | 'audio' | 'text' | 'embedding'>>,
  language: PengiConfig['gpt2'] | undefined,
): PengiConfig {
  // A Pengi without a text tower stays so, whatever the CLAP has.
  const { text: _, ...heard } = towers;
  const whole: PengiConfig = {
    ...fresh,
    ...(fresh.text === null ? heard : towers),
    model: 'pengi',
    gpt2: language ?? fresh.gpt2,
  };
  const fitted = (mapper: PengiConfig['audioMapper']): PengiConfig['audioMapper'] => ({
    ...mapper,
    width: whole.gpt2.width,
    ...(mapper.kind === 'sequence' ? {} : { inputs: whole.embedding }),
  });
  return validate(pengiConfigSchema, {
    ...whole,
    audioMapper: fitted(whole.audioMapper),
    promptMapper: fitted(whole.promptMapper),
  });
}
