/** The three stages of `pengi train`: which model, from which start, and what its samples are. */
import type { FrontendConfig } from '@pengi/audio-frontend';
import { openModelFolder } from '@pengi/checkpoint';
import {
  type AudioEncoderParams,
  CLAP_PAPER,
  type ClapConfig,
  type ClapParams,
  clapConfigSchema,
  clapParams,
  clapSpec,
} from '@pengi/clap';
import { createRng, type NdArray, validate } from '@pengi/core';
import type { Example } from '@pengi/datasets';
import { GPT2_BASE, type Gpt2Config, gpt2ConfigSchema, gpt2Params, gpt2Spec } from '@pengi/gpt2';
import { withBatchNormStatistics } from '@pengi/htsat';
import { initParams } from '@pengi/nn';
import type { Part, TrainTask } from '@pengi/train';
import {
  clapTask,
  languageTask,
  PENGI_PAPER,
  type PengiConfig,
  type PengiParams,
  pengiConfigSchema,
  pengiParams,
  pengiSpec,
  pengiTask,
  smallConfigs,
} from 'pengi';
import type { TrainConfig } from './config.js';
import type { ClipExample, TrainData } from './data.js';
import { type Listen, listenClap, listenLanguage, listenPengi } from './listen.js';

export interface StageInput {
  config: TrainConfig;
  data: TrainData;
  /** The examples whose recordings can be used, with a way to their log-mels. */
  clips(frontend: FrontendConfig): Promise<Samples<Example, ClipExample>>;
  warn(line: string): void;
}

/** What batches are drawn from, and how what was drawn is read. */
export interface Samples<S, Loaded> {
  training: readonly S[];
  validation: readonly S[];
  load(samples: readonly S[]): Promise<Loaded[]>;
}

/** What is to be trained. */
export interface Stage<S, Loaded, P, B> {
  modelConfig: object;
  samples: Samples<S, Loaded>;
  task(draw: (step: number, part?: Part) => Promise<Loaded[]>): TrainTask<P, B>;
  /** What the model under training makes of samples, to be seen and read. */
  listen: Listen<P, Loaded>;
}

export async function clapStage({ config, data, clips }: StageInput) {
  const start = config.from.model === undefined ? undefined : await openClap(config.from.model);
  const modelConfig = start?.config ?? (config.model === 'paper' ? CLAP_PAPER : smallFor(data).clap);
  const samples = await clips(modelConfig.frontend);
  const params: ClapParams<NdArray> = start?.params ?? initParams(clapSpec(modelConfig), config.seed);
  if (!start) params.audio_encoder = await standardised(params.audio_encoder, samples);
  return stage({
    modelConfig,
    samples,
    task: (draw) =>
      clapTask(
        modelConfig,
        params,
        async (...at) => (await draw(...at)).map((sample) => ({ ...sample, caption: sample.target })),
        taskOptions(config),
      ),
    listen: listenClap(modelConfig),
  });
}

/** What is said of one recording. */
interface Document {
  id: string;
  texts: readonly string[];
}

export async function languageStage({ config, data, warn }: StageInput) {
  const start = config.from.model === undefined ? undefined : await openLanguage(config.from.model);
  const modelConfig = start?.config ?? (config.model === 'paper' ? GPT2_BASE : smallFor(data).pengi.gpt2);
  const params = start?.params ?? initParams(gpt2Spec(modelConfig), config.seed);
  const training = documentsOf(data.training);
  if (training.every(({ texts }) => texts.length === 1))
    warn(
      'no recording has more than one text: a language model that was never shown the same thing twice does not learn to repeat it, and cannot be steered by a prefix',
    );
  return stage({
    modelConfig,
    samples: {
      training,
      validation: documentsOf(data.validation),
      load: async (documents) => [...documents],
    },
    task: (draw) =>
      languageTask(modelConfig, params, async (step, part) =>
        (await draw(step, part)).map(({ id, texts }) => ({
          id,
          texts: createRng(config.seed).fork(`document/${step}/${id}`).shuffle(texts),
        })),
      ),
    listen: listenLanguage(modelConfig),
  });
}

