import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installFolder, readInstalled } from './folder.js';
import { type InstallOptions, installRelease, uninstall } from './install.js';
import { type PackageIndex, startIndex } from './testing/server.js';
import { LIBRARIES, noise, RELEASE, WHEEL, zipOf } from './testing/wheel.js';

let index: PackageIndex;
let cache: string;
let said: string[];
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'pengi-tensorflow-'));
  index = await startIndex();
  said = [];
});
afterEach(async () => {
  await index.close();
  await rm(cache, { recursive: true, force: true });
});

const putKernels = async (folder: string) => writeFile(join(folder, 'kernels'), 'stand-in');

const install = (options: InstallOptions = {}) =>
  installRelease(
    RELEASE,
    { cache, indexUrl: index.url, through: 'https', say: (line) => void said.push(line), ...options },
    putKernels,
  );

async function expectInstalled(): Promise<void> {
  for (const [path, content] of Object.entries(LIBRARIES))
    expect((await readFile(join(installFolder(cache), path))).equals(content)).toBe(true);
  expect(await readdir(cache)).toEqual(['tensorflow-native']);
  expect((await readdir(installFolder(cache))).sort()).toEqual(['install.json', 'kernels', 'tensorflow']);
}

describe('install', () => {
  it('reads the libraries out of the wheel, and not the whole wheel', async () => {
    // Far more than the blocks that the directory is read in.
    const padding = noise(3_000_000, 9);
    index.wheel = zipOf({ 'tensorflow/a.bin': padding, ...LIBRARIES, 'tensorflow/z.bin': padding });
    const release = { ...RELEASE, size: index.wheel.length };
    const result = await installRelease(
      release,
      { cache, indexUrl: index.url, through: 'https' },
      putKernels,
    );
    expect(result).toMatchObject({ through: 'range', version: '0.0.1', changed: true });
    await expectInstalled();
    const bytes = index.requests
      .flatMap((request) => [...request.matchAll(/bytes=(\d+)-(\d+)/g)])
      .reduce((sum, [, start, end]) => sum + Number(end) - Number(start) + 1, 0);
    expect(bytes).toBeLessThan(index.wheel.length / 2);
  });

  it('takes up a connection that breaks where it broke', async () => {
    index.cuts.push(2000, 5000);
    await install();
    await expectInstalled();
    expect(said.filter((line) => line.includes('trying again'))).toHaveLength(2);
  });

  it('downloads the whole wheel where the server gives no parts', async () => {
    index.ranges = false;
    expect((await install()).through).toBe('https');
    await expectInstalled();
  });

  it('takes a wheel at hand, and asks nobody', async () => {
    const wheel = join(cache, 'given.whl');
    await writeFile(wheel, WHEEL);
    expect((await install({ wheel })).through).toBe('file');
    expect(index.requests).toEqual([]);
    await rm(wheel);
    await expectInstalled();
  });

  it('does nothing when it is there, unless told to', async () => {
    await install();
    const asked = index.requests.length;
    expect((await install()).changed).toBe(false);
    expect(index.requests).toHaveLength(asked);
    expect((await install({ force: true })).changed).toBe(true);
    await expectInstalled();
  });

  it.each(['html', 'json'])('understands the %s page of an index', async (page) => {
    index.page = page;
    await install();
    await expectInstalled();
  });
});

