/** Processes of this test, and what became of them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

export interface Started {
  child: ChildProcess;
  /** Resolves when stdout or stderr has this text; rejects when the process ends without. */
  heard(text: string): Promise<void>;
  ended: Promise<Ended>;
}

const WORKSPACE = fileURLToPath(new URL('../../..', import.meta.url));

/** The command line of a TypeScript program beside this one. */
export function programOf(name: string, ...args: string[]): string[] {
  const file = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  return [process.execPath, '--import', 'tsx', file, ...args];
}

export function start(
  [command, ...args]: readonly string[],
  { env = {}, uid }: { env?: Record<string, string>; uid?: number } = {},
): Started {
  const child = spawn(command as string, args, {
    cwd: WORKSPACE,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const text = { out: '', err: '' };
  const listeners = new Set<() => void>();
  for (const [stream, name] of [
    [child.stdout, 'out'],
    [child.stderr, 'err'],
  ] as const)
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
      for (const listener of listeners) listener();
    });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, ...text }));
  });
  return {
    child,
    ended,
    heard: (wanted) =>
      new Promise((resolve, reject) => {
        const look = () => (text.out + text.err).includes(wanted) && resolve();
        listeners.add(look);
        look();
        ended.then(() => reject(new Error(`ended without "${wanted}":\n${text.out}${text.err}`)), reject);
      }),
  };
}

/** Runs a program to its end. */
export function run(command: readonly string[], options: Parameters<typeof start>[1] = {}): Promise<Ended> {
  return start(command, options).ended;
}

/** `work` on all of `items`, `width` at once. */
export async function inParallel<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>) {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
