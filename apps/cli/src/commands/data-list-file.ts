/** Lists of findings as files, for programs and spreadsheets. */
import { writeFileAtomic } from '@pengi/core/node';

/** Writes rows as CSV, or as JSON Lines when the file is called so. @throws PengiError E_CANNOT_CREATE, E_DISK_FULL, E_IO */
export async function writeList<Row extends object>(
  path: string,
  columns: readonly (keyof Row & string)[],
  rows: readonly Row[],
): Promise<void> {
  const lines = /\.(jsonl|ndjson)$/i.test(path)
    ? rows.map((row) => JSON.stringify(row))
    : [columns, ...rows.map((row) => columns.map((column) => row[column] ?? ''))].map((cells) =>
        cells.map(cell).join(','),
      );
  await writeFileAtomic(path, lines.map((line) => `${line}\n`).join(''));
}

/** A spreadsheet would run what begins with these signs; with an apostrophe before it, it is text. */
function cell(value: unknown): string {
  const text = String(value);
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
