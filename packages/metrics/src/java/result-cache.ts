import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Results by what they were computed from: a file of lines `{"key", "value"}`, appended to. */
export interface ResultCache<T> {
  get(key: string): T | undefined;
  /** Keeps results; a disk that refuses them is no reason to fail. */
  add(entries: readonly (readonly [key: string, value: T])[]): Promise<void>;
}

/**
 * @param path undefined: results live as long as this object
 * @param isValid whether a stored value is what it should be; a line that is not (a torn one, for instance) is passed over
 */
export async function openResultCache<T>(
  path: string | undefined,
  isValid: (value: unknown) => value is T,
): Promise<ResultCache<T>> {
  const known = new Map<string, T>();
  const text = path === undefined ? '' : await readFile(path, 'utf8').catch(() => '');
  for (const line of text.split('\n')) {
    try {
      const { key, value } = JSON.parse(line) as { key: unknown; value: unknown };
      if (typeof key === 'string' && isValid(value)) known.set(key, value);
    } catch {
      // an empty last line, or one whose writer was killed
    }
  }
  return {
    get: (key) => known.get(key),
    async add(entries) {
      for (const [key, value] of entries) known.set(key, value);
      if (path === undefined || entries.length === 0) return;
      // A leading line end closes a torn line of an earlier run.
      const added = entries.map(([key, value]) => `\n${JSON.stringify({ key, value })}`).join('');
      try {
        await mkdir(dirname(path), { recursive: true });
        await appendFile(path, `${added}\n`);
      } catch {
        // see above
      }
    },
  };
}

/** A key of texts in their order. */
export function contentKey(...texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${Buffer.byteLength(text)}:`).update(text);
  return hash.digest('hex');
}
