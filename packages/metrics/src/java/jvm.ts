import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { PengiError, printable } from '@pengi/core';
import type { JavaRuntime } from './find.js';

/** A running Java program. It is killed by `close`, by the signal, and when this process ends. */
export interface Jvm {
  /** Writes text; waits while the program does not read. */
  write(text: string): Promise<void>;
  /** The next line of its output. @throws PengiError E_WORKER when it has ended or says nothing within the limit */
  line(limitMs: number): Promise<string>;
  /** Waits for the end. @throws PengiError E_WORKER for a failure or when it takes longer than the limit */
  done(limitMs: number): Promise<void>;
  close(): void;
}

export interface JvmOptions {
  /** What errors call it. */
  readonly name: string;
  readonly cwd?: string;
  readonly signal?: AbortSignal | undefined;
}

const KEPT_OF_STDERR = 4000;

export function startJvm(java: JavaRuntime, args: readonly string[], { name, cwd, signal }: JvmOptions): Jvm {
  signal?.throwIfAborted();
  const child: ChildProcessWithoutNullStreams = spawn(java.path, [...args], cwd === undefined ? {} : { cwd });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr = (stderr + String(chunk)).slice(-KEPT_OF_STDERR);
  });
  child.stdin.on('error', () => undefined); // the end of the program says more than its closed input

  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  signal?.addEventListener('abort', kill, { once: true });
  let outcome: { error?: unknown } | undefined;
  const ended = new Promise<void>((resolve) => {
    const end = (result: { error?: unknown }) => {
      outcome ??= result;
      process.off('exit', kill);
      signal?.removeEventListener('abort', kill);
      resolve();
    };
    child.on('error', (cause) => end({ error: failure(`cannot be started: ${cause.message}`, cause) }));
    child.on('close', (code, by) =>
      end(code === 0 ? {} : { error: failure(`ended with ${by === null ? `status ${code}` : by}`) }),
    );
  });
  const failure = (what: string, cause?: unknown) => {
    const said = stderr
      .trim()
      .split('\n')
      .filter((line) => !/^\s*at |WARNING/.test(line))
      .slice(-2)
      .join(' ');
    return new PengiError('E_WORKER', `${name} ${what}${said ? ` (${printable(said, 300)})` : ''}`, {
      ...(cause === undefined ? {} : { cause }),
    });
  };
  const limited = async <T>(work: Promise<T>, limitMs: number): Promise<T> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        kill();
        reject(failure(`has not answered within ${limitMs / 1000} s`));
      }, limitMs);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
      signal?.throwIfAborted();
    }
  };

  // A program whose output nobody reads would stand still: lines are read from the first request on, else all is dropped.
  let lines: AsyncIterator<string> | undefined;
  return {
    write: (text) =>
      new Promise((resolve) => {
        if (child.stdin.write(text)) resolve();
        else {
          child.stdin.once('drain', resolve);
          void ended.then(() => resolve());
        }
      }),
    line(limitMs) {
      lines ??= createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const next = lines.next().then(async ({ done, value }) => {
        if (!done) return value;
        await ended;
        throw outcome?.error ?? failure('has ended early');
      });
      return limited(next, limitMs);
    },
    done: (limitMs) =>
      limited(
        (async () => {
          child.stdin.end();
          child.stdout.resume();
          await ended;
          if (outcome?.error) throw outcome.error;
        })(),
        limitMs,
      ),
    close: kill,
  };
}
