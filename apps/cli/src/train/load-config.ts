import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, resolve } from 'node:path';
import { PengiError, validate } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import { createJiti } from 'jiti';
import { z } from 'zod';
import {
  type RunConfig,
  type SourceConfig,
  type Sources,
  type TrainConfig,
  type TrainConfigInput,
  trainConfigSchema,
} from './config.js';

/**
 * Reads a config from JSON, or from the default export of a TypeScript or JavaScript module. Paths in it count from its
 * folder.
 * @throws PengiError E_NOT_FOUND, E_CONFIG that names each wrong field
 */
export async function loadTrainConfig(path: string): Promise<RunConfig> {
  const { input, folder } = await readConfig(path);
  return completeConfig(input, folder, path);
}

/** What a file says, not checked yet, and the folder that its paths count from. @throws PengiError E_NOT_FOUND, E_CONFIG */
export async function readConfig(path: string): Promise<{ input: TrainConfigInput; folder: string }> {
  const input = validate(z.looseObject({ data: z.looseObject({}) }), await readModule(resolve(path), path), {
    file: path,
  });
  return { input: input as TrainConfigInput, folder: dirname(path) };
}

/**
 * A config with its defaults, and with absolute paths.
 * @param folder that paths count from
 * @param shown what errors call the config
 * @throws PengiError E_CONFIG that names each wrong field
 */
export function completeConfig(input: TrainConfigInput, folder: string, shown: string): RunConfig {
  const config = validate(trainConfigSchema, input, { file: shown });
  const { data, from: parts } = config;
  const from = (path: string) => resolve(folder, path);
  const isAddress = (path: string) => /^https?:/.test(path);
  const located = (source: SourceConfig): SourceConfig => {
    if ('shards' in source)
      return { shards: [source.shards].flat().map((shard) => (isAddress(shard) ? shard : from(shard))) };
    const root = source.root === undefined ? {} : { root: from(source.root) };
    return 'manifest' in source
      ? { ...source, manifest: from(source.manifest), ...root }
      : { ...source, ...root };
  };
  const all = (sources: Sources): Sources =>
    Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, located(source)]));
  const { manifest, root, sources: given, validation, ...rest } = data;
  const wrong = wrongChoice(config);
  if (wrong !== undefined) throw new PengiError('E_CONFIG', wrong, { file: shown });
  const one =
    manifest === undefined
      ? {}
      : { [basename(manifest, extname(manifest))]: { manifest, ...(root !== undefined && { root }) } };
  return {
    ...config,
    data: {
      ...rest,
      sources: all(given ?? one),
      ...(data.sets !== undefined && { sets: from(data.sets) }),
      validation:
        typeof validation === 'number'
          ? validation
          : all(typeof validation === 'string' ? { validation: { manifest: validation } } : validation),
      cache: data.cache === null ? null : from(data.cache),
    },
    from: Object.fromEntries(
      Object.entries(parts).flatMap(([name, dir]) => (dir === undefined ? [] : [[name, from(dir)]])),
    ),
  };
}

/** What a schema of fields alone does not say. */
function wrongChoice({ data, steps, epochs, from, mapperOnly, frozen }: TrainConfig): string | undefined {
  if ((data.manifest === undefined) === (data.sources === undefined))
    return 'data needs either manifest or sources';
  if ((steps === undefined) === (epochs === undefined)) return 'either steps or epochs is needed';
  const { model, ...parts } = from;
  if (model !== undefined && Object.values(parts).some((part) => part !== undefined))
    return 'from names a whole model and parts: a model has all of its own';
  if (mapperOnly && frozen) return 'mapperOnly says what is frozen: leave one of the two out';
  return undefined;
}

async function readModule(path: string, shown: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw fileError(error, shown, 'read');
  }
  try {
    if (extname(path) === '.json') return JSON.parse(text);
    return await createJiti(import.meta.url).import(path, { default: true });
  } catch (cause) {
    const [message = ''] = String((cause as Error).message).split('\n');
    throw new PengiError('E_CONFIG', `cannot be read: ${message}`, {
      file: shown,
      hint: 'a config is JSON, or a TypeScript module whose default export is an object',
      cause,
    });
  }
}
