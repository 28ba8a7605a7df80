/** What tells runs from each other. */
import { basename, relative, resolve } from 'node:path';
import type { RunRecord } from './read-run.js';

/** A setting that is not the same in all runs. */
export interface SettingDifference {
  /** Such as `settings.seed` or `record.batch`. */
  readonly name: string;
  /** Of each run, as JSON; undefined where it has none. */
  readonly values: readonly (string | undefined)[];
}

/**
 * The settings that differ, of the task, its settings and its record, and of what else is given.
 * @param more of each run, in the same order, such as the config that it was started with
 */
export function differingSettings(
  runs: readonly RunRecord[],
  more: readonly (object | undefined)[] = [],
): SettingDifference[] {
  const flat = runs.map(({ task, settings, record }, i) => flattened({ task, settings, record, ...more[i] }));
  const names = [...new Set(flat.flatMap((values) => [...values.keys()]))];
  return names
    .map((name) => ({ name, values: flat.map((values) => values.get(name)) }))
    .filter(({ values }) => new Set(values).size > 1);
}

/** The shortest names that tell the folders apart: their last part, or their path from the current folder. */
export function runNames(dirs: readonly string[]): string[] {
  const names = dirs.map((dir) => basename(resolve(dir)));
  return new Set(names).size === names.length ? names : dirs.map((dir) => relative('', dir) || dir);
}

function flattened(value: unknown, path = '', into = new Map<string, string>()): Map<string, string> {
  // Lists are compared as a whole: their parts have no names.
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    for (const [key, part] of Object.entries(value)) flattened(part, path ? `${path}.${key}` : key, into);
  else if (value !== undefined) into.set(path, JSON.stringify(value));
  return into;
}
