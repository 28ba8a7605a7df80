import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createFrontend, type Frontend } from '@pengi/audio-frontend';
import { type ModelFolder, mergeParameters, openModelFolder, type TensorSource } from '@pengi/checkpoint';
import { floats, type NdArray, PengiError, validate } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import { HTSAT_CONSTANTS } from '@pengi/htsat';
import { defaultEngine, type Engine } from '@pengi/jit';
import { type Clap, createClap } from './clap.js';
import {
  type AnyClapConfig,
  anyClapConfigSchema,
  type ClapConfig,
  clapConfigSchema,
  type MsclapConfig,
  type TransformersClapConfig,
} from './config.js';
import { createMsclap } from './msclap.js';
import { type ClapParams, clapSpec, type MsclapParams, msclapSpec } from './params.js';
import { robertaTokenizer } from './roberta-tokenizer.js';
import { createTransformersClap } from './transformers.js';
import { transformersClapConfig } from './transformers-config.js';
import { type TransformersClapParams, transformersClapSpec } from './transformers-params.js';

/** Where HTSAT lies in a checkpoint of Pengi or msclap. */
export const HTSAT_PREFIX = 'audio_encoder.base.htsat.';

/** Tensors of released checkpoints that are no parameters. */
export const TOWER_CONSTANTS = [
  ...HTSAT_CONSTANTS.map((pattern) => HTSAT_PREFIX + pattern),
  'caption_encoder.base.embeddings.position_ids',
];

/** Buffers that transformers wrote into checkpoints before 4.31. */
const GPT2_BUFFERS = ['caption_encoder.base.h.*.attn.bias', 'caption_encoder.base.h.*.attn.masked_bias'];

/** Buffers and constants of Transformers' `ClapModel`. */
export const TRANSFORMERS_CONSTANTS = [
  'text_model.embeddings.position_ids',
  'text_model.embeddings.token_type_ids',
  'audio_model.audio_encoder.batch_norm.num_batches_tracked',
  'audio_model.audio_encoder.layers.*.blocks.*.attention.self.relative_position_index',
];

/**
 * CLAP's parameters out of a file, or out of arrays by name.
 * @throws PengiError E_WEIGHTS that lists what is missing, extra or of another shape, E_CONFIG
 */
export function clapParams(
  source: TensorSource | Readonly<Record<string, NdArray>>,
  config: ClapConfig,
): ClapParams<NdArray> {
  return mergeParameters(clapSpec(config), source, { ignore: TOWER_CONSTANTS, where: 'this CLAP config' });
}

/**
 * The parameters of msclap 2023 out of a file, or out of arrays by name.
 * @throws PengiError E_WEIGHTS that lists what is missing, extra or of another shape, E_CONFIG
 */
export function msclapParams(
  source: TensorSource | Readonly<Record<string, NdArray>>,
  config: MsclapConfig,
): MsclapParams<NdArray> {
  return mergeParameters(msclapSpec(config), source, {
    ignore: [...TOWER_CONSTANTS, ...GPT2_BUFFERS],
    where: 'this msclap config',
  });
}

/**
 * The parameters of Transformers' `ClapModel` out of a file, or out of arrays by name.
 * @throws PengiError E_WEIGHTS that lists what is missing, extra or of another shape, E_CONFIG
 */
export function transformersClapParams(
  source: TensorSource | Readonly<Record<string, NdArray>>,
  config: TransformersClapConfig,
): TransformersClapParams<NdArray> {
  return mergeParameters(transformersClapSpec(config), source, {
    ignore: TRANSFORMERS_CONSTANTS,
    where: 'this Transformers CLAP config',
  });
}

/** What PALM multiplies the cosines of Pengi's towers with; Pengi has no scale of its own. */
const PENGI_SCALE = 100;

/** Both towers out of a file of Pengi, without its language model and mappers. */
function pengiTowers(source: TensorSource, config: ClapConfig): ClapParams<NdArray> {
  const { logit_scale: _none, ...towers } = clapSpec(config);
  const params = mergeParameters(towers, source, {
    rename: (name) => (name.startsWith('caption_decoder.') ? null : name),
    ignore: TOWER_CONSTANTS,
    where: 'the towers of this Pengi config',
  });
  return { ...params, logit_scale: floats([Math.log(PENGI_SCALE)], []) };
}

/**
 * The front end of a model: with the mel bank of its checkpoint where there is one, as the checkpoint's own values are
 * what the encoder was trained with.
 * @throws PengiError E_WEIGHTS for a bank of another size, E_CONFIG
 */