function documentsOf(examples: readonly Example[]): Document[] {
  const byAudio = new Map<string, { id: string; texts: string[] }>();
  for (const { audio, id, target } of examples) {
    const document = byAudio.get(audio) ?? { id, texts: [] };
    document.texts.push(target);
    byAudio.set(audio, document);
  }
  return [...byAudio.values()];
}

export async function pengiStage({ config, data, clips }: StageInput) {
  const { from } = config;
  const start = from.model === undefined ? undefined : await openPengi(from.model);
  const clap = from.clap === undefined ? undefined : await openClap(from.clap);
  const language = from.language === undefined ? undefined : await openLanguage(from.language);
  const fresh = config.model === 'paper' ? PENGI_PAPER : smallFor(data).pengi;
  const modelConfig = start?.config ?? composed(fresh, clap?.config, language?.config);
  const samples = await clips(modelConfig.frontend);
  const params: PengiParams<NdArray> = start?.params ?? initParams(pengiSpec(modelConfig), config.seed);
  if (clap) {
    params.audio_encoder = clap.params.audio_encoder;
    params.caption_encoder = clap.params.caption_encoder;
  } else if (!start) params.audio_encoder = await standardised(params.audio_encoder, samples);
  if (language) params.caption_decoder.gpt.transformer = language.params;
  return stage({
    modelConfig,
    samples,
    task: (draw) => pengiTask(modelConfig, params, draw, taskOptions(config)),
    listen: listenPengi(modelConfig),
  });
}

/** Keeps the types together. */
function stage<S, Loaded, P, B>(parts: Stage<S, Loaded, P, B>): Stage<S, Loaded, P, B> {
  return parts;
}

function taskOptions({ frozen, specAugment }: TrainConfig) {
  return { specAugment, ...(frozen === undefined ? {} : { frozen }) };
}

/** Small models know the words of their data, and no others. */
function smallFor({ training, validation }: TrainData) {
  const examples = [...training, ...validation];
  return smallConfigs({
    prompts: [...new Set(examples.map(({ prompt }) => prompt))],
    answers: [...new Set(examples.map(({ target }) => target))],
  });
}

/** A Pengi around the towers and the language model that are there already. */
function composed(
  fresh: PengiConfig,
  clap: ClapConfig | undefined,
  language: Gpt2Config | undefined,
): PengiConfig {
  const whole: PengiConfig = { ...fresh, ...clap, model: 'pengi', gpt2: language ?? fresh.gpt2 };
  const fitted = (mapper: PengiConfig['audioMapper']): PengiConfig['audioMapper'] => ({
    ...mapper,
    width: whole.gpt2.width,
    ...(mapper.kind === 'sequence' ? {} : { inputs: whole.embedding }),
  });
  return { ...whole, audioMapper: fitted(whole.audioMapper), promptMapper: fitted(whole.promptMapper) };
}

/** Clips that the input statistics of an encoder are measured on. */
const MEASURED = 256;

/** An encoder that starts from scratch sees input of mean 0 and variance 1. */
async function standardised(
  encoder: AudioEncoderParams<NdArray>,
  { training, load }: Samples<Example, ClipExample>,
): Promise<AudioEncoderParams<NdArray>> {
  const logMels = (await load(training.slice(0, MEASURED))).map(({ logMel }) => logMel);
  return { ...encoder, base: { htsat: withBatchNormStatistics(encoder.base.htsat, logMels) } };
}

async function openClap(dir: string) {
  const folder = await openModelFolder(dir);
  const config = validate(clapConfigSchema, folder.config, { file: dir });
  return { config, params: clapParams(folder.file, config) };
}

async function openLanguage(dir: string) {
  const folder = await openModelFolder(dir);
  const config = validate(gpt2ConfigSchema, folder.config, { file: dir });
  return { config, params: gpt2Params(folder.file, config) };
}

async function openPengi(dir: string) {
  const folder = await openModelFolder(dir);
  const config = validate(pengiConfigSchema, folder.config, { file: dir });
  return { config, params: pengiParams(folder.file, config) };
}
