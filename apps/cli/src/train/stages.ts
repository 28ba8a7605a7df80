/** The three stages of `pengi train`: which model, from which start, and what its samples are. */
import {
  type AudioEncoderParams,
  CLAP_PAPER,
  type ClapConfig,
  type ClapParams,
  clapConfigSchema,
  clapSpec,
  type TextEncoderParams,
} from '@pengi/clap';
import { createRng, type NdArray, type Rng, validate } from '@pengi/core';
import { type LoadedExample, PROMPTS } from '@pengi/datasets';
import { gpt2ConfigSchema, gpt2Spec } from '@pengi/gpt2';
import { withBatchNormStatistics } from '@pengi/htsat';
import { initParams } from '@pengi/nn';
import type { Part, TrainTask } from '@pengi/train';
import {
  clapTask,
  frozenButMappers,
  languageTask,
  PENGI_PAPER,
  type PengiConfig,
  type PengiParams,
  pengiConfigSchema,
  pengiSpec,
  pengiTask,
  pengiTokenizer,
  smallConfigs,
} from 'pengi';
import type { RunConfig } from './config.js';
import {
  type ClipsContext,
  type Document,
  openClips,
  openDocuments,
  type Samples,
  type TrainData,
} from './data.js';
import { type Listen, listenClap, listenLanguage, listenPengi } from './listen.js';
import { openAudioPart, openLanguagePart, openTextPart, openWholeClap, openWholePengi } from './parts.js';

export interface StageInput {
  config: RunConfig;
  data: TrainData;
  /** Samples of a batch. */
  batch: number;
  context: ClipsContext;
}

/** Draws the samples of a step, or the part of them that one process computes. */
export type DrawLoaded<Loaded> = (step: number, part?: Part) => Promise<readonly Loaded[]>;

/** What is to be trained. */
export interface Stage<Loaded, P, B> {
  modelConfig: object;
  samples: Samples<Loaded>;
  task(draw: DrawLoaded<Loaded>): TrainTask<P, B>;
  /** What the model under training makes of samples, to be seen and read. */
  listen: Listen<P, Loaded>;
}

/** Contrastive pretraining of both towers. */
export async function clapStage({ config, data, batch, context }: StageInput) {
  const { from, seed } = config;
  const start = from.model === undefined ? undefined : await openWholeClap(from.model);
  const towers = await openTowers(from);
  const modelConfig =
    start?.config ??
    validate(clapConfigSchema, { ...(await freshConfigs(config, data)).clap, ...towers.config });
  const samples = await openClips(modelConfig.frontend, data, config, context);
  const params: ClapParams<NdArray> = start?.params ?? initParams(clapSpec(modelConfig), seed);
  towers.into(params);
  if (!start && !towers.audio)
    params.audio_encoder = await standardised(params.audio_encoder, samples, batch);
  return stage({
    modelConfig,
    samples,
    task: (draw) =>
      clapTask(
        modelConfig,
        params,
        async (step, part) =>
          (await draw(step, part)).map((sample) => ({
            ...sample,
            caption: clapCaption(sample, {
              partial: config.data.partialTexts,
              rng: createRng(seed).fork(`caption/${step}`).fork(sample.id),
            }),
          })),
        {
          ...taskOptions(config),
          ...(config.lora && { frozen: config.frozen ?? ['audio_encoder.base', 'caption_encoder.base'] }),
          mixUp: config.mixUp,
        },
      ),
    listen: listenClap(modelConfig),
  });
}

/**
 * What contrastive pretraining compares a recording with. The paper does not say how labels are told to CLAP; its wording for
 * classes in zero-shot classification is taken, "this is a sound of …", and captions, metadata and answers are as they are.
 * @param partial whether of several parts of a target often only the first ones are told: half of the time the first alone
 */
export function clapCaption(
  { prompt, target }: Pick<LoadedExample, 'prompt' | 'target'>,
  { partial, rng }: { partial: boolean; rng: Rng },
): string {
  const isLabel = prompt.startsWith('this ');
  if (!isLabel) return target;
  const told = prompt === PROMPTS.note ? target.replace(/^produced by /, '') : target;
  const parts = told.split(', ');
  const count = !partial ? parts.length : rng.uniform() < 0.5 ? 1 : 1 + rng.int(parts.length);
  return `${PROMPTS.events} ${parts.slice(0, count).join(', ')}`;
}

/** The language model alone, on what is said of each recording. The data are opened with the unit "clip". */
export async function languageStage({ config, data }: StageInput) {
  const { from, seed } = config;
  const dir = from.model ?? from.language;
  const start = dir === undefined ? undefined : await openLanguagePart(dir);
  const modelConfig =
    start?.config ?? validate(gpt2ConfigSchema, (await freshConfigs(config, data)).pengi.gpt2);
  const params = start?.params ?? initParams(gpt2Spec(modelConfig), seed);
  const length = config.documentLength ?? modelConfig.positions;
  const tokenizer = pengiTokenizer(modelConfig);
  return stage({
    modelConfig,
    samples: await openDocuments(data),
    task: (draw) =>
      languageTask(
        modelConfig,
        params,
        async (step, part) =>
          (await draw(step, part)).map((document) => ({
            id: document.id,
            texts: retold(
              document,
              length,
              createRng(seed).fork(`document/${step}`),
              (text) => tokenizer.encode(text).length + 1,
            ),
          })),
        { length, ...defined({ frozen: config.frozen, lora: loraOptions(config) }) },
      ),
    listen: listenLanguage(modelConfig),
  });
}

