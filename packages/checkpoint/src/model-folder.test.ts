import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { floats } from '@pengi/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openModelFolder, saveModelFolder, sha256File, writeFolderAtomic } from './index.js';

let root: string;
let dir: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pengi-checkpoint-'));
  dir = join(root, 'model');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const model = (value: number) => ({
  config: { depths: [2, 2], value },
  tensors: { encoder: { w: floats([value, 2, 3, 4], [2, 2]) }, scale: floats([1], []) },
});
const valueIn = async (folder: string) => (await openModelFolder(folder)).file.array('encoder.w').data[0];

describe('saveModelFolder', () => {
  it('writes what openModelFolder opens', async () => {
    const written = await saveModelFolder(dir, model(1));
    const opened = await openModelFolder(dir);
    expect(opened.config).toEqual({ depths: [2, 2], value: 1 });
    expect([...opened.file.tensors.keys()]).toEqual(['encoder.w', 'scale']);
    expect(opened.file.array('encoder.w').data).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(await opened.sha256()).toBe(written.sha256);
    expect(await sha256File(join(dir, 'model.safetensors'))).toBe(written.sha256);
    expect((await readdir(dir)).sort()).toEqual(['README.md', 'config.json', 'model.safetensors']);
  });

  it('writes a card with licence, facts, number of parameters and SHA-256', async () => {
    const card = {
      title: 'CLAP tiny',
      text: 'Says what it hears.\n',
      licence: 'MIT',
      tags: ['audio'],
      facts: { 'Trained | on': 'clips' },
    };
    const { sha256 } = await saveModelFolder(dir, { ...model(1), card, tokenizer: { kind: 'gpt2' } });
    expect(await readFile(join(dir, 'README.md'), 'utf8')).toBe(`---
license: "mit"
tags: ["audio"]
---

# CLAP tiny

Says what it hears.

| | |
|---|---|
| Licence | MIT |
| Parameters | 5 |
| Tensors | 2 |
| Bytes of model.safetensors | ${(await readFile(join(dir, 'model.safetensors'))).length} |
| SHA-256 of model.safetensors | \`${sha256}\` |
| Trained \\| on | clips |
`);
    expect(JSON.parse(await readFile(join(dir, 'tokenizer.json'), 'utf8'))).toEqual({ kind: 'gpt2' });
  });

  it('stores in half precision when asked', async () => {
    await saveModelFolder(dir, model(1), { dtype: 'BF16' });
    expect((await openModelFolder(dir)).file.tensors.get('scale')?.dtype).toBe('BF16');
  });

  it('replaces a model, an empty folder and the target of a link, and leaves nothing beside', async () => {
    await mkdir(dir);
    await symlink(dir, join(root, 'link'));
    await saveModelFolder(dir, { ...model(1), tokenizer: {} });
    await saveModelFolder(join(root, 'link'), model(2));
    expect(await valueIn(dir)).toBe(2);
    expect((await readdir(dir)).sort()).toEqual(['README.md', 'config.json', 'model.safetensors']);
    expect((await readdir(root)).sort()).toEqual(['link', 'model']);
  });

  it('saves a model over the folder that its weights are still read from', async () => {
    await saveModelFolder(dir, model(3));
    const { file } = await openModelFolder(dir);
    await saveModelFolder(dir, { config: {}, tensors: { encoder: { w: file.array('encoder.w') } } });
    expect(await valueIn(dir)).toBe(3);
  });

  it('keeps the old model when the new one cannot be finished', async () => {
    await saveModelFolder(dir, model(1));
    const broken = { config: {}, tensors: { w: floats([1e6]) } };
    await expect(saveModelFolder(dir, broken, { dtype: 'F16' })).rejects.toMatchObject({
      code: 'E_ST_TENSOR',
      file: join(dir, 'model.safetensors'),
    });
    expect(await valueIn(dir)).toBe(1);
    expect(await readdir(root)).toEqual(['model']);
  });

  it.each([
    ['a folder with other files', ['notes.txt']],
    ['a model folder with other files', ['config.json', 'model.safetensors', 'vocab.json']],
    ['half a model folder', ['config.json']],
  ])('refuses to replace %s', async (_, names) => {
    await mkdir(dir);
    for (const name of names) await writeFile(join(dir, name), 'mine');
    await expect(saveModelFolder(dir, model(1))).rejects.toMatchObject({
      code: 'E_CANNOT_CREATE',
      file: dir,
    });
    expect((await readdir(dir)).sort()).toEqual(names);
    expect(await readdir(root)).toEqual(['model']);
  });

  it('refuses to replace a file', async () => {
    await writeFile(dir, 'mine');
    await expect(saveModelFolder(dir, model(1))).rejects.toMatchObject({
      code: 'E_CANNOT_CREATE',
      file: dir,
    });
    expect(await readFile(dir, 'utf8')).toBe('mine');
  });
});

