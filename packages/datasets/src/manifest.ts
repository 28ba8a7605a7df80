import { dirname } from 'node:path';
import { isPengiError, PengiError, printable } from '@pengi/core';
import { readRegularFile } from './files.js';
import { type ManifestRow, parseManifest, REQUIRED_COLUMNS, type RowProblem } from './manifest-rows.js';
import { fileInside, isOutside, realFolder } from './paths.js';

/** What every audio task is made of: a clip and a prompt in, a text out. */
export interface Example {
  /** Unique within its manifest. */
  readonly id: string;
  /** The audio file: absolute, symbolic links followed. */
  readonly audio: string;
  readonly prompt: string;
  readonly target: string;
  /** Such as "train" or "test", where the manifest tells it. */
  readonly split?: string;
  /** The manifest's further columns. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface ManifestOptions {
  /** The folder that audio paths count from and may not leave; the manifest's own by default. */
  readonly root?: string;
  /** Leave bad rows out and report them in `problems`, rather than refuse the whole. */
  readonly skipBadRows?: boolean;
}

export interface Manifest {
  readonly examples: Example[];
  /** The rows left out; empty unless `skipBadRows`. */
  readonly problems: RowProblem[];
}

/**
 * Reads a plain manifest: CSV with a header, or JSONL. Columns or keys `audio`, `prompt`, `target`, and as you like
 * `id`, `split` and others. Blanks around texts are cut off. The default id is the audio path as written, with "#"
 * and the line's number from the second row of the same path on.
 * @throws PengiError E_NOT_FOUND, E_IO; E_DATA with file and line for the first bad row: no UTF-8, a missing column,
 *   torn or misquoted rows, empty, oversize or damaged texts, an audio file that does not exist or lies outside of
 *   the root, a repeated id
 */
export async function readManifest(path: string, options: ManifestOptions = {}): Promise<Manifest> {
  const rows = parseManifest(await readRegularFile(path, MAX_MANIFEST_BYTES, 'E_DATA'), path);
  const audioPath = audioFinder(await realFolder(options.root ?? dirname(path)));
  const examples: Example[] = [];
  const problems: RowProblem[] = [];
  const lineOfId = new Map<string, number>();

  for (const row of await mapInParallel(rows, (row) => ('values' in row ? withAudio(row, audioPath) : row))) {
    const found = 'values' in row ? toExample(row, lineOfId) : row;
    if ('message' in found) problems.push(found);
    else examples.push(found);
  }
  if (problems[0] && options.skipBadRows !== true)
    throw badRow(path, problems[0], problems.length, rows.length);
  return { examples, problems };
}

const MAX_MANIFEST_BYTES = 2 ** 28;

interface RowWithAudio extends ManifestRow {
  readonly audio: string;
}

async function withAudio(
  row: ManifestRow,
  audioPath: (name: string) => Promise<string | PengiError>,
): Promise<RowWithAudio | RowProblem> {
  const audio = await audioPath(row.values.get('audio') ?? '');
  if (typeof audio === 'string') return { ...row, audio };
  const { message } = audio;
  return { line: row.line, message, kind: isOutside(audio) ? 'outside-root' : 'missing-audio' };
}

/** Many rows share a file: each is looked for once. */
function audioFinder(root: string): (name: string) => Promise<string | PengiError> {
  const known = new Map<string, Promise<string | PengiError>>();
  return (name) => {
    let found = known.get(name);
    if (found === undefined) {
      found = fileInside(root, name).catch((error: unknown) => {
        if (isPengiError(error)) return error;
        throw error;
      });
      known.set(name, found);
    }
    return found;
  };
}

function toExample(
  { line, values, audio }: RowWithAudio,
  lineOfId: Map<string, number>,
): Example | RowProblem {
  const text = (column: string) => (values.get(column) ?? '').trim();
  const written = values.get('audio') ?? '';
  const id = text('id') || (lineOfId.has(written) ? `${written}#${line}` : written);
  const earlier = lineOfId.get(id);
  if (earlier !== undefined)
    return {
      line,
      kind: 'duplicate',
      message: `the id "${printable(id, 80)}" is that of line ${earlier} already`,
    };
  lineOfId.set(id, line);
  const split = text('split');
  return {
    id,
    audio,
    prompt: text('prompt'),
    target: text('target'),
    ...(split && { split }),
    fields: Object.fromEntries([...values].filter(([column]) => !NAMED_COLUMNS.has(column))),
  };
}

const NAMED_COLUMNS = new Set<string>(['id', 'split', ...REQUIRED_COLUMNS]);

function badRow(path: string, { line, message }: RowProblem, bad: number, rows: number): PengiError {
  return new PengiError('E_DATA', `${message} (${bad} of ${rows} rows ${bad === 1 ? 'is' : 'are'} bad)`, {
    file: `${path}:${line}`,
    hint: 'correct it, or leave bad rows out with skipBadRows',
  });
}

/** `map` over `items`, some of them at the same time, in order. */
async function mapInParallel<T, R>(items: readonly T[], map: (item: T) => Promise<R> | R): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += FILES_AT_ONCE)
    results.push(...(await Promise.all(items.slice(start, start + FILES_AT_ONCE).map(map))));
  return results;
}

const FILES_AT_ONCE = 64;
