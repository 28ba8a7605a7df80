import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PengiError } from '@pengi/core';
import { runProgram } from '@pengi/core/node';

/** The names under which pip may be on a machine. */
export const PIPS = [['pip3'], ['pip'], ['python3', '-m', 'pip'], ['python', '-m', 'pip']] as const;

/** A published wheel. */
export interface Wheel {
  /** The project's name on the package index. */
  readonly project: string;
  readonly version: string;
  /** The file's name. */
  readonly wheel: string;
  readonly sha256: string;
}

export interface ClientOptions {
  readonly signal?: AbortSignal | undefined;
  /** For when the client fails. */
  readonly hint?: string;
}

/**
 * Downloads a wheel with the user's pip, which knows the user's index, certificates and credentials, and compares it with the pinned
 * checksum. What pip says goes to stderr.
 * @param folder exists
 * @returns its path; undefined where there is no pip
 * @throws PengiError E_IO when pip fails; the signal's reason
 */
export async function pipDownload(
  { project, version, wheel, sha256 }: Wheel,
  folder: string,
  { signal, hint }: ClientOptions = {},
): Promise<string | undefined> {
  const pip = await findPip();
  if (!pip) return undefined;
  const requirements = join(folder, 'requirements.txt');
  await writeFile(requirements, `${project}==${version} --hash=sha256:${sha256}\n`);
  const [program, ...args] = pip as [string, ...string[]];
  const ended = await runProgram(
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
      ...targetOf(wheel),
      ...['--dest', folder, '--requirement', requirements],
    ],
    { show: true, signal },
  );
  if (ended?.status !== 0)
    throw new PengiError('E_IO', `pip could not download ${wheel}`, {
      hint: `its reason stands above${hint === undefined ? '' : `; ${hint}`}`,
    });
  return join(folder, wheel);
}

/** How to call pip on this machine; undefined where there is none. */
async function findPip(): Promise<readonly string[] | undefined> {
  for (const command of PIPS) {
    const [program, ...args] = command;
    if ((await runProgram(program, [...args, '--version']))?.status === 0) return command;
  }
  return undefined;
}

/** pip's options for exactly this wheel, whatever Python it runs on. */
function targetOf(wheel: string): string[] {
  const [python = '', abi = '', platforms = ''] = wheel
    .replace(/\.whl$/, '')
    .split('-')
    .slice(-3);
  return [
    ...['--implementation', python.slice(0, 2), '--python-version', python.slice(2), '--abi', abi],
    ...platforms.split('.').flatMap((platform) => ['--platform', platform]),
  ];
}
