// `npm run quickstart`: installs the workspace, then starts `pengi quickstart`. It tells that command what the
// installation took, and watches the memory of everything it starts.
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const windows = process.platform === 'win32';
const startedAt = Date.now();
const secondsSoFar = () => Math.round((Date.now() - startedAt) / 100) / 10;

// npm, which started this, belongs to the tree.
const treeRoot = process.env.npm_lifecycle_event ? process.ppid : process.pid;
let peakRssMiB = 0;
setInterval(() => {
  peakRssMiB = Math.max(peakRssMiB, treeRssMiB());
}, 500).unref();

const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const pnpm = ['exec', '--yes', '--no-audit', `--package=${packageManager}`, '--', 'pnpm'];
const installed = await run(windows ? 'npm.cmd' : 'npm', [...pnpm, 'install', '--frozen-lockfile'], {
  stdio: 'inherit',
  shell: windows,
});
if (installed !== 0) process.exit(installed);

const command = [join(root, 'apps/cli/bin/pengi.js'), 'quickstart', ...process.argv.slice(2)];
const status = await run(process.execPath, command, {
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  env: { ...process.env, PENGI_STARTED_AT: String(startedAt), PENGI_INSTALL_SECONDS: String(secondsSoFar()) },
});
process.exit(status);

function run(program, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, ...options });
    child.on('message', () => child.send({ peakRssMiB: Math.round(peakRssMiB) })); // the only question there is
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(signal ? 130 : (code ?? 1)));
    process.on('SIGINT', () => {}); // Ctrl-C reaches the child as well, which saves; this process waits for it
  });
}

/** Resident memory of the tree; pages that processes share are counted for each, so it is an upper bound. */
function treeRssMiB() {
  const processes = process.platform === 'linux' ? fromProc() : fromPs();
  const tree = new Set([treeRoot]);
  for (let size = 0; size !== tree.size; ) {
    size = tree.size;
    for (const { pid, parent } of processes) if (tree.has(parent)) tree.add(pid);
  }
  return processes.reduce((sum, { pid, kib }) => (tree.has(pid) ? sum + kib / 1024 : sum), 0);
}

function fromProc() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const text = readFileSync(`/proc/${name}/status`, 'utf8');
        const number = (key) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
        return [{ pid: Number(name), parent: number('PPid'), kib: number('VmRSS') }];
      } catch {
        return []; // it has ended meanwhile
      }
    });
}

function fromPs() {
  try {
    return execFileSync('ps', ['-axo', 'pid=,ppid=,rss='], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number))
      .map(([pid, parent, kib]) => ({ pid, parent, kib }));
  } catch {
    return []; // no ps: memory stays unknown, which is 0
  }
}
