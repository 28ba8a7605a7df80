// Runs the workspace's own pnpm version, so that Node and npm are all a machine needs.
//   node scripts/pnpm.mjs install --frozen-lockfile
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Runs pnpm with `args` in the workspace root and returns its exit status. */
export function pnpm(args, env = {}) {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  // npm exec puts the package's bin folder on PATH, so scripts and turbo find the same pnpm.
  const { status, signal, error } = spawnSync(
    process.platform === 'win32' ? 'npm.cmd' : 'npm',
    ['exec', '--yes', '--no-audit', `--package=${packageManager}`, '--', 'pnpm', ...args],
    { cwd: root, stdio: 'inherit', env: { ...process.env, ...env }, shell: process.platform === 'win32' },
  );
  if (error) throw error;
  return signal ? 130 : (status ?? 1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(pnpm(process.argv.slice(2)));
