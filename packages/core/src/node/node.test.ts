import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { formatSeconds, writeFileAtomic } from './index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pengi-core-'));
});

describe('writeFileAtomic', () => {
  it('replaces a file and leaves nothing else', async () => {
    const path = join(folder, 'a.json');
    await writeFile(path, 'old');
    await writeFileAtomic(path, 'new');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['a.json']);
  });

  it('keeps the old content when writing fails half way', async () => {
    const path = join(folder, 'a.json');
    await writeFile(path, 'old');
    const failing = writeFileAtomic(path, async (file) => {
      await file.write('half');
      throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    });
    await expect(failing).rejects.toMatchObject({ code: 'E_DISK_FULL', file: path });
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['a.json']);
  });

  it('says when the folder is missing', async () => {
    await expect(writeFileAtomic(join(folder, 'no', 'a'), 'x')).rejects.toMatchObject({
      code: 'E_CANNOT_CREATE',
    });
  });
});

describe('formatSeconds', () => {
  it.each([
    [5, '0:05'],
    [75, '1:15'],
    [4000, '1:06:40'],
  ])('%d s is %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });
});
