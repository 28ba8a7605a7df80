import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { main } from './main.js';

let out: string;
let err: string;
let cache: string;
beforeEach(async () => {
  out = '';
  err = '';
  cache = await mkdtemp(join(tmpdir(), 'pengi-tensorflow-'));
  vi.stubEnv('PENGI_CACHE', cache);
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += text;
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true });
});

it.each([
  [['frobnicate'], /^E_USAGE no command "frobnicate"/],
  [['install', 'gpu'], /^E_USAGE one command/],
  [['install', '--gpus'], /^E_USAGE .*--gpus/],
  [['install', '--through', 'ftp'], /^E_USAGE .*https or pip/],
])('%j is a wrong usage', async (args, message) => {
  expect(await main(args)).toBe(2);
  expect(err).toMatch(message);
  expect(out).toBe('');
});

it('explains itself', async () => {
  expect(await main(['--help'])).toBe(0);
  expect(out).toContain('tensorflow-native install');
  expect(await main([])).toBe(2);
});

// Elsewhere there is no wheel to read.
it.runIf(process.platform === 'linux')('gives errors as JSON', async () => {
  expect(await main(['install', '--wheel', join(cache, 'none.whl'), '--json'])).toBe(66);
  expect(JSON.parse(err)).toMatchObject({ error: { code: 'E_NOT_FOUND', file: join(cache, 'none.whl') } });
});

it('says what is missing, and how to get it', async () => {
  expect(await main(['status', '--json'])).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    folder: join(cache, 'tensorflow-native'),
    problem: expect.stringContaining('npx @pengi/tensorflow-native install'),
  });
});

it('has nothing to remove', async () => {
  expect(await main(['uninstall'])).toBe(0);
  expect(out).toBe('nothing was installed\n');
});
