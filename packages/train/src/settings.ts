import { createHash } from 'node:crypto';
import { type NdArray, PengiError, printable, sizeOf } from '@pengi/core';
import type { AdamOptions } from '@pengi/nn';
import type { Manifest } from './manifest.js';
import type { TrainOptions } from './task.js';

/** What decides the numbers of a run, besides the task's functions. Every checkpoint has it; a resume must agree. */
export interface Settings {
  readonly seed: number;
  readonly steps: number;
  /** The schedule at five steps between the first and the last. */
  readonly learningRates: readonly number[];
  readonly optimizer: AdamOptions;
  /** Only if averages are kept. */
  readonly emaDecay?: number;
  readonly clipNorm: number | null;
  readonly trainableValues: number;
  readonly frozenValues: number;
  /** Of paths, shapes and values of the frozen parameters, which checkpoints do not hold. */
  readonly frozenSha256: string;
}

export function settingsOf(
  { seed, steps, schedule, optimizer, emaDecay, clipNorm }: TrainOptions,
  { frozen, trainable }: { frozen: Record<string, NdArray>; trainable: Record<string, NdArray> },
): Settings {
  return {
    seed,
    steps,
    learningRates: [0, 0.25, 0.5, 0.75, 1].map((share) => schedule(Math.round(share * (steps - 1)))),
    optimizer,
    ...(emaDecay !== undefined && { emaDecay }),
    clipNorm: clipNorm ?? null,
    trainableValues: countValues(trainable),
    frozenValues: countValues(frozen),
    frozenSha256: hashOf(frozen),
  };
}

/**
 * @param before as the checkpoint has them
 * @throws PengiError E_CONFIG that names each difference
 */
export function assertSameRun(before: Identity, now: Identity, file: string): void {
  const found = differences(
    asJson(before),
    asJson(now),
    (path, old, current) => `${path} was ${old}, now ${current}`,
  );
  if (found.length === 0) return;
  const more = found.length > LISTED ? ` and ${found.length - LISTED} more` : '';
  throw new PengiError('E_CONFIG', `belongs to another run: ${found.slice(0, LISTED).join('; ')}${more}`, {
    file,
    hint: 'resume with the settings that the run began with, or start a new run in another folder',
  });
}

/** What a run and the one that goes on with it have in common. */
type Identity = Pick<Manifest, 'task' | 'settings' | 'record' | 'position'>;

/** How many differences are named. */
const LISTED = 5;

/**
 * Where two JSON values differ, each difference in the words of `tell`.
 * @param tell of a path, and of the values there, shortened for people
 */
export function differences(
  a: unknown,
  b: unknown,
  tell: (path: string, a: string, b: string) => string,
  path = '',
): string[] {
  if (isObject(a) && isObject(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    return keys.flatMap((key) => differences(a[key], b[key], tell, path ? `${path}.${key}` : key));
  }
  const [left, right] = [a, b].map((value) => JSON.stringify(value) ?? 'absent') as [string, string];
  return left === right ? [] : [tell(printable(path, 80), printable(left, 80), printable(right, 80))];
}

function asJson({ task, settings, record, position }: Identity): unknown {
  return JSON.parse(JSON.stringify({ task, ...settings, record, position }));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function countValues(arrays: Record<string, NdArray>): number {
  return Object.values(arrays).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/** SHA-256 of paths, shapes and values. */
export function hashOf(arrays: Record<string, NdArray>): string {
  const hash = createHash('sha256');
  for (const path of Object.keys(arrays).sort()) {
    const { dtype, shape, data } = arrays[path]!;
    hash.update(`${path} ${dtype} [${shape}]\n`);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