describe('writeFolderAtomic', () => {
  it('shows nothing before the folder is complete', async () => {
    await writeFolderAtomic(dir, async (temporary) => {
      await writeFile(join(temporary, 'a'), '1');
      expect(await readdir(root)).not.toContain('model');
    });
    expect(await readdir(dir)).toEqual(['a']);
  });

  it('refuses a folder that got files while the new one was made', async () => {
    const writing = writeFolderAtomic(dir, async () => {
      await mkdir(dir);
      await writeFile(join(dir, 'mine'), '');
    });
    await expect(writing).rejects.toMatchObject({ code: 'E_CANNOT_CREATE' });
    expect(await readdir(dir)).toEqual(['mine']);
    expect(await readdir(root)).toEqual(['model']);
  });

  it('removes what dead processes left, and only that', async () => {
    const leftovers = [
      leftover(deadPid(), 'tmp'),
      leftover(process.pid, 'tmp'),
      '.model.elsewhere.1-00000000.tmp',
    ];
    for (const name of leftovers) await mkdir(join(root, name));
    await writeFolderAtomic(dir, async () => undefined);
    expect((await readdir(root)).sort()).toEqual([...leftovers.slice(1), 'model'].sort());
  });

  it('puts back a folder that a dead process had moved aside, before it writes', async () => {
    await saveModelFolder(dir, model(1));
    await rename(dir, join(root, leftover(deadPid(), 'old')));
    await expect(openModelFolder(dir)).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      hint: expect.stringContaining('.old: rename that back'),
    });
    const fail = async () => {
      throw new Error('no');
    };
    const failing = writeFolderAtomic(dir, fail, { mayReplace: () => true });
    await expect(failing).rejects.toMatchObject({ code: 'E_IO' });
    expect(await valueIn(dir)).toBe(1);
    expect(await readdir(root)).toEqual(['model']);
  });
});

describe('openModelFolder', () => {
  it.each<[string, () => Promise<unknown>, string, RegExp, RegExp]>([
    ['nothing', async () => undefined, 'E_NOT_FOUND', /no such folder/, /^$/],
    ['a .pth file', async () => pytorchFile(), 'E_CHECKPOINT', /PyTorch/, /convert/],
    ['another file', async () => writeFile(dir, 'x'), 'E_CHECKPOINT', /is a file; a model folder holds/, /./],
    [
      'an empty folder',
      async () => mkdir(dir),
      'E_CHECKPOINT',
      /^config.json is missing; a model folder holds/,
      /./,
    ],
    [
      'a folder without weights',
      async () => broken('model.safetensors'),
      'E_CHECKPOINT',
      /^model.saf\S+ is missing/,
      /./,
    ],
    [
      'a config that is not JSON',
      async () => broken('config.json', '{'),
      'E_CHECKPOINT',
      /not valid JSON/,
      /^$/,
    ],
    [
      'weights that are no safetensors',
      async () => broken('model.safetensors', 'PK\x03\x04 and more'),
      'E_ST_HEADER',
      /exceeds/,
      /PyTorch/,
    ],
  ])('refuses %s', async (_, make, code, message, hint) => {
    await make();
    const error = await openModelFolder(dir).catch((error: unknown) => error);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect((error as { hint?: string }).hint ?? '').toMatch(hint);
  });
});

/** A saved model with one file removed or replaced. */
async function broken(name: string, content?: string): Promise<void> {
  await saveModelFolder(dir, model(1));
  await rm(join(dir, name));
  if (content !== undefined) await writeFile(join(dir, name), content);
}

async function pytorchFile(): Promise<void> {
  dir = join(root, 'base.pth');
  await writeFile(dir, 'x');
}

function leftover(pid: number, kind: 'tmp' | 'old'): string {
  return `.model.${hostname()}.${pid}-0123abcd.${kind}`;
}

function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}
