import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createEngine, type Engine } from '@pengi/jit';
import { cosineWarmupDecay } from '@pengi/nn';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readLog, type TrainOptions, train } from './index.js';
import { interruptedAfter, smallTask } from './testing/small-task.js';
import { temporaryFolder } from './testing/temporary.js';

const STEPS = 30;
/** Of a process that cannot be alive: beyond the largest pid of any system here. */
const DEAD = 2 ** 30;

let engine: Engine;
let root: string;
let options: TrainOptions & { dir: string };
let warnings: string[];
beforeAll(async () => {
  engine = await createEngine('jit', { threads: 1 });
});
beforeEach(async () => {
  root = await temporaryFolder();
  warnings = [];
  options = {
    engine,
    steps: STEPS,
    schedule: cosineWarmupDecay({ learningRate: 0.02, warmupSteps: 5, totalSteps: STEPS }),
    optimizer: { weightDecay: 0.1 },
    clipNorm: 1,
    seed: 3,
    dir: join(root, 'run'),
    logEvery: 4,
    record: { model: { width: 8 }, data: 'random' },
    warn: (message) => warnings.push(message),
  };
});

const checkpoints = () => readdir(join(options.dir, 'checkpoints'));
const inCheckpoint = (name: string, file: string) => join(options.dir, 'checkpoints', name, file);

/** The last checkpoint's files and the log without its times. */
async function outcome(dir: string) {
  const folder = join(dir, 'checkpoints', 'step-000030');
  const files = ['params.safetensors', 'optimizer.safetensors'];
  const bytes = await Promise.all(files.map((name) => readFile(join(folder, name), 'base64')));
  const times = { seconds: 0, samplesPerSecond: 0, loaderShare: 0 };
  const log = (await readLog(join(dir, 'log.jsonl'))).map((line) => ({ ...line, ...times }));
  return { bytes, log };
}

/** Changes one bit, by default in the last bytes. */
async function flipBit(path: string, at = -5): Promise<void> {
  const bytes = await readFile(path);
  const index = at < 0 ? bytes.length + at : at;
  bytes.writeUInt8(bytes.readUInt8(index) ^ 1, index);
  await writeFile(path, bytes);
}

describe('a resumed run', () => {
  // Two bad steps in a row, so that what is counted crosses the interruption.
  const task = smallTask({ bad: [11, 12, 20] });

  it.each([1, 7, 12, 29])(
    'equals an unbroken one bit for bit when it was stopped at step %d',
    async (stop) => {
      const unbroken = { ...options, dir: join(root, 'unbroken') };
      const whole = await train(task, unbroken);
      const first = await train(task, { ...options, ...interruptedAfter(stop) });
      expect([first.step, first.interrupted]).toEqual([stop, true]);
      const [saved] = await checkpoints();
      const { seconds } = JSON.parse(await readFile(inCheckpoint(saved!, 'manifest.json'), 'utf8')) as {
        seconds: number;
      };
      const second = await train(task, { ...options, resume: true });

      expect(await outcome(options.dir)).toEqual(await outcome(unbroken.dir));
      expect({ ...second, seconds: 0 }).toEqual({ ...whole, seconds: 0 });
      expect(second.seconds).toBeGreaterThan(seconds);
      expect(second.skipped).toBe(3);
    },
  );

  it('has no step twice in its log when it goes back to a checkpoint before the last line', async () => {
    const failing = {
      ...task,
      batch: (step: number) => (step === 15 ? Promise.reject('gone') : task.batch(step)),
    };
    await expect(train(failing, { ...options, logEvery: 1, checkpointEvery: 10 })).rejects.toBe('gone');
    await appendFile(join(options.dir, 'log.jsonl'), '{"event":"step","step":15,"lo');
    await train(task, { ...options, logEvery: 1, resume: true });
    const steps = (await readLog(join(options.dir, 'log.jsonl'))).map(({ step }) => step);
    expect(steps).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
  });

  it('makes up for an evaluation that the interruption left out', async () => {
    const evaluated: number[] = [];
    const evaluate = async (_params: unknown, step: number) => {
      evaluated.push(step);
      return { score: step };
    };
    const withEvaluation = { ...task, evaluate };
    await train(withEvaluation, { ...options, evaluateEvery: 10, ...interruptedAfter(10) });
    expect(evaluated).toEqual([]);
    const { evaluations } = await train(withEvaluation, { ...options, evaluateEvery: 10, resume: true });
    expect(evaluated).toEqual([10, 20, 30]);
    expect(evaluations.map(({ step }) => step)).toEqual([10, 20, 30]);
  });

  it('of a finished run returns its result and does nothing', async () => {
    const { params, losses } = await train(task, options);
    const again = await train(
      { ...task, batch: () => Promise.reject(new Error('asked for a batch')) },
      { ...options, resume: true },
    );
    expect(again).toMatchObject({ params, losses, step: STEPS, interrupted: false });
  });

  it('counts its progress from where it began', async () => {
    await train(task, { ...options, ...interruptedAfter(12) });
    const seen: unknown[] = [];
    await train(task, {
      ...options,
      resume: true,
      progress: (label) => ({ update: (done, total) => void seen.push([label, done, total]), end() {} }),
    });
    expect(seen[0]).toEqual(['training small from step 12', 1, 18]);
  });
});

