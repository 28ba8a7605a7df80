import { spawn } from 'node:child_process';

/** What a program has printed and how it ended; undefined when there is no such program. */
export interface ProgramEnd {
  status: number;
  output: string;
  /** The last lines of what it said on stderr. */
  complaint: string;
}

/**
 * Runs a program of the user's machine, without a shell.
 * @param options.show pass on what it says on stderr, and on stdout to stderr as well, instead of keeping it
 */
export function runProgram(
  program: string,
  args: readonly string[],
  { show = false, cwd, signal }: { show?: boolean; cwd?: string; signal?: AbortSignal | undefined } = {},
): Promise<ProgramEnd | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', show ? process.stderr : 'pipe', show ? process.stderr : 'pipe'],
      ...(cwd !== undefined && { cwd }),
      ...(signal && { signal }),
    });
    let output = '';
    let complaint = '';
    child.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      complaint = (complaint + chunk).slice(-2000);
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve(undefined);
      else reject(signal?.aborted ? signal.reason : error);
    });
    child.on('close', (status) => {
      const lines = complaint.trim().split('\n').slice(-3);
      resolve({ status: status ?? 1, output, complaint: lines.join(' ') });
    });
  });
}
