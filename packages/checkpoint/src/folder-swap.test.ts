import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { writeFolderAtomic } from './index.js';

const disk = vi.hoisted(() => ({ broken: false }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return {
    ...real,
    rename: async (from: string, to: string) => {
      if (disk.broken && from.endsWith('.tmp'))
        throw Object.assign(new Error('broken disk'), { code: 'EIO' });
      return real.rename(from, to);
    },
  };
});

it('puts the old folder back when the new one cannot take its place', async () => {
  const root = await mkdtemp(join(tmpdir(), 'pengi-checkpoint-'));
  const dir = join(root, 'model');
  await mkdir(dir);
  await writeFile(join(dir, 'weights'), 'old');
  disk.broken = true;
  const writing = writeFolderAtomic(dir, (temporary) => writeFile(join(temporary, 'weights'), 'new'), {
    mayReplace: () => true,
  });
  await expect(writing).rejects.toMatchObject({ code: 'E_IO', file: dir });
  expect(await readFile(join(dir, 'weights'), 'utf8')).toBe('old');
  expect(await readdir(root)).toEqual(['model']);
  await rm(root, { recursive: true });
});
