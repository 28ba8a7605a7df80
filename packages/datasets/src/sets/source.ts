import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PengiError, type Schema } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import type { Finder } from './finder.js';
import type { Problem } from './item.js';
import { type Row, type RowsOptions, readRows } from './rows.js';

/** What an adapter reads with. */
export interface Source {
  /** The data set's folder. */
  readonly folder: string;
  /** Rows of a delimited text file; bad ones become problems. */
  rows(file: string, options?: RowsOptions): AsyncGenerator<Row>;
  /** A JSON file. @throws PengiError E_DATA */
  json<T>(file: string, schema: Schema<T>): Promise<T>;
  text(file: string): Promise<string>;
  /** The first of these files or folders that is there. */
  first(names: readonly string[]): Promise<string | undefined>;
  /** Those of these folders that are there; all of them when none is, so that problems name a likely place. */
  foldersOf(names: readonly string[]): Promise<readonly string[]>;
  /** Names in a folder, sorted; empty when it is not there. */
  list(folder: string): Promise<readonly string[]>;
  problem(problem: Problem): void;
}

export function sourceOf(folder: string, finder: Finder, problem: (problem: Problem) => void): Source {
  const text = async (file: string) => {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(join(folder, file)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
        throw new PengiError('E_DATA', 'is not UTF-8', {
          file: join(folder, file),
          hint: 'save it as UTF-8',
        });
      throw fileError(error, join(folder, file), 'read');
    }
  };
  return {
    folder,
    rows: (file, options = {}) =>
      readRows(join(folder, file), options, ({ line, message }) =>
        problem({ kind: 'bad-row', file, line, message }),
      ),
    text,
    async json(file, schema) {
      let value: unknown;
      try {
        value = JSON.parse(await text(file));
      } catch (error) {
        if (error instanceof SyntaxError)
          throw new PengiError('E_DATA', 'is no valid JSON: is it unpacked in full?', {
            file: join(folder, file),
          });
        throw error;
      }
      const result = schema.safeParse(value);
      if (result.success) return result.data;
      const [issue] = result.error.issues;
      throw new PengiError(
        'E_DATA',
        `${issue?.path.map(String).join('.') || 'as a whole'}: ${issue?.message}`,
        {
          file: join(folder, file),
        },
      );
    },
    async first(names) {
      for (const name of names) {
        const at = name.lastIndexOf('/');
        const there = await finder.list(at < 0 ? '.' : name.slice(0, at));
        if (there?.includes(name.slice(at + 1))) return name;
      }
      return undefined;
    },
    async foldersOf(names) {
      const there = await Promise.all(names.map((name) => finder.list(name)));
      const found = names.filter((_, i) => there[i] !== undefined);
      return found.length > 0 ? found : names;
    },
    list: async (path) => (await finder.list(path)) ?? [],
    problem,
  };
}
