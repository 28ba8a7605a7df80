/** What is running. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/** Of this package. The path holds for the sources and for what is built of them. */
export function ownVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Of the sources that run, where they are in a repository. */
export async function commit(): Promise<{ commit?: string }> {
  try {
    const options = { cwd: import.meta.dirname };
    const { stdout } = await promisify(execFile)('git', ['rev-parse', 'HEAD'], options);
    return { commit: stdout.trim() };
  } catch {
    return {};
  }
}
