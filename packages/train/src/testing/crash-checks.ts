/** A run folder after a crash, or a failure, at calls to the disk: checks that throw. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createRng, ERROR_CODES, floats, isPengiError } from '@pengi/core';
import { openRunFolder, type RunFolder } from '../run-folder.js';
import { killed, materialise, powerLost } from './crash-image.js';
import { type DiskCall, type WatchedDisk, watchDisk } from './disk.js';

export interface CrashCheckOptions {
  /** A folder to work in; what is there goes. */
  root: string;
  /** Look at every n-th moment only; default all. */
  every?: number;
  /** Go on to the end of the run at every n-th of them, else only open the folder; default all. */
  toTheEndEvery?: number;
}

/** Kills at all moments of a run, half a write included. Gives how many there were. */
export async function checkKills({ root, every = 1, toTheEndEvery = 1 }: CrashCheckOptions): Promise<number> {
  const { disk, error } = await recorded(root);
  assert.equal(error, undefined);
  const moments = [...Array(disk.calls.length + 1).keys()].flatMap((at) =>
    (disk.calls[at - 1]?.kind === 'write' ? [false, true] : [false]).map((torn) => ({ at, torn })),
  );
  const chosen = moments.filter((_, i) => i % every === 0);
  for (const [i, { at, torn }] of chosen.entries()) {
    materialise(killed(disk, at, torn), root);
    const step = await recover(
      root,
      i % toTheEndEvery === 0,
      `killed before call ${at}${torn ? ', torn' : ''}`,
    );
    assert.ok(step >= durable(disk, at), `before call ${at}: step ${step}, ${durable(disk, at)} was saved`);
  }
  return chosen.length;
}

/** Losses of power at random moments. */
export async function checkPowerLosses(
  images: number,
  { root, toTheEndEvery = 1 }: CrashCheckOptions,
  seed = 7,
): Promise<void> {
  const { disk } = await recorded(root);
  const rng = createRng(seed);
  for (let i = 0; i < images; i++) {
    const at = rng.int(disk.calls.length + 1);
    materialise(powerLost(disk, at, rng), root);
    const step = await recover(root, i % toTheEndEvery === 0, `image ${i} of seed ${seed}, call ${at}`);
    assert.ok(step >= durable(disk, at), `image ${i}: step ${step}, ${durable(disk, at)} was saved`);
  }
}

const CODES = ['ENOSPC', 'EIO', 'EACCES', 'EROFS', 'EDQUOT'];

/**
 * Failures of one call, or of all calls from one on, each with one code after the other.
 * @returns how many there were, and the error codes that they ended the run with
 */
