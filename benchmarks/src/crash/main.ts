/**
 * `pnpm test:crash`: what is left of a run when its process is killed, its disk fails or fills up, the power is cut, or a
 * second process comes. `--only NAME,…` does some of the sections, `--quick` less of each, `--seed N` repeats random moments.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRng } from '@pengi/core';
import { checkFailures, checkKills, checkPowerLosses, recover } from '@pengi/train/testing';
import { checkDamaged } from './damaged.js';
import { fullDisk, lockedFolder, readOnlyDisk } from './disks.js';
import { inParallel, programOf, run, start } from './process.js';
import { type Point, straceIsThere, systemCalls, underStrace } from './strace.js';
import type { TrainChild } from './train-child.js';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Date.now() % 1e6) },
  },
});
const { quick } = values;
const rng = createRng(Number(values.seed));
/** In memory: thousands of syncs would wait for the disk. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const root = await mkdtemp(join(MEMORY, 'pengi-crash-'));
let made = 0;
/** A new folder. */
const place = () => {
  const folder = join(root, String(made++));
  mkdirSync(folder);
  return folder;
};

/** Each gives what it counted, or why it was left out. */
const SECTIONS: Record<string, () => Promise<string>> = {
  async 'played-back'() {
    const every = quick ? 10 : 1;
    const options = { root: place(), every, toTheEndEvery: 4 };
    const kills = await checkKills(options);
    const losses = quick ? 50 : 500;
    await checkPowerLosses(losses, options, rng.int(1e6));
    const [one, all] = [await checkFailures('one', options), await checkFailures('all', options)];
    return `${kills} kills, ${losses} losses of power, ${one.count + all.count} failures (ENOSPC, EIO, EACCES, EROFS, EDQUOT), played back`;
  },

  async kills() {
    const counted = await run(programOf('write-child', place(), 'count'));
    const kinds = JSON.parse(/^calls (.*)$/m.exec(counted.out)?.[1] as string) as string[];
    const points = kinds.flatMap((kind, at) =>
      kind === 'look'
        ? []
        : kind === 'write'
          ? ([
              [at, 'kill'],
              [at, 'torn'],
            ] as const)
          : ([[at, 'kill']] as const),
    );
    const chosen = points.filter((_, i) => i % (quick ? 12 : 1) === 0);
    assert.ok(quick || chosen.length >= 200, `only ${chosen.length} points`);
    await inParallel(chosen, 2, async ([at, mode]) => {
      const folder = place();
      const ended = await run(programOf('write-child', folder, mode, String(at)));
      assert.equal(ended.signal, 'SIGKILL', `${mode} at ${at}: ${ended.err}`);
      await assertRecovers(folder, ended.out, `${mode} at ${at}`);
    });
    return `${chosen.length} processes killed (SIGKILL) at each write, sync, rename, mkdir and unlink of a run`;
  },

  async strace() {
    const missing = straceIsThere();
    if (missing) return `SKIPPED: ${missing}`;
    const calls = await systemCalls(programOf('write-child', place(), 'plain'));
    const points = Object.entries(calls).flatMap(([call, count]) =>
      Array.from({ length: count }, (_, i): Point => ({ call, when: i + 1 })),
    );
    const chosen = points.filter((_, i) => i % (quick ? 40 : 4) === 0);
    let killed = 0;
    await inParallel(chosen, 2, async (point) => {
      const folder = place();
      const ended = await underStrace(point, 'signal=KILL', programOf('write-child', folder, 'plain'));
      if (ended.signal === 'SIGKILL' || ended.status === 137) killed++;
      await assertRecovers(folder, ended.out, `${point.call} ${point.when}`);
    });
    // What the kernel refuses, rather than an adapter.
    const refused = ['fsync:error=EIO', 'rename:error=EIO', 'fsync:error=ENOSPC', 'mkdir:error=EACCES'];
    for (const [i, what] of refused.entries()) {
      const folder = place();
      const [call, action] = what.split(':') as [string, string];
      const ended = await underStrace({ call, when: 3 }, action, programOf('write-child', folder, 'plain'));
      assert.ok([0, 73, 74].includes(ended.status as number), `${what}: ${ended.status} ${ended.err} ${i}`);
      await assertRecovers(folder, ended.out, what);
    }
    return `${killed} of ${chosen.length} processes killed at a system call (the others had fewer), ${refused.length} refused calls`;
  },

  async trainings() {
    const kills = { clap: quick ? 1 : 13, pengi: quick ? 1 : 13 };
    let [done, runs] = [0, 0];
    for (const stage of ['clap', 'pengi'] as const) {
      const job: TrainChild = { stage, steps: 30, dir: join(place(), 'run') };
      const whole = await trained(job);
      for (let left = kills[stage]; left > 0; ) {
        const dir = join(place(), 'run');
        for (runs++; ; ) {
          const { child, heard, ended } = start(programOf('train-child', JSON.stringify({ ...job, dir })));
          if (left > 0) {
            // A batch that is asked for, and then a moment: in a step, in a save, in an evaluation, wherever.
            const from = existsSync(join(dir, 'latest.json')) ? latest(dir) : 0;
            heard(`batch ${Math.min(29, from + rng.int(12))}\n`).then(
              () => setTimeout(() => child.kill('SIGKILL'), 60 * rng.uniform()),
              () => undefined,
            );
          }
          const { signal, status, out, err } = await ended;
          if (signal === 'SIGKILL') {
            left--;
            done++;
            continue;
          }
          assert.equal(status, 0, err);
          assert.equal(resultOf(out).sha256, whole, `${stage}: other parameters than the unbroken run`);
          break;
        }
      }
    }
    return `${done} trainings killed (SIGKILL) at random moments, ${runs} runs ended with the parameters of the unbroken ones, both stages`;
  },

  async disks() {
    const results = [await fullDisk(place()), await readOnlyDisk(place()), await lockedFolder(place())];
    return results.join('; ');
  },

  async signals() {
    const times = quick ? 1 : 10;
    const longest = { SIGTERM: 0, SIGINT: 0, second: 0 };
    for (const [signal, status] of [
      ['SIGTERM', 143],
      ['SIGINT', 130],
    ] as const)
      for (let i = 0; i < times; i++) {
        const job: TrainChild = { stage: 'pengi', dir: join(place(), 'run'), steps: 30, slow: 20 };
        const { child, heard, ended } = start(programOf('train-child', JSON.stringify(job)));
        await heard(`batch ${3 + i}\n`);
        const seconds = timer();
        child.kill(signal);
        const { status: found, err } = await ended;
        longest[signal] = Math.max(longest[signal], seconds());
        assert.equal(found, status, err);
        assert.ok(latest(job.dir) >= 3 + i, 'saved');
      }
    for (let i = 0; i < times; i++) {
      const job: TrainChild = {
        stage: 'pengi',
        dir: join(place(), 'run'),
        steps: 30,
        slow: 200,
        stuck: true,
      };
      const { child, heard, ended } = start(programOf('train-child', JSON.stringify(job)));
      await heard('batch 2\n'); // the step is compiled, in which no signal is seen
      child.kill('SIGINT');
      await heard('once more');
      const seconds = timer();
      child.kill('SIGINT');
      assert.equal((await ended).status, 130);
      longest.second = Math.max(longest.second, seconds());
    }
    assert.ok(Math.max(longest.SIGTERM, longest.SIGINT) <= 30, 'a signal ends a run within 30 s');
    assert.ok(longest.second <= 2, `a second SIGINT took ${longest.second} s`);
    return `${times} SIGTERM, SIGINT and second SIGINT each: longest ${Object.values(longest)
      .map((s) => s.toFixed(1))
      .join(', ')} s`;
  },

  async locks() {
    const folder = place();
    const holder = start(programOf('write-child', folder, 'hold'));
    await holder.heard('held');
    const times = quick ? 2 : 10;
    for (let i = 0; i < times; i++) {
      const { status, err } = await run(programOf('write-child', folder, 'plain'));
      assert.equal(status, 75, err);
      assert.match(
        err,
        new RegExp(`^E_BUSY .*process ${holder.child.pid} on ${hostname()} trains in this folder`),
      );
    }
    holder.child.kill('SIGKILL');
    await holder.ended;
    await assertRecovers(folder, '', 'after the holder was killed');
    return `${times} second processes refused, then the dead one's lock taken over`;
  },

  async damaged() {
    return `${await checkDamaged(place())} cut, flipped, foreign and other-version checkpoints refused or passed over`;
  },
};

