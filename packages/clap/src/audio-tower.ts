/** The audio tower of a model folder of any family, for programs that take more of it than its embedding. */
import type { Frontend, FrontendConfig } from '@pengi/audio-frontend';
import { type ModelFolder, mergeParameters, openModelFolder } from '@pengi/checkpoint';
import { type NdArray, PengiError, validate } from '@pengi/core';
import { HTSAT_CONSTANTS, type HtsatBodyParams, type HtsatConfig, htsatConfigSchema } from '@pengi/htsat';
import type { Engine, Program } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { frontendConfigSchema, type TransformersClapConfig } from './config.js';
import { configOf, frontendOf, isTransformersLayout, TRANSFORMERS_CONSTANTS } from './load.js';
import { project } from './model.js';
import { type AudioEncoderParams, audioEncoderSpec } from './params.js';
import { asHtsat, reluProject } from './transformers-model.js';
import { type TransformersClapParams, transformersClapSpec } from './transformers-params.js';

/** A function of log-mels [B, T, M] in dB that has the encoder's parameters and its projection. */
export type TowerFunction<Output> = (
  htsat: HtsatBodyParams,
  logMel: Tensor,
  project: (x: Tensor) => Tensor,
) => Output;

export interface AudioTower {
  readonly frontend: Frontend;
  readonly audio: HtsatConfig;
  /** Channels of the joint space. */
  readonly embedding: number;
  compile<Output>(engine: Engine, name: string, f: TowerFunction<Output>): Program<[Tensor], Output>;
}

/**
 * Opens the audio tower of a CLAP, a Pengi or a captioner of msclap, whose folders name it alike.
 * @throws PengiError E_NOT_FOUND, E_CHECKPOINT, E_CONFIG, E_WEIGHTS
 */
export async function openAudioTower(dir: string): Promise<AudioTower> {
  const folder = await openModelFolder(dir);
  const isTransformers =
    isTransformersLayout(folder.config) ||
    (folder.config as { family?: unknown } | null)?.family === 'transformers';
  if (!isTransformers) return tower(folder);
  return transformersTower(folder, (await configOf(folder)) as TransformersClapConfig);
}

/** What the configs of all models with this tower have in common. */
const towerConfigSchema = z.looseObject({
  model: z.enum(['clap', 'pengi', 'clapcap']),
  frontend: frontendConfigSchema,
  audio: htsatConfigSchema,
  embedding: z.int().positive(),
});

/** An audio encoder as a model folder has it. */
export interface AudioEncoderPart {
  readonly config: {
    readonly frontend: FrontendConfig;
    readonly audio: HtsatConfig;
    readonly embedding: number;
  };
  readonly params: AudioEncoderParams<NdArray>;
  /** What the names of its tensors begin with in the folder's file. */
  readonly prefix: string;
}

/**
 * The audio encoder of a CLAP, a Pengi or a captioner of msclap, to be trained or put into another model.
 * @throws PengiError E_CONFIG, E_WEIGHTS
 */
export function audioEncoderOf({ dir, config, file }: ModelFolder): AudioEncoderPart {
  const { audio, embedding, frontend } = validate(towerConfigSchema, config, { file: dir });
  const prefix = ['audio_encoder.', 'clap.'].find((start) =>
    [...file.tensors.keys()].some((name) => name.startsWith(`${start}base.htsat.`)),
  );
  if (prefix === undefined)
    throw new PengiError('E_WEIGHTS', 'there is no audio tower in these weights', { file: dir });
  const params = mergeParameters(audioEncoderSpec(audio, embedding), file, {
    rename: (name) => (name.startsWith(prefix) ? name.slice(prefix.length) : null),
    ignore: HTSAT_CONSTANTS.map((pattern) => `base.htsat.${pattern}`),
    where: 'the audio tower of this config',
  });
  return { config: { frontend, audio, embedding }, params, prefix };
}

function tower(folder: ModelFolder): AudioTower {
  const { config, params, prefix } = audioEncoderOf(folder);
  const { frontend, audio, embedding } = config;
  return {
    frontend: frontendOf({ frontend }, folder.file, `${prefix}base.htsat.`),
    audio,
    embedding,
    compile: (engine, name, f) =>
      engine.compile(
        (p: AudioEncoderParams, logMel: Tensor) => f(p.base.htsat, logMel, (x) => project(p.projection, x)),
        params,
        { name },
      ),
  };
}

function transformersTower({ file }: ModelFolder, config: TransformersClapConfig): AudioTower {
  type Towers = Pick<TransformersClapParams, 'audio_model' | 'audio_projection'>;
  const { audio_model, audio_projection } = transformersClapSpec(config);
  const params = mergeParameters({ audio_model, audio_projection }, file, {
    rename: (name) => (name.startsWith('audio_') ? name : null),
    ignore: TRANSFORMERS_CONSTANTS,
    where: 'the audio tower of this config',
  });
  return {
    frontend: frontendOf(config, file),
    audio: config.audio,
    embedding: config.embedding,
    compile: (engine, name, f) =>
      engine.compile(
        (p: Towers, logMel: Tensor) =>
          f(asHtsat(p.audio_model.audio_encoder), logMel, (x) => reluProject(p.audio_projection, x)),
        params,
        { name },
      ),
  };
}