describe('an interruption', () => {
  it('before the first step saves as well', async () => {
    const { step, interrupted } = await train(smallTask(), { ...options, signal: AbortSignal.abort() });
    expect([step, interrupted, await checkpoints()]).toEqual([0, true, ['step-000000']]);
  });

  it('does not wait for a batch that does not come', async () => {
    const controller = new AbortController();
    const task = smallTask();
    const batch = (step: number) => {
      if (step < 5) return task.batch(step);
      setImmediate(() => controller.abort());
      return new Promise<never>(() => undefined);
    };
    const { step } = await train({ ...task, batch }, { ...options, signal: controller.signal });
    expect([step, await checkpoints()]).toEqual([5, ['step-000005']]);
  });
});

describe('a damaged checkpoint', () => {
  const task = smallTask();
  beforeEach(async () => {
    await train(task, { ...options, checkpointEvery: 5, ...interruptedAfter(12) });
    expect(await checkpoints()).toEqual(['step-000010', 'step-000012']);
  });

  it.each([
    ['params.safetensors', 'does not match its sha256'],
    ['optimizer.safetensors', 'does not match its sha256'],
    ['manifest.json', 'does not match its own sha256'],
  ])('(one bit of %s) is refused, naming the good one before it', async (name, message) => {
    const path = inCheckpoint('step-000012', name);
    const seed = (await readFile(path)).indexOf('"seed": 3');
    await flipBit(path, seed < 0 ? undefined : seed + 8);
    await expect(train(task, { ...options, resume: true })).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      file: path,
      message: `${message}; step-000010 is the last good checkpoint`,
      hint: 'resume with "auto" to go on from step-000010',
    });
    expect(await checkpoints()).toEqual(['step-000010', 'step-000012']);
  });

  it.each(['params.safetensors', 'manifest.json'])('(without %s) is refused', async (name) => {
    await rm(inCheckpoint('step-000012', name));
    await expect(train(task, { ...options, resume: true })).rejects.toThrow(/^is missing; step-000010/);
  });

  it('is passed over with "auto", which says so and comes to the same end', async () => {
    const unbroken = { ...options, dir: join(root, 'unbroken') };
    await train(task, unbroken);
    await flipBit(inCheckpoint('step-000012', 'params.safetensors'));
    await train(task, { ...options, resume: 'auto' });
    expect(warnings).toEqual([
      expect.stringMatching(
        /does not match its sha256; resuming from step-000010, the damaged one is now damaged-step-000012$/,
      ),
    ]);
    expect(await outcome(options.dir)).toEqual(await outcome(unbroken.dir));
    expect(await checkpoints()).toEqual(['damaged-step-000012', 'step-000010', 'step-000030']);
  });

  it('is an error even with "auto" when there is no good one', async () => {
    for (const name of ['step-000010', 'step-000012'])
      await flipBit(inCheckpoint(name, 'params.safetensors'));
    await expect(train(task, { ...options, resume: 'auto' })).rejects.toThrow(/no other checkpoint is good/);
  });
});

