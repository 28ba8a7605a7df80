/** Takes batches in the order of the steps, one ahead: the next one is asked for when the current one is handed out. */
export interface Batches<T> {
  /** The batch of `step`; undefined when `signal` aborts while it is waited for. */
  take(step: number, signal?: AbortSignal): Promise<T | undefined>;
}

/** @param end the step after the last */
export function prefetched<T>(get: (step: number) => Promise<T>, end: number): Batches<T> {
  let ahead: { step: number; batch: Promise<T> } | undefined;

  const ask = (step: number) => {
    const batch = (async () => get(step))(); // so that what `get` throws at once is a rejection as well
    batch.catch(() => undefined); // reported when the batch is taken; a batch that nobody takes any more may fail
    return { step, batch };
  };

  return {
    async take(step, signal) {
      const current = ahead?.step === step ? ahead : ask(step);
      ahead = undefined;
      const batch = await unlessAborted(current.batch, signal);
      if (batch !== undefined && step + 1 < end) ahead = ask(step + 1);
      return batch;
    },
  };
}

/** `Promise.race` would add to the signal at every call; this takes its listener away again. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  if (!signal) return promise;
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const stop = () => resolve(undefined);
    const done = () => signal.removeEventListener('abort', stop);
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(done);
  });
}
