import { mergeParameters, openModelFolder, type TensorSource } from '@pengi/checkpoint';
import { type NdArray, validate } from '@pengi/core';
import { defaultEngine, type Engine } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import { type MapperConfig, mapperConfigSchema } from './config.js';
import { mapPrefix } from './model.js';
import { type MapperParams, mapperSpec } from './params.js';

/**
 * A mapper's parameters out of a file where they lie below `prefix` (`caption_decoder.audio_project.` in Pengi).
 * @throws PengiError E_WEIGHTS that lists what is missing, extra or of another shape, E_CONFIG
 */
export function mapperParams(
  source: TensorSource | Readonly<Record<string, NdArray>>,
  config: MapperConfig,
  prefix = '',
): MapperParams<NdArray> {
  return mergeParameters(mapperSpec(config), source, {
    rename: (name) => (name.startsWith(prefix) ? name.slice(prefix.length) : null),
    where: `this ${config.kind} mapper`,
  });
}

/** A mapper that runs. */
export interface Mapper {
  readonly config: MapperConfig;
  /**
   * The prefixes [B, prefixLength, width].
   * @param x [B, inputs], or [B, inputLength, width] for the kind "sequence"
   * @throws PengiError E_SHAPE
   */
  map(x: NdArray<'float32'>): Promise<NdArray>;
  dispose(): Promise<void>;
}

export function createMapper(params: MapperParams<NdArray>, config: MapperConfig, engine: Engine): Mapper {
  const program = engine.compile((p: MapperParams, x: Tensor) => mapPrefix(p, x, config), params, {
    name: 'prefix-mapper',
  });
  return { config, map: (x) => program.run(x), dispose: () => program.dispose() };
}

/**
 * Loads a model folder that holds one mapper.
 * @throws PengiError E_NOT_FOUND, E_CHECKPOINT, E_CONFIG, E_WEIGHTS
 */
export async function loadMapper(dir: string, { engine }: { engine?: Engine } = {}): Promise<Mapper> {
  const folder = await openModelFolder(dir);
  const config = validate(mapperConfigSchema, folder.config, { file: dir });
  return createMapper(mapperParams(folder.file, config), config, engine ?? (await defaultEngine()));
}
