import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PengiError } from '@pengi/core';
import type { Release } from './releases.js';
import { run } from './run.js';

const PIPS = [['pip3'], ['pip'], ['python3', '-m', 'pip'], ['python', '-m', 'pip']] as const;

/** How to call pip on this machine; undefined where there is none. */
async function findPip(): Promise<readonly string[] | undefined> {
  for (const command of PIPS) {
    const [program, ...args] = command;
    if ((await run(program, [...args, '--version']))?.status === 0) return command;
  }
  return undefined;
}

/**
 * Downloads the whole wheel with the user's pip, which knows the user's index, certificates and credentials, and compares it
 * with the pinned checksum.
 * @returns its path
 * @throws PengiError E_ENGINE without pip, E_IO when pip fails
 */
export async function pipDownload(
  release: Release,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const pip = await findPip();
  if (!pip)
    throw new PengiError('E_ENGINE', 'there is no pip on this machine', {
      hint: 'install Python 3 with pip',
    });
  const requirements = join(folder, 'requirements.txt');
  await writeFile(requirements, `${release.project}==${release.version} --hash=sha256:${release.sha256}\n`);
  const [program, ...args] = pip as [string, ...string[]];
  const ended = await run(
    program,
    [
      ...[
        ...args,
        'download',
        '--no-deps',
        '--require-hashes',
        '--only-binary=:all:',
        '--disable-pip-version-check',
      ],
      ...targetOf(release.wheel),
      ...['--dest', folder, '--requirement', requirements],
    ],
    { show: true, signal },
  );
  if (ended?.status !== 0)
    throw new PengiError('E_IO', `pip could not download ${release.wheel}`, {
      hint: 'its reason stands above; with the wheel at hand: --wheel FILE',
    });
  return join(folder, release.wheel);
}

/** pip's options for exactly this wheel, whatever Python it runs on. */
export function targetOf(wheel: string): string[] {
  const [python = '', abi = '', platforms = ''] = wheel
    .replace(/\.whl$/, '')
    .split('-')
    .slice(-3);
  return [
    ...['--implementation', 'cp', '--python-version', python.slice(2), '--abi', abi],
    ...platforms.split('.').flatMap((platform) => ['--platform', platform]),
  ];
}
