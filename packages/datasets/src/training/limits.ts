import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Lets so many items and so many of their bytes be under way at once; the others wait in the order in which they came. */
export interface Gate {
  /** Waits for a place. What is called with the bytes that an item turned out to have holds back those that follow. */
  enter(): Promise<Pass>;
}

export interface Pass {
  weigh(bytes: number): void;
  leave(): void;
}

export function createGate(maxItems: number, maxBytes: number): Gate {
  const waiting: (() => void)[] = [];
  let items = 0;
  let bytes = 0;
  // One item is always let in, however large it is.
  const isOpen = () => items === 0 || (items < maxItems && bytes < maxBytes);
  const admit = () => {
    while (waiting.length > 0 && isOpen()) {
      items++;
      waiting.shift()?.();
    }
  };
  return {
    async enter() {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        admit();
      });
      let weight = 0;
      return {
        weigh(found) {
          bytes += found - weight;
          weight = found;
        },
        leave() {
          items--;
          bytes -= weight;
          admit();
        },
      };
    },
  };
}

/**
 * Whether a folder may still grow, for a cache with a limit. What is in it stays: training goes round and round over all
 * examples, so that dropping the oldest for the newest would leave nothing that is still to come. Other processes may
 * write to the same folder; it is measured again each time that a part of the free space was written.
 */
export interface Budget {
  hasRoom(): Promise<boolean>;
  spend(bytes: number): void;
}

export function createBudget(folder: string, limit: number): Budget {
  /** Of the free space, what is written before measuring again: so few that eight processes do not write too much. */
  const PART = 8;
  let allowed = 0;
  let measuring: Promise<void> | undefined;
  let isFull = false;
  const measure = async () => {
    const free = limit - (await bytesIn(folder));
    isFull = free < limit / 100;
    allowed = isFull ? 0 : free / PART;
    measuring = undefined;
  };
  return {
    async hasRoom() {
      if (allowed <= 0 && !isFull) {
        measuring ??= measure();
        await measuring;
      }
      return allowed > 0;
    },
    spend(bytes) {
      allowed -= bytes;
    },
  };
}

async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const sizes = entries.map((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return bytesIn(path);
    return stat(path).then(
      ({ size }) => size,
      () => 0,
    );
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
