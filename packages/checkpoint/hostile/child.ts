/**
 * Reads the files of one series, one after the other, and writes a line of JSON about each. Started by main.ts without
 * the right to start processes or to write anywhere but in its work folder.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isPengiError } from '@pengi/core';
import { openPth, openSafetensors, type TensorSource, writeSafetensors } from '../src/index.js';
import { allSeries } from './inputs.js';

/** What is known about one file. */
export interface Verdict {
  index: number;
  what: string;
  /** Milliseconds and bytes that reading took; the bytes only where the system tells. */
  ms: number;
  bytes: number;
  /** `accepted`, the code of a typed error, or any other error as text. */
  outcome: string;
  typed: boolean;
  /** Of an accepted file that is kept: where the tensors are from, and digests of them. */
  root?: readonly string[];
  tensors?: Record<string, string>;
}

const [name = '', seed, count, from, work = '', keep] = process.argv.slice(2);
const series = allSeries(Number(seed), Number(count))[name];
if (!series) throw new Error(`no series ${name}`);

for (let index = Number(from); index < series.count; index++) {
  const { what, bytes } = series.input(index);
  const path = join(work, `input-${index}.${series.extension}`);
  const scratch = keep ? path : join(work, `input.${series.extension}`);
  writeFileSync(scratch, bytes);
  const verdict = await judge(scratch, index);
  writeSync(1, `${JSON.stringify({ ...verdict, index, what })}\n`);
}

async function judge(path: string, index: number): Promise<Omit<Verdict, 'index' | 'what'>> {
  if (index % 20 === 0 || series?.refuse) global.gc?.();
  const before = resetPeak();
  const start = performance.now();
  let result: Pick<Verdict, 'outcome' | 'typed' | 'root' | 'tensors'>;
  try {
    const file = await (path.endsWith('.pth') ? openPth(path) : openSafetensors(path));
    result = {
      outcome: 'accepted',
      typed: true,
      root: 'root' in file ? file.root : [],
      tensors: readAll(file),
    };
    if (index % 10 === 0) await writeAndReadBack(file, `${path}.copy`);
  } catch (error) {
    const typed = isPengiError(error);
    result = { outcome: typed ? error.code : String(error), typed };
  }
  const ms = performance.now() - start;
  return { ...result, ms, bytes: Math.max(0, peak() - before) };
}

/** Reads every tensor as bytes and as an array. Values that no array can hold may be refused, by a typed error. */
function readAll(file: TensorSource): Record<string, string> {
  const digests: Record<string, string> = Object.create(null); // a tensor may be named __proto__
  for (const [name, { dtype, shape }] of file.tensors) {
    const { bytes } = file.read(name);
    digests[name] = `${dtype} [${shape}] ${createHash('sha256').update(bytes).digest('hex')}`;
    try {
      void file.array(name).data;
    } catch (error) {
      if (!isPengiError(error) || error.code !== 'E_ST_TENSOR') throw error;
    }
  }
  return digests;
}

async function writeAndReadBack(file: TensorSource, path: string): Promise<void> {
  const names = [...file.tensors.keys()];
  await writeSafetensors(path, Object.fromEntries(names.map((name) => [name, file.read(name)])));
  const copy = await openSafetensors(path);
  if (JSON.stringify(sorted(readAll(copy))) !== JSON.stringify(sorted(readAll(file))))
    throw new Error('the copy differs');
}

function sorted(digests: Record<string, string>): unknown {
  return Object.entries(digests).sort();
}

/** Linux keeps the largest memory that a process had, and forgets it when told to. */
function resetPeak(): number {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // not Linux, or not allowed: the peak is then that of the whole run, which only makes the check stricter
  }
  return process.memoryUsage.rss();
}

function peak(): number {
  try {
    const kib = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return Number(kib) * 1024;
  } catch {
    return process.memoryUsage.rss();
  }
}
