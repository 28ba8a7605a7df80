import { setImmediate } from 'node:timers/promises';
import { beforeEach, expect, it, vi } from 'vitest';
import { type Cache, createCache } from './graph-cache.js';

/** A cache of two strings that writes down what it makes and releases. */
let log: string[];
let cache: Cache<string>;
beforeEach(() => {
  log = [];
  cache = createCache(2, async (item) => {
    await setImmediate();
    log.push(`-${item}`);
  });
});

const make = (item: string) => async () => {
  await setImmediate();
  log.push(`+${item}`);
  return item;
};
const use = (key: string) => cache.use(key, make(key), async (item) => item);

/** A use of `key` that lasts until it is told to end. */
function longUse(key: string): { result: Promise<string>; end: () => void } {
  let end!: () => void;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const result = cache.use(key, make(key), async (item) => {
    await ended;
    return item;
  });
  return { result, end };
}

it('makes an item once, also for uses at the same time', async () => {
  expect(await Promise.all([use('a'), use('a')])).toEqual(['a', 'a']);
  expect(await use('a')).toBe('a');
  expect(log).toEqual(['+a']);
});

it('releases the least recently used item before it makes another', async () => {
  for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) await use(key);
  expect(log).toEqual(['+a', '+b', '-b', '+c', '-c', '+b']);
});

it('does not release what is in use, and makes up for it afterwards', async () => {
  const [a, b] = [longUse('a'), longUse('b')];
  await use('c');
  expect(log).toEqual(['+a', '+b', '+c', '-c']);
  a.end();
  expect(await a.result).toBe('a');
  await use('d'); // in the place of a, as b is still in use
  expect(log.slice(4)).toEqual(['-a', '+d']);
  b.end();
  expect(await b.result).toBe('b');
});

it('does not release what is being made', async () => {
  const one = createCache<string>(1, async (item) => void log.push(`-${item}`));
  await Promise.all(['a', 'b'].map((key) => one.use(key, make(key), async () => undefined)));
  expect(log.filter((entry) => entry.startsWith('+'))).toEqual(['+a', '+b']);
  expect(log.filter((entry) => entry.startsWith('-'))).toHaveLength(1);
  await one.dispose();
});

it('does not remember a failure', async () => {
  const fail = async (): Promise<string> => {
    await setImmediate();
    throw new Error('not made');
  };
  const attempts = [1, 2].map(() => cache.use('a', fail, async (item) => item));
  for (const result of await Promise.allSettled(attempts))
    expect(result).toMatchObject({ status: 'rejected', reason: { message: 'not made' } });
  expect(await use('a')).toBe('a');
  await cache.dispose();
  expect(log).toEqual(['+a', '-a']);
});

it('keeps an item whose use has failed', async () => {
  const failing = cache.use('a', make('a'), async () => {
    throw new Error('not used');
  });
  await expect(failing).rejects.toThrow('not used');
  await use('a');
  expect(log).toEqual(['+a']);
});

it('waits for all uses and releases all items when it is disposed', async () => {
  await use('a');
  const b = longUse('b');
  let isDisposed = false;
  const disposed = cache.dispose().then(() => {
    isDisposed = true;
  });
  await vi.waitFor(() => expect(log).toEqual(['+a', '+b']));
  await setImmediate();
  expect([isDisposed, log]).toEqual([false, ['+a', '+b']]);
  b.end();
  await disposed;
  expect(await b.result).toBe('b');
  expect(log).toEqual(['+a', '+b', '-a', '-b']);
});

it('waits for releases under way when it is disposed', async () => {
  const uses = ['a', 'b', 'c'].map(use);
  await cache.dispose();
  await Promise.all(uses);
  expect(log.filter((entry) => entry.startsWith('-')).sort()).toEqual(['-a', '-b', '-c']);
});
