import { assertFinite } from '@pengi/checkpoint';
import { leaves, type NdArray, ndarray, PengiError, pathMatcher, printable, type Tree } from '@pengi/core';
import type { AdamOptions } from '@pengi/nn';
import { splitParams } from './split.js';
import type { TrainOptions } from './task.js';

/** @throws PengiError E_USAGE that names the option */
export function checkOptions(options: TrainOptions, evaluates: boolean): void {
  const counts = [
    'steps',
    'accumulate',
    'maxGraphs',
    'checkpointEvery',
    'keep',
    'evaluateEvery',
    'logEvery',
  ] as const;
  for (const name of counts) positiveInteger(name, options[name]);
  positiveInteger('earlyStop.patience', options.earlyStop?.patience);
  if (!Number.isSafeInteger(options.seed)) throw wrong('seed', options.seed, 'an integer');
  const { clipNorm, emaDecay, earlyStop } = options;
  if (clipNorm !== undefined && !(clipNorm > 0)) throw wrong('clipNorm', clipNorm, 'above 0');
  if (emaDecay !== undefined && !(emaDecay >= 0 && emaDecay < 1))
    throw wrong('emaDecay', emaDecay, 'at least 0 and below 1');
  if (earlyStop?.minDelta !== undefined && !(earlyStop.minDelta >= 0))
    throw wrong('earlyStop.minDelta', earlyStop.minDelta, 'at least 0');
  if (earlyStop && !evaluates) throw new PengiError('E_USAGE', 'earlyStop needs a task that evaluates');
  for (const { rate } of options.optimizer.groups ?? [])
    if (!(rate > 0 && Number.isFinite(rate)))
      throw wrong('the rate of a group', rate, 'above 0: freeze what is to stay as it is');
  for (const name of ['resume', 'checkpointEvery'] as const)
    if (options[name] && options.dir === undefined)
      throw new PengiError('E_USAGE', `${name} needs dir, the run folder`);
  if (options.best && !evaluates) throw new PengiError('E_USAGE', 'best needs a task that evaluates');
}

/** A task's parameters by path: those that stay, those that follow the data, and those that are trained. */
export interface TaskParts {
  frozen: Record<string, NdArray>;
  buffers: Record<string, NdArray>;
  trainable: Record<string, NdArray>;
}

interface SplitOptions {
  frozen: readonly string[];
  trained?: readonly string[] | undefined;
  /** Paths of the buffers that follow the data. */
  buffers?: readonly string[] | undefined;
}

/**
 * The task's parameters by path.
 * @throws PengiError E_CONFIG when a pattern or path matches nothing, nothing is left to train, or what is left cannot be
 *   trained; E_NONFINITE when it holds no numbers
 */
export function splitTask(
  params: Tree<NdArray>,
  { frozen, trained = [], buffers = [] }: SplitOptions,
): TaskParts {
  const paths = leaves(params).map(([path]) => path);
  assertUsed(frozen, paths, 'parameter matches the frozen');
  assertUsed(trained, paths, 'parameter matches the trained');
  assertUsed(buffers, paths, 'buffer is named');
  const [isFrozen, isTrained] = [pathMatcher(frozen), pathMatcher(trained)];
  const moving = splitParams(params, (path) => buffers.includes(path));
  const parts = splitParams(moving.trainable, (path) => isFrozen(path) && !isTrained(path));
  const trainable = Object.entries(parts.trainable);
  if (trainable.length === 0) throw new PengiError('E_CONFIG', 'all parameters are frozen');
  for (const [path, { dtype }] of trainable) {
    if (dtype === 'float32') continue;
    throw new PengiError('E_CONFIG', `${path} is ${dtype}, which cannot be trained`, { hint: 'freeze it' });
  }
  assertFinite(parts.trainable, 'the initial parameters'); // or the first batches would be blamed
  return { frozen: parts.frozen, buffers: inMemory(moving.frozen), trainable: inMemory(parts.trainable) };
}

/** @throws PengiError E_CONFIG when a pattern of the optimizer's matches nothing that is trained */
export function checkOptimizer({ groups = [], noDecay = [] }: AdamOptions, trained: readonly string[]): void {
  assertUsed(
    [...groups.flatMap(({ match }) => match), ...noDecay],
    trained,
    "trained parameter matches the optimizer's",
  );
}

function assertUsed(patterns: readonly string[], paths: readonly string[], what: string): void {
  const idle = patterns.filter((pattern) => !paths.some(pathMatcher([pattern])));
  if (idle.length === 0) return;
  throw new PengiError('E_CONFIG', `no ${what} ${idle.map((p) => `"${printable(p)}"`).join(', ')}`, {
    hint: `the parameters are named like ${paths.slice(0, 3).join(', ')}`,
  });
}

/** Arrays of a file read it at every access; these are about to be replaced. */
function inMemory(arrays: Record<string, NdArray>): Record<string, NdArray> {
  return Object.fromEntries(
    Object.entries(arrays).map(([path, { dtype, shape, data }]) => [path, ndarray(dtype, shape, data)]),
  );
}

function positiveInteger(name: string, value: number | undefined): void {
  if (value !== undefined && !(Number.isInteger(value) && value > 0))
    throw wrong(name, value, 'a positive integer');
}

function wrong(name: string, found: unknown, wanted: string): PengiError {
  return new PengiError('E_USAGE', `${name} is ${printable(String(found), 40)}, it must be ${wanted}`);
}
