import type { FrontendConfig } from '@pengi/audio-frontend';
import { isPengiError, type PengiError } from '@pengi/core';
import type { FeatureDtype } from '../feature-cache.js';
import type { Variant } from '../feature-extractor.js';
import { createPool } from '../features.js';
import { createBudget, type Pass } from './limits.js';
import type { ReadableExample } from './source.js';
import type { Variation } from './variation.js';

export interface FeatureSettings {
  readonly frontend: FrontendConfig;
  readonly cacheDir: string | null;
  readonly cacheBytes: number | undefined;
  readonly dtype: FeatureDtype;
  readonly memoryBytes: number;
  readonly workers: number;
  readonly crop: 'frontend' | 'random';
  readonly cropSeconds: number;
  readonly allowDamaged: boolean;
  readonly maxSeconds: number;
}

/** A log-mel that is not cropped yet and where it is from, or why there is none. */
export type Found =
  | { readonly logMel: Float32Array; readonly from: 'file' | 'fromMemory' | 'fromCache' }
  | { readonly failure: PengiError };

/** Log-mels of recordings, not cropped yet: from memory, from the cache, or computed. */
export function createFeatures(settings: FeatureSettings) {
  const { frontend, cacheDir, cacheBytes, dtype, memoryBytes, allowDamaged, maxSeconds } = settings;
  const pool = createPool({ frontend, cacheDir, dtype }, settings.workers);
  const budget =
    cacheDir === null || cacheBytes === undefined ? undefined : createBudget(cacheDir, cacheBytes);
  const held = new Map<string, Float32Array>();
  const underWay = new Map<string, Promise<Found>>();
  let heldBytes = 0;

  const compute = async (example: ReadableExample, variant: Variant, pass: Pass): Promise<Found> => {
    try {
      const bytes = await example.readAudio();
      pass.weigh(bytes.length);
      const readOnly = budget !== undefined && !(await budget.hasRoom());
      const request = { audio: example.file, bytes, variants: [variant], allowDamaged, maxSeconds, readOnly };
      const reply = await pool.extract(request);
      if ('failure' in reply) return reply;
      budget?.spend(reply.written);
      return { logMel: reply.logMels[0]!, from: reply.fromCache > 0 ? 'fromCache' : 'file' };
    } catch (error) {
      if (isPengiError(error) && (error.code === 'E_NOT_FOUND' || error.code === 'E_AUDIO_TOO_LONG'))
        return { failure: error };
      throw error;
    }
  };

  return {
    async find(
      source: number,
      example: ReadableExample,
      { text, speed }: Variation,
      pass: Pass,
    ): Promise<Found> {
      const { start, end } = text;
      const key = [source, example.clip, start, end, speed].join();
      const known = held.get(key);
      if (known !== undefined) return { logMel: known, from: 'fromMemory' };
      const variant: Variant = {
        speed,
        seconds: end === undefined ? null : end - (start ?? 0),
        ...(start !== undefined && { start }),
        ...(settings.crop === 'random' && { whole: settings.cropSeconds }),
      };
      let found = underWay.get(key);
      if (found === undefined) {
        found = compute(example, variant, pass).finally(() => underWay.delete(key));
        underWay.set(key, found);
      }
      const result = await found;
      if (!('failure' in result) && !held.has(key) && heldBytes + result.logMel.byteLength <= memoryBytes) {
        held.set(key, result.logMel);
        heldBytes += result.logMel.byteLength;
      }
      return result;
    },
    close: () => pool.close(),
  };
}
