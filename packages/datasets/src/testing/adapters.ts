import { relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DATA_SETS, type DataSetId } from '../sets/index.js';
import type { Item } from '../sets/item.js';
import { temporaryFolder } from './files.js';
import { writeTree } from './tree.js';

export interface AdapterCase {
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** What is expected of each item, in order; `audio` counts from the folder, what is not named is not looked at. */
  readonly items: readonly (Partial<Omit<Item, 'audio'>> & { readonly audio: string })[];
  /** "kind file:line" of each problem, or "missing-split name". */
  readonly problems?: readonly string[];
}

export type AdapterCases = Partial<Record<DataSetId, AdapterCase>>;

/** Reads each tiny copy of a data set, and compares everything that was found. */
export function testAdapters(cases: AdapterCases): void {
  const folder = temporaryFolder();
  describe.each(Object.entries(cases))('the adapter of %s', (id, { files, items, problems = [] }) => {
    it('reads the official layout', async () => {
      await writeTree(folder(), files);
      const reading = await DATA_SETS[id as DataSetId].read(folder());
      expect(reading.items.map((item) => ({ ...item, audio: relative(folder(), item.audio) }))).toEqual(
        items.map((item) => expect.objectContaining(item)),
      );
      const found = reading.problems.map(({ kind, file, line, split }) =>
        kind === 'missing-split'
          ? `${kind} ${split}`
          : `${kind} ${file}${line === undefined ? '' : `:${line}`}`,
      );
      expect(found.sort()).toEqual([...problems].sort());
    });
  });
}
