/** What is expensive to make and to keep, by key. */
export interface Cache<T> {
  /** Gives `action` the item of `key`, which is made if need be and not released before `action` is over. */
  use<Result>(key: string, make: () => Promise<T>, action: (item: T) => Promise<Result>): Promise<Result>;
  /** Waits for all uses, then releases all items. There must be no use afterwards. */
  dispose(): Promise<void>;
}

interface Entry<T> {
  item: Promise<T>;
  /** Never 0 before the item is made; one that could not be made is forgotten before its users are told. */
  users: number;
}

/** @param keep so many items stay, the most recently used ones; more only while they are in use */
export function createCache<T>(keep: number, release: (item: T) => Promise<void>): Cache<T> {
  const entries = new Map<string, Entry<T>>(); // the least recently used first
  const uses = new Set<Promise<unknown>>();

  /** Releases what is not in use, the least recently used first, until `size` entries are left. */
  async function shrinkTo(size: number): Promise<void> {
    const unused = [...entries].filter(([, { users }]) => users === 0);
    const surplus = unused.slice(0, Math.max(0, entries.size - size));
    for (const [key] of surplus) entries.delete(key);
    await Promise.all(surplus.map(async ([, { item }]) => release(await item)));
  }

  function add(key: string, make: () => Promise<T>): Entry<T> {
    const forget = (error: unknown): never => {
      entries.delete(key);
      throw error;
    };
    // Room is made before, so that no more than `keep` are in memory at a time.
    return {
      item: shrinkTo(keep - 1)
        .then(make)
        .catch(forget),
      users: 0,
    };
  }

  async function use<Result>(
    key: string,
    make: () => Promise<T>,
    action: (item: T) => Promise<Result>,
  ): Promise<Result> {
    const entry = entries.get(key) ?? add(key, make);
    entries.delete(key);
    entries.set(key, entry); // now the most recently used
    entry.users++;
    try {
      return await action(await entry.item);
    } finally {
      entry.users--;
      await shrinkTo(keep);
    }
  }

  return {
    use(key, make, action) {
      const result = use(key, make, action);
      const over: Promise<unknown> = result.catch(() => undefined).then(() => uses.delete(over));
      uses.add(over);
      return result;
    },
    async dispose() {
      await Promise.all(uses);
      await shrinkTo(0);
    },
  };
}
