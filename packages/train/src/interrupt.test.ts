import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createEngine } from '@pengi/jit';
import { describe, expect, it } from 'vitest';
import { train, withInterrupt } from './index.js';
import type { SignalSource } from './interrupt.js';
import { smallTask, stallOptions } from './testing/small-task.js';
import { temporaryFolder } from './testing/temporary.js';

function fakeProcess() {
  const exits: number[] = [];
  const source = Object.assign(new EventEmitter(), { exit: (code: number) => void exits.push(code) });
  return { source: source as EventEmitter & SignalSource, exits };
}

describe('withInterrupt', () => {
  it.each([
    ['SIGINT', 130, 'E_INTERRUPTED'],
    ['SIGTERM', 143, 'E_TERMINATED'],
  ])('turns the first %s into an abort and the second into exit %d', async (name, code, error) => {
    const { source, exits } = fakeProcess();
    const warnings: string[] = [];
    const result = await withInterrupt(
      async (signal) => {
        expect(signal.aborted).toBe(false);
        source.emit(name, name);
        expect(signal.reason).toMatchObject({
          code: error,
          exitCode: code,
          message: `stopped by ${name}`,
        });
        expect(exits).toEqual([]);
        source.emit(name, name);
        return 'done';
      },
      { source, warn: (message) => warnings.push(message) },
    );
    expect([result, exits, warnings]).toEqual([
      'done',
      [code],
      [expect.stringContaining(`${name}: finishing`)],
    ]);
  });

  it('takes its handlers away, also after an error', async () => {
    const { source } = fakeProcess();
    await expect(withInterrupt(() => Promise.reject(new Error('broken')), { source })).rejects.toThrow(
      'broken',
    );
    expect([source.listenerCount('SIGINT'), source.listenerCount('SIGTERM')]).toEqual([0, 0]);
  });
});

// Starting a process takes a while on a busy machine.
describe('a training process', { timeout: 60_000 }, () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'saves at %s, and what resumes it ends as if nothing had been',
    async (name) => {
      const dir = await newFolder();
      const { child, output, stalled } = start(dir, 'train');
      await stalled;
      child.kill(name);
      await once(child, 'close');
      expect(JSON.parse(output().trim().split('\n').at(-1)!)).toEqual({
        step: 12,
        interrupted: true,
        reason: `stopped by ${name}`,
      });
      expect(await readdir(join(dir, 'checkpoints'))).toEqual(['step-000010', 'step-000012']);
      await assertResumesToTheSameEnd(dir);
    },
  );

  it('that is killed goes on from its last checkpoint to the same end', async () => {
    const dir = await newFolder();
    const { child, stalled } = start(dir, 'train');
    await stalled;
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(await readdir(join(dir, 'checkpoints'))).toEqual(['step-000005', 'step-000010']);
    await assertResumesToTheSameEnd(dir);
  });

  it('ends at once with 130 at the second SIGINT', async () => {
    const { child, stalled, warned } = start(await newFolder(), 'stuck');
    await stalled;
    child.kill('SIGINT');
    await warned;
    child.kill('SIGINT');
    expect(await once(child, 'close')).toEqual([130, null]);
  });
});

function start(dir: string, mode: 'train' | 'stuck') {
  const script = fileURLToPath(new URL('./testing/stalling-run.ts', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', script, dir, mode], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stdout!.on('data', (chunk) => {
    text += chunk;
  });
  const heard = (stream: NodeJS.ReadableStream, wanted: string) =>
    new Promise<void>((resolve, reject) => {
      let all = '';
      stream.on('data', (chunk) => {
        all += chunk;
        if (all.includes(wanted)) resolve();
      });
      child.on('close', () => reject(new Error(`ended without "${wanted}": ${all}`)));
    });
  const [stalled, warned] = [heard(child.stdout!, 'stalled'), heard(child.stderr!, 'once more')];
  warned.catch(() => undefined); // not every test waits for it
  return { child, output: () => text, stalled, warned };
}

async function newFolder(): Promise<string> {
  return join(await temporaryFolder(), 'run');
}

async function assertResumesToTheSameEnd(dir: string): Promise<void> {
  const engine = await createEngine('jit', { threads: 1 });
  const unbroken = await newFolder();
  await train(smallTask(), { ...stallOptions(engine, dir), resume: true });
  await train(smallTask(), stallOptions(engine, unbroken));
  for (const name of ['params.safetensors', 'optimizer.safetensors']) {
    const path = join('checkpoints', 'step-000030', name);
    expect(await readFile(join(dir, path))).toEqual(await readFile(join(unbroken, path)));
  }
}
