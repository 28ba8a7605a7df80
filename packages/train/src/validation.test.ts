import { createEngine } from '@pengi/jit';
import { describe, expect, it } from 'vitest';
import { smallTask } from './testing/small-task.js';
import { validationLoss } from './validation.js';

describe('validationLoss', () => {
  it('is the mean over samples, without dropout', async () => {
    const engine = await createEngine('cpu');
    const task = smallTask({ rate: 0.9 });
    const [one, other] = [await task.batch(0), await task.batch(1)];
    const lossOf = async (batches: (typeof one)[]) =>
      (await validationLoss(task, batches, engine)(task.params)).validationLoss;
    const [a, b] = [await lossOf([one]), await lossOf([other])];
    expect(a).not.toBeCloseTo(b, 3);
    expect(await lossOf([one, other])).toBeCloseTo((a + b) / 2, 6);
    // A batch that stands for two samples counts half as much as one that stands for four.
    expect(await lossOf([{ ...one, ids: one.ids.slice(0, 2) }, other])).toBeCloseTo((2 * a + 4 * b) / 6, 6);
    const undropped = smallTask({ rate: 0 });
    expect((await validationLoss(undropped, [one], engine)(undropped.params)).validationLoss).toBeCloseTo(
      a,
      6,
    );
  });
});
