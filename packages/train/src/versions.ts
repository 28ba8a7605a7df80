import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What, besides the engine, computes a step or writes a checkpoint. */
const PACKAGES = ['@pengi/train', '@pengi/nn', '@pengi/jit', '@pengi/checkpoint', '@tensorflow/tfjs-core'];

/** The versions of the code that decides the numbers of a run, by name. */
export function codeVersions(): Record<string, string> {
  const found = PACKAGES.flatMap((name) => {
    const version = versionOf(name);
    return version === undefined ? [] : [[name, version] as const];
  });
  return { node: process.versions.node, ...Object.fromEntries(found) };
}

/** Undefined where a bundler has left no package.json behind. */
function versionOf(name: string): string | undefined {
  try {
    const own = name === '@pengi/train';
    let folder = dirname(fileURLToPath(own ? import.meta.url : import.meta.resolve(name)));
    for (; folder !== dirname(folder); folder = dirname(folder)) {
      const found = manifestIn(folder);
      if (found?.name === name) return found.version;
    }
  } catch {
    // no file on disk
  }
  return undefined;
}

function manifestIn(folder: string): { name?: string; version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string };
  } catch {
    return undefined;
  }
}
