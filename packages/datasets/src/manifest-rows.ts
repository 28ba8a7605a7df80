import { extname } from 'node:path';
import { MAX_TEXT_BYTES, PengiError, printable } from '@pengi/core';
import { parse } from 'csv-parse/sync';
import type { ProblemKind } from './sets/item.js';

/** What is wrong with a row, in one line of text. */
export interface RowProblem {
  /** Counted from 1: where the row begins. */
  readonly line: number;
  readonly message: string;
  /** 'bad-row' by default. */
  readonly kind?: ProblemKind;
}

export interface ManifestRow {
  readonly line: number;
  /** By column; every value has passed `textProblem`. */
  readonly values: ReadonlyMap<string, string>;
}

export const REQUIRED_COLUMNS = ['audio', 'prompt', 'target'] as const;

/**
 * The rows of a CSV manifest, or of a JSONL one (the file is named so, or its text begins with a brace).
 * @throws PengiError E_DATA when the file as a whole cannot be read: no UTF-8, no rows, a header without the columns
 */
export function parseManifest(bytes: Uint8Array, file: string): (ManifestRow | RowProblem)[] {
  const text = decodeUtf8(bytes, file);
  const isJsonl = ['.jsonl', '.ndjson'].includes(extname(file).toLowerCase()) || /^\s*\{/.test(text);
  const rows = isJsonl ? jsonlRows(text) : csvRows(text, file);
  if (rows.length === 0)
    throw new PengiError('E_DATA', isJsonl ? 'holds no rows' : 'holds no rows below its header', { file });
  return rows;
}

/** A row of more characters is a torn quote, or not made for this. */
const MAX_ROW_CHARACTERS = 2 ** 20;
const MAX_COLUMNS = 256;
/** Records that are given to the CSV library at once. */
const CHUNK = 512;

function csvRows(text: string, file: string): (ManifestRow | RowProblem)[] {
  const [header, ...records] = splitRecords(text);
  if (header === undefined) throw new PengiError('E_DATA', 'is empty', { file, hint: HEADER_HINT });
  const columns = headerColumns(header, file);
  const rows: (ManifestRow | RowProblem)[] = [];
  for (let start = 0; start < records.length; start += CHUNK) {
    const chunk = records.slice(start, start + CHUNK);
    // Its way of skipping bad records loses good ones after some errors, so they are told apart by trying.
    const fields = parseRecords(chunk) ?? chunk.map((record) => parseRecords([record])?.[0]);
    chunk.forEach((record, i) => {
      rows.push(csvRow(record, columns, fields[i]));
    });
  }
  return rows;
}

const HEADER_HINT = 'the first line names the columns: audio,prompt,target';

function headerColumns(record: CsvRecord, file: string): string[] {
  const refuse = (message: string, hint = HEADER_HINT) => {
    throw new PengiError('E_DATA', message, { file: `${file}:${record.line}`, hint });
  };
  const columns = parseRecords([record])?.[0];
  if (columns === undefined) return refuse('the header is no valid CSV: a quote is missing or misplaced');
  if (columns.length > MAX_COLUMNS)
    return refuse(`the header has ${columns.length} columns; at most ${MAX_COLUMNS} are read`);
  const issue = columns.map((column) => textProblem('a column', column)).find((found) => found !== '');
  if (issue) return refuse(issue);
  const repeated = columns.find((column, i) => columns.indexOf(column) < i);
  if (repeated !== undefined) return refuse(`the column "${printable(repeated, 40)}" occurs twice`);
  const missing = REQUIRED_COLUMNS.filter((column) => !columns.includes(column));
  if (missing.length === 0) return columns;
  return refuse(
    `lacks the column${missing.length > 1 ? 's' : ''} ${missing.join(', ')}; found ${printable(columns.join(', '))}`,
    columns.length === 1 && /[\t;]/.test(columns[0] ?? '') ? 'separate the columns by commas' : HEADER_HINT,
  );
}

interface CsvRecord {
  readonly line: number;
  readonly text: string;
}

/** `text` cut at the line breaks that are not inside of quotes; blank lines are left out. */
function splitRecords(text: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  let line = 1;
  let start = 0;
  let breaks = 0;
  let isQuoted = false;
  const take = (end: number) => {
    const record = text.slice(start, text[end - 1] === '\r' ? end - 1 : end);
    if (record.trim() !== '') records.push({ line, text: record });
  };
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) isQuoted = !isQuoted;
    if (c !== 0x0a) continue;
    breaks++;
    if (isQuoted) continue;
    take(i);
    start = i + 1;
    line += breaks;
    breaks = 0;
  }
  take(text.length);
  return records;
}

