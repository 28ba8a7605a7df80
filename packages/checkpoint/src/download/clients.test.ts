import { chmod, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { mavenDownload, mavenPath } from './maven.js';
import { pipDownload } from './pip.js';

const WHEEL = {
  project: 'tensorflow-cpu',
  version: '2.20.0',
  wheel: 'tensorflow_cpu-2.20.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
  sha256: 'ab'.repeat(32),
};
const JAR = {
  group: 'edu.stanford.nlp',
  artifact: 'stanford-corenlp',
  version: '3.6.0',
  classifier: 'models',
};

let root: string;
let folder: string;
/** A program that notes its arguments, one a line, and the folder it runs in; then what is given. */
const program = async (name: string, then: string) => {
  const path = join(root, 'bin', name);
  await writeFile(
    path,
    `#!${process.execPath}\nconst args = process.argv.slice(2), fs = require('node:fs');
fs.writeFileSync(${JSON.stringify(join(root, 'args'))}, [process.cwd(), ...args].join('\\n'));\n${then}`,
  );
  await chmod(path, 0o755);
};
const noted = async () => (await readFile(join(root, 'args'), 'utf8')).split('\n');

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'pengi-clients-')));
  folder = join(root, 'folder');
  await mkdir(folder);
  await mkdir(join(root, 'bin'));
  vi.stubEnv('PATH', join(root, 'bin')); // no pip and no Maven but those
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true, force: true });
});

describe('pip', () => {
  it('is asked for exactly this wheel and checksum, whatever Python it runs on', async () => {
    await program('pip', '');
    expect(await pipDownload(WHEEL, folder)).toBe(join(folder, WHEEL.wheel));
    const args = await noted();
    const requirements = args[args.indexOf('--requirement') + 1]!;
    expect(await readFile(requirements, 'utf8')).toBe(
      `tensorflow-cpu==2.20.0 --hash=sha256:${WHEEL.sha256}\n`,
    );
    expect(args).toEqual(expect.arrayContaining(['download', '--no-deps', '--require-hashes', folder]));
    expect(args.join(' ')).toContain(
      '--implementation cp --python-version 311 --abi cp311 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64',
    );
    await pipDownload({ ...WHEEL, wheel: 'pycocoevalcap-1.2-py3-none-any.whl' }, folder);
    expect((await noted()).join(' ')).toContain(
      '--implementation py --python-version 3 --abi none --platform any',
    );
  });

  it('may be missing, or fail', async () => {
    expect(await pipDownload(WHEEL, folder)).toBeUndefined();
    await program('pip3', 'process.exit(args.includes("--version") ? 0 : 1)');
    await expect(pipDownload(WHEEL, folder, { hint: 'do that' })).rejects.toMatchObject({
      code: 'E_IO',
      message: expect.stringContaining(WHEEL.wheel),
      hint: expect.stringContaining('do that'),
    });
  });
});

describe('Maven', () => {
  it('copies one jar into the folder, away from any project and from the repository of the user', async () => {
    await program('mvn', '');
    expect(await mavenDownload(JAR, folder)).toBe(join(folder, 'stanford-corenlp-3.6.0-models.jar'));
    const [cwd, ...args] = await noted();
    expect(cwd).toBe(folder);
    expect(args).toEqual(
      expect.arrayContaining([
        '-Dartifact=edu.stanford.nlp:stanford-corenlp:3.6.0:jar:models',
        `-DoutputDirectory=${folder}`,
        `-Dmaven.repo.local=${join(folder, 'repository')}`,
      ]),
    );
  });

  it('may be missing, or fail', async () => {
    expect(await mavenDownload(JAR, folder)).toBeUndefined();
    await program('mvn', 'process.exit(1)');
    await expect(mavenDownload(JAR, folder)).rejects.toMatchObject({ code: 'E_IO' });
  });

  it('has a jar at the path that repositories are laid out by', () => {
    expect(mavenPath(JAR).path).toBe(
      'edu/stanford/nlp/stanford-corenlp/3.6.0/stanford-corenlp-3.6.0-models.jar',
    );
  });
});
