/** What is expensive to make and to keep, by key. */
export interface Cache<T> {
  /** Gives `action` the item of `key`, which is made if need be and not released before `action` is over. */
  use<Result>(key: string, make: () => Promise<T>, action: (item: T) => Promise<Result>): Promise<Result>;
  /** Waits for all actions, then releases all items. */
  dispose(): Promise<void>;
}

interface Entry<T> {
  item: Promise<T>;
  users: number;
}

/** @param keep so many items stay, the most recently used ones; more only while all of them are in use */
export function createCache<T>(keep: number, release: (item: T) => Promise<void>): Cache<T> {
  const entries = new Map<string, Entry<T>>(); // the least recently used first
  const running = new Set<Promise<void>>();

  async function shrinkTo(size: number): Promise<void> {
    for (const [key, { item, users }] of entries) {
      if (entries.size <= size) return;
      if (users > 0) continue;
      entries.delete(key);
      await item.then(release);
    }
  }

  function entryOf(key: string, make: () => Promise<T>): Entry<T> {
    // Room is made before, so that no more than `keep` are in memory at a time.
    const entry = entries.get(key) ?? { item: shrinkTo(keep - 1).then(make), users: 0 };
    entries.delete(key);
    entries.set(key, entry);
    entry.item.catch(() => {
      if (entries.get(key) === entry) entries.delete(key); // a failure is not remembered
    });
    return entry;
  }

  async function act<Result>(entry: Entry<T>, action: (item: T) => Promise<Result>): Promise<Result> {
    entry.users++;
    try {
      return await action(await entry.item);
    } finally {
      entry.users--;
    }
  }

  return {
    async use(key, make, action) {
      const result = act(entryOf(key, make), action);
      const done = result.then(
        () => undefined,
        () => undefined,
      );
      running.add(done);
      try {
        return await result;
      } finally {
        running.delete(done);
        await shrinkTo(keep);
      }
    },
    async dispose() {
      await Promise.all(running);
      await shrinkTo(0);
    },
  };
}
