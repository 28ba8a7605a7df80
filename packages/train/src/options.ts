import { assertFinite } from '@pengi/checkpoint';
import { leaves, type NdArray, ndarray, PengiError, pathMatcher, printable, type Tree } from '@pengi/core';
import { splitParams } from './split.js';
import type { TrainOptions } from './task.js';

/** @throws PengiError E_USAGE that names the option */
export function checkOptions(options: TrainOptions, evaluates: boolean): void {
  const counts = ['steps', 'checkpointEvery', 'keep', 'evaluateEvery', 'logEvery'] as const;
  for (const name of counts) {
    const value = options[name];
    if (value !== undefined && !(Number.isInteger(value) && value > 0))
      throw wrong(name, value, 'a positive integer');
  }
  if (!Number.isSafeInteger(options.seed)) throw wrong('seed', options.seed, 'an integer');
  if (options.clipNorm !== undefined && !(options.clipNorm > 0))
    throw wrong('clipNorm', options.clipNorm, 'above 0');
  for (const name of ['resume', 'checkpointEvery'] as const)
    if (options[name] && options.dir === undefined)
      throw new PengiError('E_USAGE', `${name} needs dir, the run folder`);
  if (options.best && !evaluates) throw new PengiError('E_USAGE', 'best needs a task that evaluates');
}

/**
 * The task's parameters by path.
 * @throws PengiError E_CONFIG when a pattern matches nothing, nothing is left to train, or what is left cannot be
 *   trained; E_NONFINITE when it holds no numbers
 */
export function splitTask(
  params: Tree<NdArray>,
  frozen: readonly string[],
): { frozen: Record<string, NdArray>; trainable: Record<string, NdArray> } {
  const paths = leaves(params).map(([path]) => path);
  const idle = frozen.filter((pattern) => !paths.some(pathMatcher([pattern])));
  if (idle.length > 0)
    throw new PengiError(
      'E_CONFIG',
      `no parameter matches the frozen ${idle.map((p) => `"${printable(p)}"`).join(', ')}`,
      {
        hint: `the parameters are named like ${paths.slice(0, 3).join(', ')}`,
      },
    );
  const parts = splitParams(params, pathMatcher(frozen));
  const trainable = Object.entries(parts.trainable);
  if (trainable.length === 0) throw new PengiError('E_CONFIG', 'all parameters are frozen');
  for (const [path, { dtype }] of trainable) {
    if (dtype === 'float32') continue;
    throw new PengiError('E_CONFIG', `${path} is ${dtype}, which cannot be trained`, { hint: 'freeze it' });
  }
  assertFinite(parts.trainable, 'the initial parameters'); // or the first batches would be blamed
  // Arrays of a file read it at every access; these are about to be replaced.
  const inMemory = trainable.map(([path, { dtype, shape, data }]) => [path, ndarray(dtype, shape, data)]);
  return { frozen: parts.frozen, trainable: Object.fromEntries(inMemory) };
}

function wrong(name: string, found: unknown, wanted: string): PengiError {
  return new PengiError('E_USAGE', `${name} is ${printable(String(found), 40)}, it must be ${wanted}`);
}