describe('resuming something else', () => {
  const task = smallTask();
  beforeEach(async () => {
    await train(task, { ...options, ...interruptedAfter(2) });
  });

  it.each([
    ['seed', { seed: 4 }, /seed was 3, now 4/],
    ['steps', { steps: 40 }, /steps was 30, now 40/],
    ['clipNorm', { clipNorm: 2 }, /clipNorm was 1, now 2/],
    ['optimizer', { optimizer: {} }, /optimizer\.weightDecay was 0\.1, now absent/],
    ['schedule', { schedule: () => 0.1 }, /learningRates\.0 was 0\.004, now 0\.1/],
    ['record', { record: { model: { width: 16 }, data: 'random' } }, /record\.model\.width was 8, now 16/],
  ] as const)('with another %s is refused', async (_what, changed, message) => {
    const failing = train(task, { ...options, ...changed, resume: true });
    await expect(failing).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringMatching(message),
    });
  });

  it('with other frozen values is refused', async () => {
    const params = { ...task.params, scale: { ...task.params.scale, data: Float32Array.of(3) } };
    await expect(train({ ...task, params }, { ...options, resume: true })).rejects.toThrow(
      /frozenSha256 was/,
    );
  });

  it('with other parameters lists the differences', async () => {
    // The same number of trainable values under another name.
    const { norm, ...rest } = task.params;
    const renamed = { ...task, params: { ...rest, normed: norm } } as never;
    await expect(train(renamed, { ...options, resume: true })).rejects.toMatchObject({
      code: 'E_WEIGHTS',
      message: expect.stringMatching(
        /2 missing, 2 extra[\s\S]*- normed\.weight \[8\][\s\S]*\+ norm\.bias \[8\]/,
      ),
    });
  });

  it('on another engine is allowed, and said', async () => {
    await train(task, { ...options, engine: { ...engine, description: 'other' }, resume: true });
    expect(warnings).toEqual([expect.stringMatching(/began on ".*" and goes on on "other"/)]);
  });
});

describe('the run folder', () => {
  const task = smallTask();

  it('holds config, log, picture and the newest checkpoints, and nothing temporary', async () => {
    await train(task, { ...options, checkpointEvery: 4, keep: 3 });
    expect(await readdir(options.dir)).toEqual([
      'checkpoints',
      'config.json',
      'latest.json',
      'log.jsonl',
      'loss.svg',
      'status.json',
    ]);
    expect(await checkpoints()).toEqual(['step-000024', 'step-000028', 'step-000030']);
    const config = JSON.parse(await readFile(join(options.dir, 'config.json'), 'utf8')) as unknown;
    expect(config).toMatchObject({
      task: 'small',
      record: options.record,
      settings: { seed: 3, trainableValues: 57, frozenValues: 1 },
    });
  });

  it('with a checkpoint is not begun anew', async () => {
    await train(task, { ...options, ...interruptedAfter(2) });
    await expect(train(task, options)).rejects.toMatchObject({
      code: 'E_CANNOT_CREATE',
      hint: 'resume it, or name a new folder',
    });
  });

  it('of something else is not touched', async () => {
    await mkdir(options.dir);
    await writeFile(join(options.dir, 'config.json'), '{"model": "tiny"}');
    await expect(train(task, options)).rejects.toMatchObject({ code: 'E_CANNOT_CREATE' });
    expect(await readdir(options.dir)).toEqual(['config.json']);
  });

  it('without a checkpoint cannot be resumed; with "auto" it begins, and says so', async () => {
    await expect(train(task, { ...options, resume: true })).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    const failing = { ...task, batch: () => Promise.reject(new Error('gone')) };
    await expect(train(failing, options)).rejects.toThrow('gone');
    const { step } = await train(task, { ...options, resume: 'auto' });
    expect([step, warnings]).toEqual([
      STEPS,
      [expect.stringMatching(/holds no checkpoint yet: starting at the first step/)],
    ]);
  });

  it('loses what killed processes of any machine left, and nothing else', async () => {
    await train(task, { ...options, ...interruptedAfter(2) });
    const swept = [
      `checkpoints/.step-000003.${hostname()}.${DEAD}-00112233.tmp`,
      `checkpoints/.step-000003.elsewhere.${DEAD}-00112233.tmp`,
      `.log.jsonl.${DEAD}-00112233.tmp`,
      `.latest.json.${DEAD}-00112233.tmp`,
      `.status.json.${DEAD}-00112233.tmp`,
    ];
    const kept = ['notes.txt', '.notes.txt.tmp', 'notes.1-00112233.tmp', '.step-000003'];
    for (const name of [...swept, ...kept]) await mkdir(join(options.dir, name));
    await train(task, { ...options, resume: true });
    const left = await readdir(options.dir, { recursive: true });
    expect([...swept, ...kept].filter((name) => left.includes(name))).toEqual(kept);
  });
});
