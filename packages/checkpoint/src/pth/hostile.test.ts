import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOSTILE_LEGACY, HOSTILE_PICKLES, HOSTILE_TENSORS } from '../testing/hostile-pickle.js';
import { HOSTILE_ZIPS } from '../testing/hostile-zip.js';
import { openPth } from './index.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pengi-hostile-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each([
  ['archives', HOSTILE_ZIPS],
  ['pickles', HOSTILE_PICKLES],
  ['tensors', HOSTILE_TENSORS],
  ['files of the format before 1.6', HOSTILE_LEGACY],
])('refuses %s', (_, cases) => {
  it.each(cases)('%s', async (_, bytes, message) => {
    const path = join(folder, 'x.pth');
    writeFileSync(path, bytes());
    await expect(openPth(path)).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      file: path,
      message: expect.stringMatching(message),
    });
  });
});
