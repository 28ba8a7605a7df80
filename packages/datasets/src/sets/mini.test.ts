import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { DATA_SETS, type DataSetId } from './index.js';
import { verifyDataSet } from './verify.js';

const workspace = resolve(dirname(fileURLToPath(import.meta.url)), '../../../..');
const root = resolve(workspace, process.env.PENGI_DATA ?? '../shared/data/mini');

/** Small real recordings in the official layouts: items by split, as their READMEs count them. */
const MINI: Partial<Record<DataSetId, Record<string, number>>> = {
  esc50: { all: 163 },
  fsd50k: { train: 48, val: 12, eval: 29 },
  nsynth: { train: 54, valid: 18, test: 18 },
  audiocaps: { train: 22, val: 8, test: 8 },
  clotho: { development: 47, validation: 9, evaluation: 9 },
  clothoaqa: { train: 30, val: 11, test: 12 },
  'gtzan-music-speech': { all: 32 },
  'gtzan-genres': { all: 5 },
  fsdd: { train: 420, test: 180 },
};

// Another root has other numbers.
const isThere = existsSync(root) && process.env.PENGI_DATA === undefined;
if (!isThere)
  console.warn(`${root} is not the mini data: ${Object.keys(MINI).length} data sets are not read`);

describe.skipIf(!isThere)('the mini data', () => {
  it.each(Object.entries(MINI))('hold %s', async (id, counts) => {
    const { splits, problems } = await verifyDataSet(DATA_SETS[id as DataSetId], root);
    expect(problems).toEqual([]);
    expect(Object.fromEntries(splits.map(({ split, usable }) => [split, usable]))).toEqual(counts);
  });
});
