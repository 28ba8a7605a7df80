/** Whether a model folder may be loaded with weights of 8 bits; found out once. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheFolder } from '@pengi/checkpoint/download';
import { PengiError } from '@pengi/core';
import { writeFileAtomic } from '@pengi/core/node';
import type { QuantizeParts } from './pengi.js';
import { type QuantizeReport, quantizeReportSchema } from './quantize.js';

/**
 * The report of a model folder's weights, from the user's cache if they were compared before.
 * @param weights the folder's file; another one of that name, size and time would be taken for it
 */
export async function rememberedReport(
  weights: string,
  parts: QuantizeParts,
  compare: () => Promise<QuantizeReport>,
): Promise<QuantizeReport> {
  const { size, mtimeMs } = await stat(weights);
  const key = createHash('sha256').update(JSON.stringify([await realpath(weights), size, mtimeMs, parts]));
  const path = join(cacheFolder(), 'quantize', `${key.digest('hex').slice(0, 32)}.json`);
  const known = quantizeReportSchema.safeParse(await readJson(path));
  if (known.success) return known.data;
  const report = await compare();
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomic(path, `${JSON.stringify(report, null, 2)}\n`);
  } catch {
    // Without a place to remember it, it is found out again next time.
  }
  return report;
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch {
    return undefined;
  }
}

/** @throws PengiError E_QUANTIZE when a bound is not reached */
export function assertGoodEnough({ problems }: QuantizeReport, file: string): void {
  if (problems.length === 0) return;
  throw new PengiError('E_QUANTIZE', `with weights of 8 bits, ${problems.join(', and ')}`, {
    file,
    hint: 'load it without quantize, or with force',
  });
}
