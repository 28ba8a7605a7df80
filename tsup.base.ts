import type { Options } from 'tsup';

/** The build every package shares: ESM and types from the named entries. */
export function library(entry: string[] = ['src/index.ts'], options: Options = {}): Options {
  return {
    entry,
    format: 'esm',
    target: 'node20',
    platform: 'neutral',
    dts: true,
    clean: true,
    sourcemap: true,
    splitting: true,
    ...options,
  };
}
