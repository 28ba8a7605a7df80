import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveModelFolder, writeSafetensors } from '@pengi/checkpoint';
import { PengiError } from '@pengi/core';
import { gpt2Spec } from '@pengi/gpt2';
import { initParams } from '@pengi/nn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { arraysOf, writeCheckpoint } from '../testing/checkpoints.js';
import { CLAPCAP } from '../testing/models.js';
import { convertCheckpoint } from './index.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-convert-'));
});
afterAll(() => rm(dir, { recursive: true }));
let made = 0;
/** A new path. */
const at = (name: string) => join(dir, `${++made}-${name}`);

describe('where it reads and writes', () => {
  const gpt2 = { vocabularySize: 11, positions: 6, width: 8, layers: 1, heads: 2 } as const;
  const arrays = arraysOf(initParams(gpt2Spec({ ...CLAPCAP.gpt2, ...gpt2, keptIds: null }), 1));
  const config = { heads: 2 };

  it('takes the only checkpoint of a folder, and says when there is none or several', async () => {
    const folder = at('pulled');
    await mkdir(folder);
    await expect(convertCheckpoint(folder, at('out'), { config })).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringContaining('holds no weights'),
    });
    await writeFile(join(folder, 'pull.json'), '{}');
    await writeCheckpoint(join(folder, 'a.pth'), arrays);
    expect(await convertCheckpoint(folder, at('out'), { config })).toMatchObject({
      family: 'gpt2',
      source: { path: join(folder, 'a.pth') },
    });
    await copyFile(join(folder, 'a.pth'), join(folder, 'b.pth'));
    await expect(convertCheckpoint(folder, at('out'), { config })).rejects.toMatchObject({
      message: 'holds several files of weights: a.pth, b.pth',
    });
    await writeSafetensors(join(folder, 'model.safetensors'), arrays);
    expect(await convertCheckpoint(folder, at('out'), { config })).toMatchObject({
      source: { path: join(folder, 'model.safetensors') },
    });
  });

  it('knows safetensors under another name, and what is neither', async () => {
    const file = at('weights.bin');
    await writeSafetensors(file, arrays);
    expect(await convertCheckpoint(file, at('out'), { config })).toMatchObject({ family: 'gpt2' });
    await writeFile(file, 'hello');
    await expect(convertCheckpoint(file, at('out'))).rejects.toMatchObject({ code: 'E_CHECKPOINT' });
    await expect(convertCheckpoint(at('nowhere'), at('out'))).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });

  it('replaces a model folder, but nothing else and never what it reads', async () => {
    const folder = at('model');
    await saveModelFolder(folder, { config: { ...CLAPCAP.gpt2, ...gpt2, keptIds: null }, tensors: arrays });
    await expect(convertCheckpoint(folder, `${folder}/.`)).rejects.toMatchObject({ code: 'E_USAGE' });
    // Its own config.json says what shapes do not show.
    const out = at('out');
    expect(await convertCheckpoint(folder, out, { dtype: 'BF16' })).toMatchObject({ config: gpt2 });
    expect(await convertCheckpoint(folder, out)).toMatchObject({ weights: { dtype: 'F32' } });
    await writeFile(join(out, 'notes.txt'), 'mine');
    await expect(convertCheckpoint(folder, out)).rejects.toMatchObject({ code: 'E_CANNOT_CREATE' });
    expect(await readFile(join(out, 'notes.txt'), 'utf8')).toBe('mine');
  });

  it('leaves nothing when it is stopped', async () => {
    const file = at('a.pth');
    await writeCheckpoint(file, arrays);
    const before = await readdir(dir);
    const stop = new AbortController();
    let updates = 0;
    const stopped = convertCheckpoint(file, at('out'), {
      config,
      signal: stop.signal,
      progress: () => ({
        update: () => void (++updates === 3 && stop.abort(new PengiError('E_INTERRUPTED', 'stopped'))),
        end: () => undefined,
      }),
    });
    await expect(stopped).rejects.toMatchObject({ code: 'E_INTERRUPTED' });
    expect(await readdir(dir)).toEqual(before);
  });
});
