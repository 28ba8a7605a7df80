/** For readers of run folders, beside a run or after it. */
import { basename, join } from 'node:path';
import { openSafetensors } from '@pengi/checkpoint';
import { isPengiError, type NdArray, PengiError, type Tree } from '@pengi/core';
import type { Arrays } from '@pengi/jit';
import { CHECKPOINTS, nameOf, partFile, readPart, verifyCheckpoint } from './checkpoint.js';
import type { Manifest } from './manifest.js';
import { type PointerName, readPointer } from './pointers.js';
import { mergeParams, splitParams } from './split.js';

/** A checkpoint whose every byte has been checked. */
export interface RunCheckpoint {
  /** Its folder. */
  readonly dir: string;
  readonly manifest: Manifest;
}

/**
 * A checkpoint of the run in `dir`: the latest, the best, or that of a step. The run may go on meanwhile.
 * @throws PengiError E_NOT_FOUND when there is none, E_CHECKPOINT when it is damaged, E_IO
 */
export async function openCheckpoint(
  dir: string,
  which: PointerName | number = 'latest',
): Promise<RunCheckpoint> {
  const folder = join(dir, CHECKPOINTS);
  for (let tried: number | undefined; ; ) {
    const step = typeof which === 'number' ? which : (await readPointer(dir, which))?.step;
    if (step === undefined)
      throw new PengiError('E_NOT_FOUND', `has no ${which} checkpoint`, {
        file: dir,
        hint:
          which === 'best'
            ? 'train with the option "best" and with evaluations'
            : 'is this the folder of a run, and has it come to its first checkpoint?',
      });
    try {
      return { dir: join(folder, nameOf(step)), manifest: await verifyCheckpoint(folder, step) };
    } catch (error) {
      // Where the run has gone on in between, that one may be gone, and there is a newer one.
      if (step === tried || !isPengiError(error) || error.code !== 'E_CHECKPOINT') throw error;
      tried = step;
    }
  }
}

/**
 * All parameters as a checkpoint has them; where averages are kept, these, as evaluations see them.
 * @param params those of the task: what was frozen is taken from them. A task with a `plain` form has that of the result
 * @throws PengiError as `openCheckpoint`, and E_WEIGHTS when it is of another model
 */
export async function checkpointParams<P>(
  dir: string,
  which: PointerName | number,
  params: Arrays<P>,
): Promise<Arrays<P>> {
  const { dir: checkpoint, manifest } = await openCheckpoint(dir, which);
  const read = async (part: 'params' | 'buffers' | 'ema') => {
    const file = partFile(checkpoint, part);
    if (!manifest.files[basename(file)]) return {};
    const { tensors } = await openSafetensors(file);
    const { trainable } = splitParams(params as Tree<NdArray>, (path) => !tensors.has(path));
    return readPart(checkpoint, part, trainable, manifest.task);
  };
  const { frozen } = splitParams(params as Tree<NdArray>, () => true);
  return mergeParams<Arrays<P>>(
    params,
    frozen,
    await read('buffers'),
    await read('params'),
    await read('ema'),
  );
}
