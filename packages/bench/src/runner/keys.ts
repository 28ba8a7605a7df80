import { createHash } from 'node:crypto';
import type { Json } from '../task.js';

/** What the answers of a run depend on besides the question: another of these is another model to the store. */
export interface ModelIdentity {
  /** Of the weights, or of whatever else tells this model from all others. */
  readonly weightsSha256: string;
  readonly config?: Json;
  /** Of the code that answers. */
  readonly version: string;
  /** How answers are decoded: beams, length, temperature. */
  readonly decoding?: Json;
}

/**
 * The key of an answer: everything that it depends on, hashed. Equal questions of several tasks have the same key, and
 * changed weights, settings, recordings or labels never find an old answer.
 */
export function answerKey(model: string, ...parts: readonly Json[]): string {
  return sha256(JSON.stringify([model, ...parts]));
}

/** What stands for the model in every key. */
export function modelKey({ weightsSha256, config = null, version, decoding = null }: ModelIdentity): string {
  return sha256(JSON.stringify([weightsSha256, sorted(config), version, sorted(decoding)]));
}

export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** With the fields of every object in one order, as their order means nothing. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value as Record<string, Json | undefined>);
  return Object.fromEntries(
    entries
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, field]) => [name, sorted(field as Json)]),
  );
}
