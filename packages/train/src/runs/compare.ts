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
 * The settings that differ, of the task, its settings and its record, and of what else is given. What only some of the runs
 * have is told as a whole.
 * @param more of each run, in the same order, such as the config that it was started with
 */
export function differingSettings(
  runs: readonly RunRecord[],
  more: readonly (object | undefined)[] = [],
): SettingDifference[] {
  return differing(runs.map(({ task, settings, record }, i) => ({ task, settings, record, ...more[i] })));
}

function differing(values: readonly unknown[], path = ''): SettingDifference[] {
  if (values.every(isTree)) {
    const keys = [...new Set(values.flatMap((value) => Object.keys(value)))];
    return keys.flatMap((key) =>
      differing(
        values.map((value) => value[key]),
        path ? `${path}.${key}` : key,
      ),
    );
  }
  const texts = values.map((value) => JSON.stringify(value));
  return new Set(texts).size > 1 ? [{ name: path, values: texts }] : [];
}

/** Lists are compared as a whole: their parts have no names. */
function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The shortest names that tell the folders apart: their last part, or their path from the current folder. */
export function runNames(dirs: readonly string[]): string[] {
  const names = dirs.map((dir) => basename(resolve(dir)));
  return new Set(names).size === names.length ? names : dirs.map((dir) => relative('', dir) || dir);
}
