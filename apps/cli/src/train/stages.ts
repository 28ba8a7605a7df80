/** The three stages of `pengi train`: which model, from which start, and what its samples are. */
import type { FrontendConfig } from '@pengi/audio-frontend';
import { type AudioEncoderParams, type ClapParams, clapConfigSchema, clapSpec } from '@pengi/clap';
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
  type PengiParams,
  pengiSpec,
  pengiTask,
  pengiTokenizer,
} from 'pengi';
import type { RunConfig } from './config.js';
import { defined, type TrainData } from './data.js';
import { type Listen, listenClap, listenLanguage, listenPengi } from './listen.js';
import { composed, freshConfigs } from './models.js';
import { type Taught, taughtClap, taughtLanguage, taughtPengi } from './new-words.js';
import { openLanguagePart, openTowers, openWholeClap, openWholePengi } from './parts.js';
import { type Document, openDocuments, type Samples } from './samples.js';

export interface StageInput {
  config: RunConfig;
  data: TrainData;
  /** Samples of a batch. */
  batch: number;
  /** The recordings of the data; whoever calls the stage closes them. */
  clips(frontend: FrontendConfig): Promise<Samples<LoadedExample>>;
  warn(line: string): void;
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
export async function clapStage({ config, data, batch, clips, warn }: StageInput) {
  const { from, seed } = config;
  const start =
    from.model === undefined
      ? undefined
      : tell(taughtClap(await openWholeClap(from.model), await data.texts(), seed), warn);
  const towers = await openTowers(from);
  const modelConfig =
    start?.config ??
    validate(clapConfigSchema, { ...(await freshConfigs(config, data)).clap, ...towers.config });
  const samples = await clips(modelConfig.frontend);
  const params: ClapParams<NdArray> = start?.params ?? initParams(clapSpec(modelConfig), seed);
  towers.into(params);
  if (!start && !towers.audio)
    params.audio_encoder = await standardised(params.audio_encoder, samples, batch);
  return stage({
    modelConfig,
    samples,
    task(draw) {
      const drawCaptioned = async (step: number, part?: Part) =>
        (await draw(step, part)).map((sample) => ({
          ...sample,
          caption: clapCaption(sample, {
            firstPartAlone: config.data.firstPartAlone,
            rng: createRng(seed).fork(`caption/${step}`).fork(sample.id),
          }),
        }));
      const options = {
        ...taskOptions(config),
        ...(config.lora && { frozen: config.frozen ?? ['audio_encoder.base', 'caption_encoder.base'] }),
        mixUp: config.mixUp,
      };
      return withWords(clapTask(modelConfig, params, drawCaptioned, options), start);
    },
    listen: listenClap(modelConfig),
  });
}

/**
 * What contrastive pretraining compares a recording with. The paper does not say how labels are told to CLAP; its wording for
 * classes in zero-shot classification is taken, "this is a sound of …", and captions, metadata and answers are as they are.
 * @param firstPartAlone how often the first of several parts of a target is told alone
 */
export function clapCaption(
  { prompt, target }: Pick<LoadedExample, 'prompt' | 'target'>,
  { firstPartAlone, rng }: { firstPartAlone: number; rng: Rng },
): string {
  const isLabel = prompt.startsWith('this ');
  if (!isLabel) return target;
  const told = prompt === PROMPTS.note ? target.replace(/^produced by /, '') : target;
  const [first] = told.split(', ');
  return `${PROMPTS.events} ${rng.uniform() < firstPartAlone ? first : told}`;
}

/** The language model alone, on what is said of each recording. The data are opened with the unit "clip". */
export async function languageStage({ config, data, warn }: StageInput) {
  const { from, seed } = config;
  const dir = from.model ?? from.language;
  const start =
    dir === undefined
      ? undefined
      : tell(taughtLanguage(await openLanguagePart(dir), await data.texts(), seed), warn);
  const modelConfig =
    start?.config ?? validate(gpt2ConfigSchema, (await freshConfigs(config, data)).pengi.gpt2);
  const params = start?.params ?? initParams(gpt2Spec(modelConfig), seed);
  const length = config.documentLength ?? modelConfig.positions;
  const tokenizer = pengiTokenizer(modelConfig);
  return stage({
    modelConfig,
    samples: await openDocuments(data),
    task(draw) {
      const drawDocuments = async (step: number, part?: Part) =>
        (await draw(step, part)).map((document) => ({
          id: document.id,
          texts: retold(
            document,
            length,
            createRng(seed).fork(`document/${step}`),
            (text) => tokenizer.encode(text).length + 1,
          ),
        }));
      const options = { length, ...defined({ frozen: config.frozen, lora: loraOptions(config) }) };
      return withWords(languageTask(modelConfig, params, drawDocuments, options), start);
    },
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
export async function pengiStage({ config, data, batch, clips, warn }: StageInput) {
  const { from, seed } = config;
  const start =
    from.model === undefined
      ? undefined
      : tell(taughtPengi(await openWholePengi(from.model), await data.texts(), seed), warn);
  const towers = await openTowers(from);
  const language = from.language === undefined ? undefined : await openLanguagePart(from.language);
  const modelConfig =
    start?.config ?? composed((await freshConfigs(config, data)).pengi, towers.config, language?.config);
  const samples = await clips(modelConfig.frontend);
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
    task(draw) {
      const options = { ...taskOptions(config), ...defined({ frozen }) };
      return withWords(pengiTask(modelConfig, params, draw, options), start);
    },
    listen: listenPengi(modelConfig),
  });
}

function tell<T extends Taught<unknown, unknown>>(taught: T, warn: StageInput['warn']): T {
  if (taught.added > 0)
    warn(`${taught.added} tokens of the texts are new to the model: their embeddings are learnt, too`);
  return taught;
}

/** The task with the embeddings of new words learning, whatever is frozen. */
function withWords<P, B>(
  task: TrainTask<P, B>,
  start: Pick<Taught<unknown, unknown>, 'learnt'> | undefined,
): TrainTask<P, B> {
  if (!start || start.learnt.length === 0) return task;
  return { ...task, trained: [...(task.trained ?? []), ...start.learnt] };
}

/** Keeps the types together. */
function stage<Loaded, P, B>(parts: Stage<Loaded, P, B>): Stage<Loaded, P, B> {
  return parts;
}

function taskOptions(config: RunConfig) {
  const { frozen, specAugment, batchNorm } = config;
  return { specAugment, batchNorm, ...defined({ frozen, lora: loraOptions(config) }) };
}

/** Where adapters go unless the config says so: into the attention of the audio tower and of the language model. */
const LORA_TARGETS = ['**.attn'];
/** These are small, and learn as they are. */
const MAPPERS = ['caption_decoder.audio_project', 'caption_decoder.text_project'];

function loraOptions({ lora, seed }: RunConfig) {
  if (!lora) return undefined;
  const { rank, alpha, targets = LORA_TARGETS, except = MAPPERS } = lora;
  return { rank, targets, except, seed, ...defined({ alpha }) };
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
