// `pnpm test:tensorflow`: installs native TensorFlow into a folder of its own, as a user would, and runs on it the contract of
// engines, the tiny goldens (whole training steps among them), all training goldens where PENGI_GOLDENS (../shared/goldens) has
// them, and a short training run. Options go to the installer:
// `pnpm test:tensorflow --through pip`, `--version 2.21.0`, `--gpu`. PENGI_CACHE names another folder. Where the package index
// cannot be reached all of it is skipped, and said so.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const PENGI_CACHE = process.env.PENGI_CACHE || join(root, '.cache/tensorflow');
const environment = {
  ...process.env,
  PENGI_CACHE,
  PENGI_ENGINE: 'tensorflow',
  PENGI_REQUIRE_TENSORFLOW: '1',
};
/** The exit status of E_IO: here, that a download failed. */
const IO = 74;
const STEPS = 20;

const checks = [
  [
    'the contract of engines',
    () => run('npx', 'vitest', 'run', '--test-timeout=60000', 'packages/jit/src/engines/tensorflow.test.ts'),
  ],
  [
    'the tiny goldens',
    () => run('npx', 'tsx', 'packages/parity/src/main.ts', '--goldens', 'packages/parity/fixtures/goldens'),
  ],
  ['a short training run', trainShortly],
];
const goldens = resolve(root, process.env.PENGI_GOLDENS || '../shared/goldens');
if (existsSync(goldens))
  checks.splice(2, 0, [
    'all training goldens',
    () => run('npx', 'tsx', 'packages/parity/src/main.ts', '--goldens', goldens, '--only', 'g7'),
  ]);

console.log(`== install into ${PENGI_CACHE}`);
const installed = run(
  'node',
  'packages/tensorflow-native/bin/tensorflow-native.js',
  'install',
  ...process.argv.slice(2),
);
if (installed === IO) {
  console.error(`SKIPPED: ${checks.length} checks of native TensorFlow, which could not be downloaded`);
  process.exit(0);
}
if (installed !== 0) process.exit(installed);

const failed = checks.filter(([what, check]) => {
  console.log(`\n== ${what}`);
  return check() !== 0;
});
console.log(
  failed.length === 0
    ? `tensorflow: ${checks.length} checks passed`
    : `tensorflow: ${failed.map(([what]) => what).join(', ')} failed`,
);
process.exit(failed.length === 0 ? 0 : 1);

/** Trains a small CLAP on four tones, on TensorFlow and on the default engine: the losses must fall, and agree. */
function trainShortly() {
  const folder = mkdtempSync(join(tmpdir(), 'pengi-tensorflow-'));
  try {
    const tones = [220, 440, 880, 1760];
    for (const tone of tones) writeFileSync(join(folder, `${tone}.wav`), toneWav(tone));
    const rows = tones.map((tone) => `${tone}.wav,generate audio caption,a tone of ${tone} hertz\n`);
    writeFileSync(join(folder, 'train.csv'), `audio,prompt,target\n${rows.join('')}`);
    const data = { manifest: 'train.csv', validation: 0, cache: null };
    writeFileSync(join(folder, 'train.json'), JSON.stringify({ data, steps: STEPS, batch: tones.length }));
    const [ours, jit] = ['tensorflow', 'jit'].map((engine) => trainOn(engine, folder));
    if (!ours || !jit) return 1;
    console.log(`losses on TensorFlow ${ours.join(', ')}; on ONNX Runtime ${jit.join(', ')}`);
    // The first is that of the same weights; later ones drift apart with the order of summation.
    const agree = Math.abs(ours[0] - jit[0]) < 1e-4 * jit[0];
    const falls = ours.at(-1) < ours[0] / 10;
    if (!agree) console.error('the first losses differ');
    if (!falls) console.error('the loss does not fall to a tenth');
    return agree && falls ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The losses that the log has; undefined when the command fails. */
function trainOn(engine, folder) {
  const out = join(folder, engine);
  const flags = ['--config', join(folder, 'train.json'), '--out', out, '--engine', engine];
  if (run('node', 'apps/cli/bin/pengi.js', 'train', 'clap', ...flags) !== 0) return undefined;
  const lines = readFileSync(join(out, 'log.jsonl'), 'utf8').trim().split('\n');
  return lines
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === 'step')
    .map(({ loss }) => loss);
}

/** One second of a tone, 16 kHz, 16 bits. */
function toneWav(hertz) {
  const rate = 16000;
  const wav = Buffer.alloc(44 + 2 * rate);
  wav.write('RIFF', 0);
  wav.writeUInt32LE(wav.length - 8, 4);
  wav.write('WAVEfmt ', 8);
  for (const [at, value] of [
    [16, 16],
    [24, rate],
    [28, 2 * rate],
    [40, 2 * rate],
  ])
    wav.writeUInt32LE(value, at);
  for (const [at, value] of [
    [20, 1],
    [22, 1],
    [32, 2],
    [34, 16],
  ])
    wav.writeUInt16LE(value, at);
  wav.write('data', 36);
  for (let n = 0; n < rate; n++)
    wav.writeInt16LE(Math.round(9000 * Math.sin((2 * Math.PI * hertz * n) / rate)), 44 + 2 * n);
  return wav;
}

/** Runs a program and gives its exit status. */
function run(program, ...args) {
  const windows = process.platform === 'win32';
  const { status, error } = spawnSync(windows && program === 'npx' ? 'npx.cmd' : program, args, {
    cwd: root,
    stdio: 'inherit',
    env: environment,
    shell: windows,
  });
  if (error) throw error;
  return status ?? 130;
}
