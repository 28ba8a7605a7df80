import { PengiError, validate } from '@pengi/core';
import type { Beside, Family } from './families.js';
import type { Shapes } from './shapes.js';

type Json = Readonly<Record<string, unknown>>;

/**
 * The config of a checkpoint: what its shapes show, below what a config.json of this project beside it says, below what the
 * user says.
 * @param given fields of the config, the others left out
 * @throws PengiError E_CONFIG for fields that only the user can know and did not say, and for what cannot be
 */
export function configOf(
  family: Family,
  shapes: Shapes,
  beside: Beside,
  given: object | undefined,
  file: string,
): object {
  let config = family.derive(shapes, beside) as Json;
  if (isOurs(beside.config)) config = merged(config, beside.config);
  if (given !== undefined) config = merged(config, given as Json);
  const open = undefinedPaths(config);
  if (open.length > 0)
    throw new PengiError('E_CONFIG', `the weights do not show ${open.join(', ')}`, {
      file,
      hint: `no released model has these widths; say it in a file: --config FILE with ${JSON.stringify(example(open))}`,
    });
  return validate(family.schema, config, { file });
}

/** A config.json of a model folder as it is written here; GPT-2's has no `model`, and hubs' have a `model_type`. */
function isOurs(config: unknown): config is Json {
  return isObject(config) && !('model_type' in config) && ('model' in config || 'vocabularySize' in config);
}

/** `over` on top of `under`, objects member by member. */
function merged(under: Json, over: Json): Json {
  const result: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = result[key];
    result[key] = isObject(value) && isObject(below) ? merged(below, value) : value;
  }
  return result;
}

function undefinedPaths(value: unknown, path = ''): string[] {
  if (value === undefined) return [path];
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, member]) =>
    undefinedPaths(member, path === '' ? key : `${path}.${key}`),
  );
}

/** What to write for these paths, each a number of heads. */
function example(paths: readonly string[]): Json {
  let result: Json = {};
  for (const path of paths)
    result = merged(
      result,
      path.split('.').reduceRight<unknown>((value, key) => ({ [key]: value }), 2) as Json,
    );
  return result;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