const wanted = values.only?.split(',') ?? Object.keys(SECTIONS);
const unknown = wanted.filter((name) => !(name in SECTIONS));
if (unknown.length > 0) {
  console.error(`no section ${unknown.join(', ')}; there are ${Object.keys(SECTIONS).join(', ')}`);
  process.exit(2);
}
let [passed, failed, skipped] = [0, 0, 0];
try {
  for (const name of wanted) {
    const seconds = timer();
    try {
      const line = await (SECTIONS[name] as () => Promise<string>)();
      if (line.includes('SKIPPED')) skipped++;
      else passed++;
      console.log(`ok   ${name}: ${line} (${seconds().toFixed(0)} s)`);
    } catch (error) {
      failed++;
      console.log(`FAIL ${name}\n${(error as Error).message.replace(/^/gm, '     ')}`);
    }
  }
} finally {
  await rm(root, { recursive: true, force: true });
}
console.log(`seed ${values.seed}`);
console.log(`test:crash: ${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 ? 1 : 0;

/** What is left goes on, from no earlier than what the process had said to be saved. */
async function assertRecovers(folder: string, out: string, what: string): Promise<void> {
  const said = [...out.matchAll(/^saved (\d+)$/gm)].map(([, step]) => Number(step));
  const step = await recover(folder, true, what);
  assert.ok(step >= Math.max(0, ...said), `${what}: step ${step} of ${said}`);
  rmSync(folder, { recursive: true });
}

async function trained(job: TrainChild): Promise<string> {
  const { status, out, err } = await run(programOf('train-child', JSON.stringify(job)));
  assert.equal(status, 0, err);
  return resultOf(out).sha256;
}

function resultOf(out: string): { step: number; sha256: string } {
  return JSON.parse(out.split('\n').find((line) => line.startsWith('{')) as string);
}

function latest(dir: string): number {
  return (JSON.parse(readFileSync(join(dir, 'latest.json'), 'utf8')) as { step: number }).step;
}

function timer(): () => number {
  const begun = performance.now();
  return () => (performance.now() - begun) / 1000;
}