describe('is refused, and leaves what was there, for', () => {
  const refused = async (expected: object, options?: InstallOptions) => {
    await expect(install({ force: true, ...options })).rejects.toMatchObject(expected);
    await expectInstalled(); // the former one
  };
  beforeEach(async () => {
    await install();
  });

  it('an index that names another checksum', async () => {
    index.sha256 = 'ab'.repeat(32);
    await refused({ code: 'E_CHECKPOINT', message: expect.stringContaining(RELEASE.sha256) });
  });

  it('a wheel of another size', async () => {
    index.wheel = Buffer.concat([WHEEL, WHEEL]);
    await refused({ code: 'E_CHECKPOINT', message: expect.stringContaining(String(RELEASE.size)) });
  });

  it.each([true, false])('a library with other bytes (parts of files: %s)', async (ranges) => {
    index.ranges = ranges;
    index.wheel = Buffer.from(WHEEL);
    const at = WHEEL.indexOf('libtensorflow_cc.so.2') + 5000;
    index.wheel[at] = index.wheel[at]! ^ 1;
    await refused({ code: 'E_CHECKPOINT' });
  });

  it('a library of another size', async () => {
    const [first, ...others] = RELEASE.libraries;
    const release = { ...RELEASE, libraries: [{ ...first!, size: 5 }, ...others] };
    const failing = installRelease(release, { cache, indexUrl: index.url, through: 'https', force: true });
    await expect(failing).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringContaining('bytes 300000, pinned 5'),
    });
    await expectInstalled();
  });

  it('a wheel without the libraries', async () => {
    const wheel = join(cache, 'given.whl');
    await writeFile(
      wheel,
      zipOf({ 'tensorflow/libtensorflow_cc.so.2': LIBRARIES['tensorflow/libtensorflow_cc.so.2']! }),
    );
    const failing = install({ force: true, wheel });
    await expect(failing).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringContaining('libtensorflow_framework.so.2'),
    });
  });

  it.each([
    ['half a wheel', WHEEL.subarray(0, WHEEL.length / 2)],
    ['no zip file', Buffer.from('hello')],
    ['an empty file', Buffer.alloc(0)],
  ])('%s', async (_what, bytes) => {
    const wheel = join(cache, 'given.whl');
    await writeFile(wheel, bytes);
    await expect(install({ force: true, wheel })).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      file: wheel,
    });
  });

  it('a wheel that is not there', async () => {
    await refused({ code: 'E_NOT_FOUND' }, { wheel: join(cache, 'none.whl') });
  });

  it('an index without the wheel, and one that is a web page', async () => {
    for (const page of ['<html></html>', '<a href="x">tensorflow_cpu-0.0.2.whl</a>']) {
      index.page = page;
      await refused({ code: 'E_NOT_FOUND', message: expect.stringContaining(RELEASE.wheel) });
    }
  });

  it('a machine without a connection', async () => {
    const { url } = index;
    await index.close();
    await refused({ code: 'E_IO', hint: expect.stringContaining('--wheel') }, { indexUrl: url });
  });

  it('an index that is no address', async () => {
    await refused({ code: 'E_USAGE' }, { indexUrl: 'pypi' });
  });

  it('another installation under way, when not told to wait', async () => {
    const lock = `${installFolder(cache)}.lock`;
    await writeFile(lock, JSON.stringify({ pid: 1, host: 'elsewhere' }));
    await expect(install({ wait: false })).rejects.toMatchObject({ code: 'E_BUSY' });
    await rm(lock);
    await expectInstalled();
  });
});

describe('names and passwords of an index', () => {
  it('go with its files and are not shown', async () => {
    const indexUrl = index.url.replace('127', 'user:secret@127');
    await install({ indexUrl });
    index.page = '<html></html>';
    const error = await install({ indexUrl, force: true }).catch((error) => error);
    expect(error).toMatchObject({ code: 'E_NOT_FOUND' });
    expect(`${said.join()} ${error.line}`).not.toContain('secret');
  });
});

describe('uninstall', () => {
  it('removes what is there, once', async () => {
    await install();
    expect(await uninstall(cache)).toBe(true);
    expect(await readdir(cache)).toEqual([]);
    expect(await uninstall(cache)).toBe(false);
  });

  it('leaves a folder that is none of its own', async () => {
    await mkdir(installFolder(cache));
    await writeFile(join(installFolder(cache), 'mine'), '');
    expect(await uninstall(cache)).toBe(false);
    await expect(install()).rejects.toMatchObject({ code: 'E_CANNOT_CREATE' });
    expect(existsSync(join(installFolder(cache), 'mine'))).toBe(true);
    expect(await readInstalled(installFolder(cache))).toBeUndefined();
  });
});