/** The fields of each record; undefined when one of them is no valid CSV. */
function parseRecords(records: readonly CsvRecord[]): string[][] | undefined {
  if (records.some(({ text }) => text.length > MAX_ROW_CHARACTERS)) return undefined;
  try {
    const parsed = parse(records.map(({ text }) => text).join('\n'), {
      record_delimiter: '\n',
      relax_column_count: true, // counted by `csvRow`, which says more
      trim: true,
    });
    return parsed.length === records.length ? parsed : undefined;
  } catch {
    return undefined; // its message quotes the file
  }
}

function csvRow(
  { line, text }: CsvRecord,
  columns: readonly string[],
  fields: readonly string[] | undefined,
): ManifestRow | RowProblem {
  if (text.length > MAX_ROW_CHARACTERS) return { line, message: tooLong(text) };
  if (fields === undefined) {
    const last = line + text.split('\n').length - 1;
    const where = last > line ? `lines ${line} … ${last} are` : 'is';
    return {
      line,
      message: `${where} no valid CSV row: a quote is missing or misplaced (inside of a quoted text it is written twice)`,
    };
  }
  if (fields.length !== columns.length)
    return {
      line,
      message: `has ${fields.length} columns, the header ${columns.length}: ${
        fields.length > columns.length ? 'put texts with commas in double quotes' : 'is the line torn?'
      }`,
    };
  return checkedRow(line, new Map(columns.map((column, i) => [column, fields[i] ?? ''])));
}

function jsonlRows(text: string): (ManifestRow | RowProblem)[] {
  return text
    .split('\n')
    .flatMap((source, i) => (source.trim() === '' ? [] : [jsonlRow(source.trim(), i + 1)]));
}

function jsonlRow(source: string, line: number): ManifestRow | RowProblem {
  if (source.length > MAX_ROW_CHARACTERS) return { line, message: tooLong(source) };
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    return { line, message: 'is no valid JSON: is the line torn?' }; // the library's message quotes the file
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { line, message: 'is no JSON object: every line is one {"audio": …, "prompt": …, "target": …}' };
  const entries = Object.entries(value).filter(([, field]) => field !== null);
  if (entries.length > MAX_COLUMNS)
    return { line, message: `has ${entries.length} keys; at most ${MAX_COLUMNS} are read` };
  const notText = entries.find(([key, field]) => isOwnKey(key) && typeof field !== 'string');
  if (notText) return { line, message: `"${notText[0]}" is no text but ${kindOf(notText[1])}` };
  try {
    return checkedRow(line, new Map(entries.map(([key, field]) => [key, asText(field)])));
  } catch {
    return { line, message: 'is nested too deeply' };
  }
}

const isOwnKey = (key: string) => ['id', 'split', ...REQUIRED_COLUMNS].includes(key);

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function checkedRow(line: number, values: ReadonlyMap<string, string>): ManifestRow | RowProblem {
  const missing = REQUIRED_COLUMNS.filter((column) => (values.get(column) ?? '').trim() === '');
  const issues = [
    ...missing.map((column) => `"${column}" is ${values.has(column) ? 'empty' : 'missing'}`),
    ...[...values].map(([column, value]) => textProblem(`"${printable(column, 40)}"`, value)),
    ...['audio', 'id'].map((column) =>
      /[\r\n]/.test(values.get(column) ?? '') ? `"${column}" holds a line break` : '',
    ),
  ].filter((issue) => issue !== '');
  if (issues.length === 0) return { line, values };
  const isEmpty = missing.length === issues.length && missing.every((column) => values.has(column));
  return { line, message: issues.join('; '), ...(isEmpty && { kind: 'empty-text' }) };
}

export function textProblem(name: string, value: string): string {
  if (value.includes('\0')) return `${name} holds a NUL character: is the file damaged?`;
  // A UTF-16 unit takes at most three bytes: most fields need no counting.
  if (value.length * 3 > MAX_TEXT_BYTES && Buffer.byteLength(value) > MAX_TEXT_BYTES)
    return `${name} is longer than ${MAX_TEXT_BYTES} bytes: shorten it`;
  return '';
}

function tooLong(text: string): string {
  return `has ${text.length} characters; at most ${MAX_ROW_CHARACTERS} are read: is a quote missing?`;
}

/** Without the byte-order mark. @throws PengiError E_DATA that names the line which is no UTF-8 */
function decodeUtf8(bytes: Uint8Array, file: string): string {
  const hint = 'save it as UTF-8';
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
    throw new PengiError('E_DATA', 'is UTF-16', { file, hint });
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    return decoder.decode(bytes);
  } catch {
    throw new PengiError('E_DATA', 'is not UTF-8', { file: `${file}:${invalidLine(bytes)}`, hint });
  }
}

/** A line break byte is never part of another character, so each line can be tried on its own. */
function invalidLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let start = 0;
  for (let line = 1; ; line++) {
    const end = bytes.indexOf(0x0a, start);
    try {
      decoder.decode(bytes.subarray(start, end < 0 ? undefined : end));
    } catch {
      return line;
    }
    if (end < 0) return line;
    start = end + 1;
  }
}
