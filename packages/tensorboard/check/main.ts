/**
 * `pnpm test:tensorboard`: event files of this writer, read by TensorBoard's own reader in Python: all kinds of values, a run
 * that was resumed, a file cut at each of its bytes, and one whose writer was killed. TensorBoard comes from the interpreter
 * that PENGI_PYTHON names, or is installed into a folder for temporary files. Without Python nothing is checked, which is
 * said. Ends with 1 when anything differs.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { wav16 } from '@pengi/report';
import { encode } from 'fast-png';
import { pythonWith } from '../../../scripts/python-env.js';
import { openEventFile } from '../src/index.js';

const run = promisify(execFile);
const PACKAGE = 'tensorboard==2.21.0';

/** What read.py prints of a folder: by tag, a row for each event that begins with its step. */
type Found = Record<'scalars' | 'texts' | 'images' | 'sounds', Record<string, unknown[][]>>;

if (process.argv[2] === 'write') await writeUntilKilled(process.argv[3] as string);

const python = await findPython();
if (python === undefined) {
  console.log(
    'SKIPPED: there is no Python with TensorBoard here, and none could be installed; nothing was checked',
  );
  process.exit(0);
}
const work = await mkdtemp(join(tmpdir(), 'pengi-tensorboard-'));
let misses = 0;
try {
  await checkValues();
  await checkResume();
  await checkTorn();
  await checkKilled();
} finally {
  await rm(work, { recursive: true });
}
console.log(misses === 0 ? 'tensorboard: passed' : `tensorboard: ${misses} MISSES`);
process.exitCode = misses === 0 ? 0 : 1;

async function checkValues(): Promise<void> {
  const dir = join(work, 'values');
  const png = encode({ width: 5, height: 3, channels: 3, data: new Uint8Array(45).fill(7) });
  const values = [1, -0.1, 1e-30, 1e30, 2 ** 24 + 1, Number.NaN, Number.POSITIVE_INFINITY];
  const file = await openEventFile(dir);
  for (const [step, loss] of values.entries())
    await file.add(step, { scalars: { 'train/loss': loss, same: 1 } });
  const sounds = {
    'sound 1': { wav: wav16(new Float32Array(160)), sampleRate: 16000, channels: 1, frames: 160 },
  };
  await file.add(2 ** 33, {
    texts: { said: '| a |\n|---|\n| ünïcode 鳥 |' },
    images: { 'clip 1': png },
    sounds,
  });
  await file.close();
  const [found] = await read([dir]);
  const loss = found!.scalars['train/loss']!.map(([step, value]) => [step, Number(asNumber(value))]);
  expectEqual('scalars', loss, [...values.map(Math.fround).entries()]);
  expectEqual('a second tag', found!.scalars.same?.length, values.length);
  expectEqual('texts', found!.texts.said, [[2 ** 33, '| a |\n|---|\n| ünïcode 鳥 |']]);
  expectEqual('images', found!.images['clip 1'], [[2 ** 33, 5, 3, Buffer.from(png).toString('hex')]]);
  expectEqual('sounds', found!.sounds['sound 1'], [[2 ** 33, 16000, 160]]);
}

async function checkResume(): Promise<void> {
  const dir = join(work, 'resumed');
  await writeLosses(dir, 0, 30, 1);
  await writeLosses(dir, 20, 40, 2);
  const [found] = await read([dir]);
  const expected = Array.from({ length: 40 }, (_, step) => [step, step < 20 ? '1.0' : '2.0']);
  expectEqual('a resumed run', found!.scalars.loss, expected);
}

/** The file of a small run cut at each byte: what is whole before the cut is read, and nothing fails. */
async function checkTorn(): Promise<void> {
  const whole = await readFile(await writeLosses(join(work, 'whole'), 0, 5, 1));
  const ends: number[] = [];
  for (let at = 0; at < whole.length; at += 16 + whole.readUInt32LE(at))
    ends.push(at + 16 + whole.readUInt32LE(at));
  const folders = [];
  for (let length = 0; length <= whole.length; length++) {
    const folder = join(work, 'torn', String(length));
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'events.out.tfevents.1.host.1'), whole.subarray(0, length));
    folders.push(folder);
  }
  const counts = (await read(folders)).map(({ scalars }) => scalars.loss?.length ?? 0);
  // the first two records are the version and the start of the session
  const expected = folders.map((_, length) => Math.max(0, ends.filter((end) => end <= length).length - 2));
  expectEqual(`a file cut at each of its ${whole.length} bytes`, counts, expected);
}

/** A process is killed while it writes, and a second one goes on from step 100. */
async function checkKilled(): Promise<void> {
  const dir = join(work, 'killed');
  const child = spawn(process.execPath, [...process.execArgv, import.meta.filename, 'write', dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [path] = (await once(child.stdout, 'data')) as [Buffer];
  while ((await stat(path.toString().trim())).size < 20_000) await new Promise(setImmediate);
  child.kill('SIGKILL');
  const [, signal] = await once(child, 'exit');
  expectEqual('the writer was killed', signal, 'SIGKILL');
  const [before] = await read([dir]);
  const steps = before!.scalars.loss!.map(([step]) => step);
  expectEqual(`${steps.length} events of a killed writer`, steps, [...steps.keys()]);
  await writeLosses(dir, 100, 103, 2);
  const [after] = await read([dir]);
  expectEqual(
    'the run that goes on after it',
    after!.scalars.loss?.map(([step]) => step),
    [...Array(103).keys()],
  );
}

async function writeLosses(dir: string, from: number, to: number, loss: number): Promise<string> {
  const file = await openEventFile(dir, { firstStep: from });
  for (let step = from; step < to; step++) await file.add(step, { scalars: { loss } });
  await file.close();
  return file.path;
}

async function writeUntilKilled(dir: string): Promise<never> {
  const file = await openEventFile(dir);
  console.log(file.path);
  for (let step = 0; ; step++) await file.add(step, { scalars: { loss: step } });
}

async function read(folders: readonly string[]): Promise<Found[]> {
  const reader = run(python as string, [join(import.meta.dirname, 'read.py')], { maxBuffer: 2 ** 28 });
  reader.child.stdin?.end(JSON.stringify(folders));
  return JSON.parse((await reader).stdout) as Found[];
}

/** Python's word for a number. */
function asNumber(text: unknown): unknown {
  return text === 'inf' ? Number.POSITIVE_INFINITY : text;
}

function expectEqual(what: string, found: unknown, expected: unknown): void {
  const [a, b] = [found, expected].map((value) =>
    JSON.stringify(value, (_, x) => (Number.isNaN(x) ? 'NaN' : x)),
  );
  console.log(`${a === b ? 'pass' : 'FAIL'}   ${what}`);
  if (a === b) return;
  misses++;
  console.log(`       found    ${a?.slice(0, 1000)}\n       expected ${b?.slice(0, 1000)}`);
}

/** An interpreter with TensorBoard; undefined where there is no Python, or none that can have a folder of its own. */
async function findPython(): Promise<string | undefined> {
  if (process.env.PENGI_PYTHON) return process.env.PENGI_PYTHON;
  return pythonWith(join(tmpdir(), 'pengi-tensorboard-python'), { packages: [PACKAGE] }).catch(
    (error: Error) => {
      console.log(error.message.slice(0, 2000));
      return undefined;
    },
  );
}