/**
 * The texts of a recording in random orders, again and again until a document is full. A language model learns to repeat from such
 * documents, and is what a prefix steers later; one that was never shown the same thing twice cannot be steered.
 */
function retold(
  { id, texts }: Document,
  length: number,
  rng: Rng,
  tokensOf: (text: string) => number,
): string[] {
  const shuffled = rng.fork(id);
  const told: string[] = [];
  for (let tokens = 0; tokens < length; ) {
    const round = shuffled.shuffle([...texts]);
    told.push(...round);
    tokens += round.reduce((sum, text) => sum + tokensOf(text), 0);
  }
  return told;
}

/** Pengi on top of a CLAP and a language model, or a whole one that is trained on. */
export async function pengiStage({ config, data, batch, context }: StageInput) {
  const { from, seed } = config;
  const start = from.model === undefined ? undefined : await openWholePengi(from.model);
  const towers = await openTowers(from);
  const language = from.language === undefined ? undefined : await openLanguagePart(from.language);
  const modelConfig =
    start?.config ?? composed((await freshConfigs(config, data)).pengi, towers.config, language?.config);
  const samples = await openClips(modelConfig.frontend, data, config, context);
  const params: PengiParams<NdArray> = start?.params ?? initParams(pengiSpec(modelConfig), seed);
  towers.into(params);
  if (!start && !towers.audio)
    params.audio_encoder = await standardised(params.audio_encoder, samples, batch);
  if (language) params.caption_decoder.gpt.transformer = language.params;
  const others = config.mapperOnly || config.lora ? frozenButMappers(modelConfig) : undefined;
  const frozen = config.frozen ?? others;
  return stage({
    modelConfig,
    samples,
    task: (draw) => pengiTask(modelConfig, params, draw, { ...taskOptions(config), ...defined({ frozen }) }),
    listen: listenPengi(modelConfig),
  });
}

/** Keeps the types together. */
function stage<Loaded, P, B>(parts: Stage<Loaded, P, B>): Stage<Loaded, P, B> {
  return parts;
}

function taskOptions(config: RunConfig) {
  const { frozen, specAugment, batchNorm } = config;
  return { specAugment, batchNorm, ...defined({ frozen, lora: loraOptions(config) }) };
}

/** Where adapters go unless the config says so: into the attention of the towers and of the language model. */
const LORA_TARGETS = ['**.attn'];
/** These are small, and learn as they are. */
const MAPPERS = ['caption_decoder.audio_project', 'caption_decoder.text_project'];

function loraOptions({ lora, seed }: RunConfig) {
  if (!lora) return undefined;
  const { rank, alpha, targets = LORA_TARGETS, except = MAPPERS } = lora;
  return { rank, targets, except, seed, ...defined({ alpha }) };
}

/** Without the members that are undefined. */
function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

/** The towers that a config names. */
async function openTowers({ clap, audio: audioDir = clap, text: textDir = clap }: RunConfig['from']) {
  const audio = audioDir === undefined ? undefined : await openAudioPart(audioDir);
  const text = textDir === undefined ? undefined : await openTextPart(textDir);
  return {
    audio,
    config: { ...audio?.config, ...text?.config, ...(audio && { embedding: audio.config.embedding }) },
    /** Puts their parameters among those of a model. */
    into(params: { audio_encoder: unknown; caption_encoder?: unknown }) {
      if (audio) params.audio_encoder = audio.params;
      if (!text) return;
      const { projection, ...tower } = text.params;
      const fits = audio === undefined || text.config.embedding === audio.config.embedding;
      params.caption_encoder = {
        ...(params.caption_encoder as TextEncoderParams<NdArray>),
        ...tower,
        ...(projection && fits && { projection }),
      };
    },
  };
}

/** Configs of models that start from scratch. */
async function freshConfigs(
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
  const base = preset === 'paper' ? { clap: CLAP_PAPER, pengi: PENGI_PAPER } : await smallFor(data, words);
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

/** Small models know the words of their data, and no others. */
async function smallFor(data: TrainData, words: readonly string[]) {
  const { prompts, answers } = await data.texts();
  const captions = answers.map((target) => `${PROMPTS.events} ${target}`);
  return smallConfigs({ prompts: [...prompts, ...captions, ...words], answers: [...answers, ...words] });
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
function composed(
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

/** Clips that the input statistics of an encoder are measured on. */
const MEASURED = 256;

/** An encoder that starts from scratch sees input of mean 0 and variance 1. */
async function standardised(
  encoder: AudioEncoderParams<NdArray>,
  samples: Samples<LoadedExample>,
  batch: number,
): Promise<AudioEncoderParams<NdArray>> {
  const logMels: Float32Array[] = [];
  for (let step = 0; logMels.length < MEASURED; step++)
    logMels.push(...(await samples.batch(step, batch)).map(({ logMel }) => logMel));
  return { ...encoder, base: { htsat: withBatchNormStatistics(encoder.base.htsat, logMels) } };
}
