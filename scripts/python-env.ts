/** Python with pinned packages, for checks that need another implementation. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface PythonPackages {
  readonly packages: readonly string[];
  /** These come alone: what they ask for is old, or not needed for what is checked. */
  readonly withoutDependencies?: readonly string[];
}

/**
 * The interpreter of a virtual environment in `folder` with these packages, made now unless it is there.
 * @throws Error when there is no Python, or the packages cannot be had
 */
export async function pythonWith(
  folder: string,
  { packages, withoutDependencies = [] }: PythonPackages,
): Promise<string> {
  const python = join(folder, 'bin', 'python');
  const done = join(folder, 'complete');
  const wanted = [...packages, ...withoutDependencies].join('\n');
  if (existsSync(done) && readFileSync(done, 'utf8') === wanted) return python;
  console.log(`installing ${[...packages, ...withoutDependencies].join(', ')} into ${folder}`);
  await run('python3', ['-m', 'venv', folder]);
  const install = (...what: string[]) =>
    run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...what], {
      maxBuffer: 2 ** 26,
    });
  await install(...packages);
  if (withoutDependencies.length > 0) await install('--no-deps', ...withoutDependencies);
  writeFileSync(done, wanted);
  return python;
}
