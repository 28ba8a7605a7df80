import { describe, expect, it } from 'vitest';
import { prefetched } from './batches.js';

describe('prefetched batches', () => {
  it('are one ahead', async () => {
    const asked: number[] = [];
    const batches = prefetched(async (step) => {
      asked.push(step);
      return step * 10;
    }, 3);
    expect(await batches.take(0)).toBe(0);
    expect(asked).toEqual([0, 1]);
    expect([await batches.take(1), await batches.take(2)]).toEqual([10, 20]);
    expect(asked).toEqual([0, 1, 2]);
  });

  it('report a failure when the batch is taken, not before, and not if nobody takes it', async () => {
    const batches = prefetched((step): Promise<number> => {
      if (step === 1) throw new Error('at once');
      return Promise.resolve(step);
    }, 3);
    expect(await batches.take(0)).toBe(0);
    await new Promise(setImmediate); // an unhandled rejection would show here
    await expect(batches.take(1)).rejects.toThrow('at once');
  });

  it('are given up when the signal aborts, and leave no listener', async () => {
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const counted = Object.assign(Object.create(signal), {
      addEventListener: (...args: [string, () => void]) => {
        listeners++;
        signal.addEventListener(...args);
      },
      removeEventListener: (...args: [string, () => void]) => {
        listeners--;
        signal.removeEventListener(...args);
      },
    }) as AbortSignal;
    Object.defineProperty(counted, 'aborted', { get: () => signal.aborted });
    const batches = prefetched(
      (step) => (step < 2 ? Promise.resolve(step) : new Promise<never>(() => undefined)),
      9,
    );
    await batches.take(0, counted);
    await batches.take(1, counted);
    await Promise.resolve();
    expect(listeners).toBe(0);
    const waiting = batches.take(2, counted);
    controller.abort();
    expect(await waiting).toBeUndefined();
    expect(await batches.take(0, counted)).toBeUndefined();
  });
});
