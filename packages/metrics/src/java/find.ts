import { spawn } from 'node:child_process';
import { join } from 'node:path';

export interface JavaRuntime {
  /** The command. */
  readonly path: string;
  /** 17 for 17.0.15, 8 for 1.8.0. */
  readonly major: number;
}

/** A Java that does not say its version within so long is none. */
const LIMIT_MS = 20_000;

/**
 * The Java of this machine: `PENGI_JAVA`, else that of `JAVA_HOME`, else `java` of the PATH; undefined when there is none that runs.
 */
export async function findJava(
  environment: NodeJS.ProcessEnv = process.env,
): Promise<JavaRuntime | undefined> {
  const { PENGI_JAVA: own, JAVA_HOME: home } = environment;
  for (const path of own ? [own] : [...(home ? [join(home, 'bin', 'java')] : []), 'java']) {
    const major = await majorVersion(path);
    if (major !== undefined) return { path, major };
  }
  return undefined;
}

function majorVersion(path: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const child = spawn(path, ['-version'], { stdio: ['ignore', 'ignore', 'pipe'], timeout: LIMIT_MS });
    let text = '';
    child.stderr.on('data', (chunk) => {
      text += String(chunk);
    });
    child.on('error', () => resolve(undefined));
    child.on('close', (code) => {
      const [, first, second] = /version "(\d+)(?:\.(\d+))?/.exec(text) ?? [];
      if (code !== 0 || first === undefined) resolve(undefined);
      else resolve(first === '1' ? Number(second) : Number(first));
    });
  });
}
