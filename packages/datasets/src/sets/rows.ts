import { createReadStream } from 'node:fs';
import { PengiError, printable } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import { parse } from 'csv-parse/sync';
import { type RowProblem, textProblem } from '../manifest-rows.js';

export interface RowsOptions {
  readonly delimiter?: ',' | '\t';
  /** Whether double quotes hold fields together; true by default. */
  readonly quotes?: boolean;
  /** 'utf-8' by default. 'utf-8 or latin-1' takes what is no UTF-8 for ISO-8859-1. */
  readonly encoding?: 'utf-8' | 'utf-8 or latin-1';
  /** Lines that begin with it are passed over. */
  readonly comment?: string;
  /** Names of the columns of a file without header. */
  readonly columns?: readonly string[];
  /** Lines of the header, 1 by default; the column of several is called "first.second", blank lines left out. */
  readonly headerLines?: number;
  /** Whether rows may have fewer columns; the missing ones are empty. */
  readonly ragged?: boolean;
  /** Columns that must be there. */
  readonly needs?: readonly string[];
}

export interface Row {
  /** Counted from 1: where the row begins. */
  readonly line: number;
  /** The value of a column, blanks around it cut off; empty where the column is absent. */
  text(column: string): string;
  has(column: string): boolean;
}

/** A record of more lines or characters is a torn quote: its first line is given up, the rest read again. */
const MAX_RECORD_LINES = 1000;
const MAX_RECORD_CHARACTERS = 2 ** 20;
/** Records that are given to the CSV library at once. */
const CHUNK = 512;

/**
 * The rows of a delimited text file, in a stream. Rows that cannot be read are told to `onProblem`, and the next ones go on.
 * @throws PengiError E_NOT_FOUND, E_IO; E_DATA when the file as a whole cannot be read: encoding, no header, lacking columns
 */
export async function* readRows(
  path: string,
  options: RowsOptions,
  onProblem: (problem: RowProblem) => void,
): AsyncGenerator<Row> {
  const { headerLines = 1, columns: given, needs = [], ragged = false } = options;
  let columns = given && columnIndex(given);
  const header: string[][] = [];
  for await (const chunk of chunks(records(path, options, onProblem))) {
    const parsed =
      parseRecords(chunk, options) ?? chunk.map((record) => parseRecords([record], options)?.[0]);
    for (const [i, { line, text }] of chunk.entries()) {
      const fields = parsed[i];
      if (columns === undefined) {
        if (fields === undefined)
          throw new PengiError('E_DATA', 'the header cannot be read: a quote is missing or misplaced', {
            file: `${path}:${line}`,
          });
        header.push(fields);
        if (header.length === headerLines) columns = columnIndex(joinHeader(header));
        if (columns) checkColumns(columns, needs, `${path}:${line}`);
        continue;
      }
      const message = rowProblem(text, fields, columns.size, ragged);
      if (message !== '') onProblem({ line, message });
      else yield rowOf(line, columns, fields as string[]);
    }
  }
  if (columns === undefined)
    throw new PengiError('E_DATA', `has no header (wanted: ${needs.join(', ')})`, { file: path });
}

function rowOf(line: number, columns: ReadonlyMap<string, number>, fields: readonly string[]): Row {
  return {
    line,
    text: (column) => (fields[columns.get(column) ?? -1] ?? '').trim(), // the library trims only what has no quotes
    has: (column) => columns.has(column),
  };
}

function columnIndex(names: readonly string[]): Map<string, number> {
  // A nameless or repeated column keeps its place under a name that nothing asks for.
  const index = new Map<string, number>();
  names.forEach((name, i) => {
    index.set(name === '' || index.has(name) ? `#${i}` : name, i);
  });
  return index;
}

function joinHeader(lines: readonly (readonly string[])[]): string[] {
  const width = Math.max(...lines.map((line) => line.length));
  return Array.from({ length: width }, (_, i) =>
    lines
      .map((line) => line[i] ?? '')
      .filter((part) => part !== '')
      .join('.'),
  );
}

function checkColumns(columns: ReadonlyMap<string, number>, needs: readonly string[], file: string): void {
  const missing = needs.filter((column) => !columns.has(column));
  if (missing.length > 0)
    throw new PengiError(
      'E_DATA',
      `lacks the column${missing.length > 1 ? 's' : ''} ${missing.join(', ')}; found ${printable([...columns.keys()].join(', '))}`,
      { file, hint: 'is it the right file, and separated by the right sign?' },
    );
}

