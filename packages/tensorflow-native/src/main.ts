import { parseArgs } from 'node:util';
import { isPengiError, PengiError } from '@pengi/core';
import { stderrProgress } from '@pengi/core/node';
import { install, uninstall } from './install.js';
import { DEFAULT_VERSION, RELEASES } from './releases.js';
import { tensorFlowStatus } from './start.js';

const HELP = `Native TensorFlow for TensorFlow.js, without a compiler.

  tensorflow-native install      put TensorFlow's libraries and tfjs-node's kernels into the cache
    --gpu                        the variant for CUDA 12
    --version VERSION            ${[...new Set(RELEASES.map(({ version }) => version))].join(', ')} (default ${DEFAULT_VERSION})
    --through https|pip          how the wheel is read (default: https, and where that fails pip)
    --index-url URL              the package index (default: pip's, else PyPI)
    --wheel FILE                 take the libraries out of this wheel
    --force                      install again what is there
    --no-wait                    fail when another process installs
  tensorflow-native status       what is installed, whether it loads, the device it computes on
  tensorflow-native uninstall    remove it from the cache

  --json    one JSON object on stdout; errors as JSON on stderr
The cache is PENGI_CACHE, else pengi in the user's cache folder.
`;

/** Runs the command line and gives the exit status. Errors are one line on stderr (JSON with --json). */
export async function main(args: readonly string[]): Promise<number> {
  const json = args.includes('--json');
  const stop = new AbortController();
  const interrupt = () => stop.abort(new PengiError('E_INTERRUPTED', 'stopped'));
  process.once('SIGINT', interrupt);
  try {
    return await command(args, stop.signal);
  } catch (error) {
    const known = isPengiError(error) ? error : unexpected(error);
    process.stderr.write(json ? `${JSON.stringify({ error: known })}\n` : `${known.line}\n`);
    return known.exitCode;
  } finally {
    process.off('SIGINT', interrupt);
  }
}

async function command(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { flags, name } = parse(args);
  const print = (data: object, line: string) =>
    void process.stdout.write(flags.json ? `${JSON.stringify(data)}\n` : `${line}\n`);
  if (flags.help || name === undefined) {
    process.stdout.write(HELP);
    return flags.help ? 0 : 2;
  }
  if (name === 'uninstall') {
    const removed = await uninstall();
    print({ removed }, removed ? 'removed' : 'nothing was installed');
    return 0;
  }
  if (name === 'install') {
    const start = performance.now();
    const result = await install({
      version: flags.version,
      variant: flags.gpu ? 'gpu' : 'cpu',
      through: throughOf(flags.through),
      indexUrl: flags['index-url'],
      wheel: flags.wheel,
      force: flags.force,
      wait: !flags['no-wait'],
      progress: stderrProgress,
      say: (line) => void process.stderr.write(`${line}\n`),
      signal,
    });
    const seconds = Math.round((performance.now() - start) / 100) / 10;
    const status = await tensorFlowStatus();
    print(
      { ...result, seconds, status },
      result.changed ? `installed in ${seconds} s` : 'installed already (--force installs again)',
    );
    if (!flags.json) print({}, describe(status));
    return status.version === undefined ? 70 : 0;
  }
  if (name === 'status') {
    const status = await tensorFlowStatus();
    print(status, describe(status));
    return 0;
  }
  throw new PengiError('E_USAGE', `no command "${name}"`, { hint: 'install, status or uninstall' });
}

function describe({
  folder,
  installed,
  version,
  device,
  problem,
}: Awaited<ReturnType<typeof tensorFlowStatus>>) {
  const what = installed
    ? `TensorFlow ${installed.version} (${installed.variant}) in ${folder}`
    : `nothing in ${folder}`;
  const loaded = version && `version ${version} loads and computes on ${device}`;
  return [what, loaded, problem].filter(Boolean).join('\n');
}

function parse(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        gpu: { type: 'boolean' },
        version: { type: 'string' },
        through: { type: 'string' },
        'index-url': { type: 'string' },
        wheel: { type: 'string' },
        force: { type: 'boolean' },
        'no-wait': { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (positionals.length > 1) throw new Error(`one command at a time: ${positionals.join(' ')}`);
    return { flags: values, name: positionals[0] };
  } catch (cause) {
    throw new PengiError('E_USAGE', (cause as Error).message, { hint: 'see --help', cause });
  }
}

function throughOf(value: string | undefined): 'https' | 'pip' | undefined {
  if (value === undefined || value === 'https' || value === 'pip') return value;
  throw new PengiError('E_USAGE', `--through takes https or pip, not "${value}"`);
}

function unexpected(cause: unknown): PengiError {
  return new PengiError('E_INTERNAL', (cause as Error).message ?? String(cause), {
    cause,
    hint: 'this is a fault of @pengi/tensorflow-native; please report it',
  });
}
