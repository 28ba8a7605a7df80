import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { digestOf } from './digest.js';

/** Of "abc": FIPS 180-2, appendix B.1. */
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-digest-'));
  await writeFile(join(dir, 'abc'), 'abc');
});
afterAll(() => rm(dir, { recursive: true }));

it.each([
  ['here', 4],
  ['in a thread', 3],
])('hashes a file %s', async (_where, worthAThread) => {
  const { sha256, stop } = digestOf(join(dir, 'abc'), 3, worthAThread);
  expect(await sha256).toBe(ABC);
  await stop();
});

it('gives an error when the thread fails or is stopped', async () => {
  const missing = digestOf(join(dir, 'nowhere'), 3, 0);
  await expect(missing.sha256).rejects.toThrow('does not exist');
  const stopped = digestOf(join(dir, 'abc'), 3, 0);
  await stopped.stop();
  await expect(stopped.sha256).rejects.toMatchObject({ code: 'E_WORKER' });
});