function rowProblem(
  text: string,
  fields: readonly string[] | undefined,
  wanted: number,
  ragged: boolean,
): string {
  if (fields === undefined) return 'cannot be read: a quote is missing or misplaced';
  if (ragged ? fields.length > wanted : fields.length !== wanted)
    return `has ${fields.length} columns, expected ${wanted}: "${printable(text, 60)}"`;
  return fields.map((field, i) => textProblem(`column ${i + 1}`, field)).find((issue) => issue !== '') ?? '';
}

interface TextRecord {
  readonly line: number;
  readonly text: string;
}

function parseRecords(
  records: readonly TextRecord[],
  { delimiter = ',', quotes = true }: RowsOptions,
): string[][] | undefined {
  try {
    const parsed = parse(records.map(({ text }) => text).join('\n'), {
      delimiter,
      quote: quotes ? '"' : null,
      record_delimiter: '\n',
      relax_column_count: true, // counted by `rowProblem`, which says more
      trim: true,
    });
    return parsed.length === records.length ? parsed : undefined;
  } catch {
    return undefined; // its message quotes the file
  }
}

/** The lines, joined where a quoted field goes over several; blank ones and comments left out. */
async function* records(
  path: string,
  { quotes = true, encoding = 'utf-8', comment }: RowsOptions,
  onProblem: (problem: RowProblem) => void,
): AsyncGenerator<TextRecord> {
  let open: TextRecord[] = [];
  let characters = 0;
  const take = function* (first: TextRecord): Generator<TextRecord> {
    const queue = [first];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      if (open.length === 0 && (next.text.trim() === '' || (comment && next.text.startsWith(comment))))
        continue;
      open.push(next);
      characters += next.text.length;
      const isClosed = open.length === 1 ? !quotes || hasEvenQuotes(next.text) : !hasEvenQuotes(next.text);
      if (isClosed) {
        yield { line: open[0]!.line, text: open.map(({ text }) => text).join('\n') };
        open = [];
        characters = 0;
      } else if (open.length > MAX_RECORD_LINES || characters > MAX_RECORD_CHARACTERS) {
        const [torn, ...rest] = open;
        onProblem({ line: torn!.line, message: 'cannot be read: a quote is never closed' });
        queue.unshift(...rest);
        open = [];
        characters = 0;
      }
    }
  };
  for await (const line of lines(path, await encodingOf(path, encoding))) yield* take(line);
  while (open.length > 0) {
    const [torn, ...rest] = open;
    onProblem({ line: torn!.line, message: 'cannot be read: a quote is never closed' });
    open = [];
    characters = 0;
    for (const line of rest) yield* take(line);
  }
}

function hasEvenQuotes(text: string): boolean {
  let even = true;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) even = !even;
  return even;
}

async function* chunks<T>(items: AsyncIterable<T>): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  for await (const item of items) {
    chunk.push(item);
    if (chunk.length === CHUNK) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}

async function encodingOf(path: string, wanted: NonNullable<RowsOptions['encoding']>): Promise<string> {
  if (wanted === 'utf-8') return 'utf-8';
  try {
    for await (const _ of lines(path, 'utf-8')); // to its end: one accent anywhere decides
    return 'utf-8';
  } catch (error) {
    if ((error as PengiError).code === 'E_DATA') return 'latin1';
    throw error;
  }
}

/** The lines of a text file without their ends and without a byte-order mark. */
async function* lines(path: string, encoding: string): AsyncGenerator<TextRecord> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  let rest = '';
  let line = 1;
  const decode = (bytes?: Uint8Array) => {
    try {
      return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode();
    } catch {
      throw new PengiError('E_DATA', `is not ${encoding.toUpperCase()}`, {
        file: `${path}:${line}`, // from here on
        hint: 'save it as UTF-8',
      });
    }
  };
  try {
    for await (const bytes of createReadStream(path, { highWaterMark: 2 ** 18 })) {
      const parts = (rest + decode(bytes as Uint8Array)).split('\n');
      rest = parts.pop() ?? '';
      for (const text of parts) yield { line: line++, text: text.endsWith('\r') ? text.slice(0, -1) : text };
    }
    rest += decode();
  } catch (error) {
    throw fileError(error, path, 'read');
  }
  if (rest !== '') yield { line, text: rest };
}