export function frontendOf(
  config: Pick<AnyClapConfig, 'frontend'>,
  source: TensorSource,
  htsatPrefix = HTSAT_PREFIX,
): Frontend {
  const name = `${htsatPrefix}logmel_extractor.melW`;
  if (!source.tensors.has(name)) return createFrontend(config.frontend);
  const melBank = source.array(name);
  const { fftSize, mels } = config.frontend;
  const wanted = `float32 [${fftSize / 2 + 1},${mels}]`;
  const found = `${melBank.dtype} [${melBank.shape}]`;
  if (found !== wanted)
    throw new PengiError('E_WEIGHTS', `${name}: file has ${found}, the front end wants ${wanted}`);
  return createFrontend(config.frontend, { melBank: melBank as NdArray<'float32'> });
}

/**
 * Loads a CLAP model folder of any family, such as `saveModelFolder(dir, {config, tensors})` of @pengi/checkpoint writes it,
 * or as Transformers saves a `ClapModel` (config.json, model.safetensors, tokenizer.json; preprocessor_config.json counts),
 * or the two towers of a Pengi with a text encoder, whose scale is 100 (PALM's).
 * @param engine jit's default one if none is given
 * @throws PengiError E_NOT_FOUND, E_CHECKPOINT, E_CONFIG, E_WEIGHTS, E_ENGINE
 */
export async function loadClap(dir: string, { engine }: { engine?: Engine } = {}): Promise<Clap> {
  const folder = await openModelFolder(dir);
  const isPengi = isPengiConfig(folder.config);
  const config = isPengi ? towersConfigOf(folder) : await configOf(folder);
  const options = { engine: engine ?? (await defaultEngine()), frontend: frontendOf(config, folder.file) };
  switch (config.family) {
    case 'msclap':
      return createMsclap(msclapParams(folder.file, config), config, options);
    case 'transformers': {
      const file = join(dir, 'tokenizer.json');
      const tokenizer = robertaTokenizer(await readJson(file), config.text, { file });
      const params = transformersClapParams(folder.file, config);
      return createTransformersClap(params, config, { ...options, tokenizer });
    }
    default:
      return createClap((isPengi ? pengiTowers : clapParams)(folder.file, config), config, options);
  }
}

function isPengiConfig(config: unknown): boolean {
  return typeof config === 'object' && config !== null && 'model' in config && config.model === 'pengi';
}

/** What a Pengi's config says of its towers. */
function towersConfigOf({ dir, config }: ModelFolder): ClapConfig {
  const { frontend, audio, text, embedding, projectionDropout } = config as Record<string, unknown>;
  if (text === null)
    throw new PengiError('E_CONFIG', 'this Pengi has no text encoder, so it is no CLAP', {
      file: dir,
      hint: 'embed recordings with loadPengi of "pengi"',
    });
  return validate(
    clapConfigSchema,
    { model: 'clap', frontend, audio, text, embedding, projectionDropout },
    { file: dir },
  );
}

/** The config of a CLAP folder of any family. @throws PengiError E_CONFIG, E_IO */
export async function configOf({ dir, config }: ModelFolder): Promise<AnyClapConfig> {
  if (!isTransformersLayout(config)) return validate(anyClapConfigSchema, config, { file: dir });
  const extractor = join(dir, 'preprocessor_config.json');
  const isThere = await stat(extractor).catch(() => null);
  const read = transformersClapConfig(config, isThere ? await readJson(extractor) : {}, { file: dir });
  return validate(anyClapConfigSchema, read, { file: dir }); // for the rules between its fields
}

/** Transformers' config.json of a `ClapModel`; ours says `model: 'clap'`. */
export function isTransformersLayout(config: unknown): boolean {
  return (
    typeof config === 'object' && config !== null && 'model_type' in config && config.model_type === 'clap'
  );
}

/** Many times what RoBERTa's tokenizer.json takes. */
const MAX_JSON_BYTES = 64 * 2 ** 20;

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > MAX_JSON_BYTES)
      throw new PengiError('E_CHECKPOINT', `has ${size} bytes; at most ${MAX_JSON_BYTES} are read`, {
        file: path,
      });
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw error instanceof PengiError ? error : fileError(error, path, 'read');
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new PengiError('E_CHECKPOINT', 'is not valid JSON', { file: path, cause: error });
  }
}