export async function checkFailures(
  which: 'one' | 'all',
  { root, every = 1, toTheEndEvery = 1 }: CrashCheckOptions,
): Promise<{ count: number; codes: string[] }> {
  const codes = new Set<string>();
  for (let count = 0, at = 0; ; count++, at += every) {
    const code = CODES[count % CODES.length]!;
    const name = `${code} at ${which} from call ${at}`;
    const { disk, error, saved } = await recorded(root, (_call, index) =>
      (which === 'one' ? index === at : index >= at) ? code : undefined,
    );
    if (disk.count <= at) return { count, codes: [...codes].sort() };
    if (error !== undefined) {
      assert.ok(isPengiError(error), `${name}: ${error}`);
      assert.ok([66, 73, 74, 75].includes(ERROR_CODES[error.code].exit), `${name}: ${error.line}`);
      codes.add(error.code);
      const kept = Number(/step-(\d+) is kept/.exec(error.line)?.[1] ?? 0);
      assert.ok(kept >= saved, `${name}: step ${saved} was saved, ${error.line}`);
      if (/needs/.test(error.line))
        assert.match(error.line, /needs \d+.* bytes(, .* free|; the user's share)/);
      assert.ok(error.hint, `${name}: does not say what to do: ${error.line}`);
    }
    endProcess(root);
    const step = await recover(root, count % toTheEndEvery === 0, name);
    assert.ok(step >= saved, `${name}: step ${step}, ${saved} was saved`);
  }
}

const STEPS = 8;
/** Of the evaluation after these steps: step 6 is the best one. */
const SCORES: Record<number, number> = { 3: 5, 6: 2, 8: 4 };

function stateOf(step: number) {
  const arrays = (factor: number) => ({
    w: floats([factor * step, step + 0.5], [2]),
    b: floats([-step]),
  });
  return { params: arrays(1), adam: { m: arrays(10), v: arrays(2), step: floats([step], []) } } as never;
}

const HEADER = {
  task: 'crash',
  engine: 'none',
  code: {},
  record: { width: 2 },
  settings: {
    seed: 1,
    steps: STEPS,
    learningRates: [],
    optimizer: {},
    clipNorm: null,
    trainableValues: 3,
    frozenValues: 0,
    frozenSha256: '',
  },
};

/** Opens the run folder of the checks; `warnings` gets what is said. */
export function openForCheck(
  dir: string,
  resume: true | 'auto' = 'auto',
  warnings: string[] = [],
): Promise<RunFolder> {
  return openRunFolder(dir, HEADER, stateOf(0), {
    resume,
    keep: 2,
    best: { metric: 'score', mode: 'min' },
    position: (step) => ({ learningRate: 0.1, randomKey: step, data: null }),
    warn: (line) => void warnings.push(line),
  });
}

/**
 * The steps that are left, with a checkpoint after every second and of the best ones, as `train` would do them.
 * @param onSaved told what is promised to be on the disk
 */
export async function runForCheck(
  folder: RunFolder,
  onSaved: (step: number) => void = () => undefined,
): Promise<void> {
  const save = async (step: number) => {
    await folder.save(async () => ({
      ...{ step, seconds: 0, skipped: 0, skippedInARow: [] },
      state: stateOf(step),
    }));
    onSaved(step);
  };
  const evaluate = async (step: number) => {
    const value = SCORES[step];
    const done = folder.log.lines.some((line) => line.event === 'evaluation' && line.step === step);
    if (value === undefined || done) return;
    await folder.log.append({ event: 'evaluation', step, values: { score: value }, seconds: 1 });
    if (value >= (folder.best?.value ?? Number.POSITIVE_INFINITY)) return;
    if (folder.lastCheckpoint !== nameOf(step)) await save(step);
    await folder.markBest({ step, metric: 'score', mode: 'min', value });
  };
  await evaluate(folder.start.step);
  for (let step = folder.start.step + 1; step <= STEPS; step++) {
    await folder.log.append({
      ...{ event: 'step', step, loss: 1, metrics: {}, learningRate: 1, gradientNorm: 1 },
      ...{ seconds: 1, samplesPerSecond: 1, loaderShare: 0 },
    });
    if (step % 2 === 0) await save(step);
    await evaluate(step);
  }
  await folder.draw();
}

/** The whole run in an empty `root`, watched. */
async function recorded(root: string, fail?: (call: DiskCall, index: number) => string | undefined) {
  rmSync(join(root, 'run'), { recursive: true, force: true });
  const disk = watchDisk(root, fail);
  let error: unknown;
  let saved = 0;
  try {
    const folder = await openForCheck(join(root, 'run'));
    await runForCheck(folder, (step) => {
      saved = step;
    }).finally(() => folder.close());
  } catch (caught) {
    error = caught;
  } finally {
    disk.stop();
  }
  return { disk, error, saved };
}

/** Checks what a crash has left in `root/run`, and gives the step where a resume begins. */
export async function recover(root: string, toTheEnd: boolean, what: string): Promise<number> {
  const dir = join(root, 'run');
  const folder = await openForCheck(dir);
  const { step, state } = folder.start;
  try {
    assert.deepEqual(state, stateOf(step), `${what}: neither the old nor the new state`);
    const left = await readdir(dir, { recursive: true });
    assert.deepEqual(
      left.filter((name) => name.endsWith('.tmp')),
      [],
      what,
    );
    for (const name of left.filter((one) => /^(latest|best)\.json$/.test(one)))
      assert.ok(
        left.includes(join('checkpoints', nameOf(json(dir, name).step))),
        `${what}: ${name} names none`,
      );
    if (toTheEnd) await runForCheck(folder);
  } finally {
    await folder.close();
  }
  assert.ok(!existsSync(join(dir, '.lock')), what);
  if (!toTheEnd) return step;
  assert.deepEqual((await readdir(join(dir, 'checkpoints'))).sort(), ['step-000006', 'step-000008'], what);
  assert.equal(json(dir, 'latest.json').step, STEPS, what);
  assert.equal(json(dir, 'best.json').step, 6, what);
  const lines = readFileSync(join(dir, 'log.jsonl'), 'utf8').trim().split('\n');
  const steps = lines.map((line) => (JSON.parse(line) as { step: number }).step);
  assert.deepEqual(steps, [1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 8], what);
  return step;
}

/** The newest step whose checkpoint was in place, and synced, before call `at`. */
function durable({ calls }: WatchedDisk, at: number): number {
  let [renamed, safe] = [0, 0];
  for (const call of calls.slice(0, at)) {
    const match = call.kind === 'rename' && /checkpoints.step-(\d+)$/.exec(call.to);
    if (match) renamed = Number(match[1]);
    if (call.kind === 'syncFolder' && call.path === join('run', 'checkpoints')) safe = renamed;
  }
  return safe;
}

/** A lock that could not be removed is that of this process, which would have ended. */
function endProcess(root: string): void {
  const lock = join(root, 'run', '.lock');
  if (existsSync(lock)) writeFileSync(lock, JSON.stringify({ pid: 2 ** 30, host: hostname() }));
}

function json(dir: string, name: string): { step: number } {
  return JSON.parse(readFileSync(join(dir, name), 'utf8')) as { step: number };
}

function nameOf(step: number): string {
  return `step-00000${step}`;
}
