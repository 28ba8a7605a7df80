/** Checkpoints that are cut, changed by a bit, of something else, or of another version of this program: 60 of them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRng } from '@pengi/core';
import { openForCheck, runForCheck } from '@pengi/train/testing';

const FILES = ['params.safetensors', 'optimizer.safetensors', 'manifest.json'];

/**
 * Each has to be refused by `resume: true`, naming the good checkpoint before it; to be passed over by `'auto'`, which says
 * so; and, where no other one is good, to be refused by both.
 * @returns how many were tried
 */
export async function checkDamaged(root: string): Promise<number> {
  const whole = join(root, 'whole');
  const finished = await openForCheck(whole);
  await runForCheck(finished);
  await finished.close();
  const rng = createRng(5);
  const damages: [string, (dir: string) => void][] = [];
  const add = (name: string, file: string, change: (bytes: Buffer) => Uint8Array | string) =>
    damages.push([
      `${name} ${file}`,
      (dir) => writeFileSync(join(dir, file), change(readFileSync(join(dir, file)))),
    ]);
  for (const file of FILES) {
    for (let i = 0; i < 7; i++) add('cut', file, (bytes) => bytes.subarray(0, rng.int(bytes.length)));
    for (let i = 0; i < 7; i++)
      add('a bit of', file, (bytes) => {
        const at = rng.int(bytes.length);
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << rng.int(8)), at);
        return bytes;
      });
    for (const text of ['', '{}', '[]', 'null', '{"format":"pt"}']) add(`"${text}" for`, file, () => text);
  }
  // Of an older, a newer and a nameless version, with right hashes.
  for (const version of [0, 2, null])
    add(`version ${version} of`, 'manifest.json', (bytes) => {
      const { sha256: _, ...body } = JSON.parse(bytes.toString()) as Record<string, unknown>;
      const changed = { ...body, version };
      const sha256 = createHash('sha256').update(JSON.stringify(changed)).digest('hex');
      return `${JSON.stringify({ ...changed, sha256 }, null, 2)}\n`;
    });

  for (const [name, damage] of damages) {
    const run = join(root, 'run');
    const at = (step: number) => join(run, 'checkpoints', `step-00000${step}`);
    const fresh = () => {
      rmSync(run, { recursive: true, force: true });
      cpSync(whole, run, { recursive: true });
      damage(at(8));
    };
    fresh();
    await assert.rejects(openForCheck(run, true), (error: { code: string; message: string }) => {
      assert.equal(error.code, 'E_CHECKPOINT', `${name}: ${error.message}`);
      assert.match(error.message, /step-000006 is the last good checkpoint$/, name);
      return true;
    });
    const warnings: string[] = [];
    const folder = await openForCheck(run, 'auto', warnings);
    assert.equal(folder.start.step, 6, name);
    assert.match(
      warnings.join('\n'),
      /resuming from step-000006, the damaged one is now damaged-step-000008/,
      name,
    );
    await folder.close();

    fresh();
    rmSync(at(6), { recursive: true });
    for (const resume of [true, 'auto'] as const)
      await assert.rejects(openForCheck(run, resume), { code: 'E_CHECKPOINT' }, `${name}, alone`);
  }
  return damages.length;
}
