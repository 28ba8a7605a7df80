import type { Arrays, Engine } from '@pengi/jit';
import type { Batch, TrainTask } from './task.js';

/**
 * The mean loss over batches that are not trained on, without dropout: for `evaluate` of a task. Batches of fewer samples
 * count for less.
 */
export function validationLoss<P, B>(
  { name, loss }: Pick<TrainTask<P, B>, 'name' | 'loss'>,
  batches: readonly Batch<B>[],
  engine: Engine,
): (params: Arrays<P>, step?: number, signal?: AbortSignal) => Promise<{ validationLoss: number }> {
  const program = engine.compile(
    (_none: object, params: P, batch: B) => {
      const value = loss(params, batch, undefined);
      return 'loss' in value ? value.loss : value;
    },
    {},
    { name: `the validation loss of ${name}` },
  );
  return async (params, _step, signal) => {
    let [sum, samples] = [0, 0];
    for (const { arrays, ids } of batches) {
      signal?.throwIfAborted();
      const { data } = await program.run(params, arrays);
      sum += Number(data[0]) * ids.length;
      samples += ids.length;
    }
    return { validationLoss: sum / samples };
  };
}
