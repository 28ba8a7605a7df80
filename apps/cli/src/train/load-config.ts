import { readFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { PengiError, validate } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import { createJiti } from 'jiti';
import { type TrainConfig, trainConfigSchema } from './config.js';

/**
 * Reads a config from JSON, or from the default export of a TypeScript or JavaScript module. Paths in it count from its
 * folder.
 * @throws PengiError E_NOT_FOUND, E_CONFIG that names each wrong field
 */
export async function loadTrainConfig(path: string): Promise<TrainConfig> {
  const config = validate(trainConfigSchema, await readModule(resolve(path), path), { file: path });
  const from = (relative: string) => resolve(dirname(path), relative);
  const { data, from: parts } = config;
  return {
    ...config,
    data: {
      ...data,
      manifest: from(data.manifest),
      ...(data.root === undefined ? {} : { root: from(data.root) }),
      validation: typeof data.validation === 'string' ? from(data.validation) : data.validation,
      cache: data.cache === null ? null : from(data.cache),
    },
    from: Object.fromEntries(
      Object.entries(parts).flatMap(([name, folder]) => (folder === undefined ? [] : [[name, from(folder)]])),
    ),
  };
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
