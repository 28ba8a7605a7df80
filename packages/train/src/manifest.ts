import { createHash } from 'node:crypto';
import type { WrittenFile } from '@pengi/checkpoint';
import { PengiError, printable } from '@pengi/core';
import type { Settings } from './settings.js';
import type { SkippedStep } from './task.js';

const FORMAT = 'pengi-training-checkpoint';
const VERSION = 1;

/** What the step after a checkpoint begins with. */
export interface Position {
  /** Null after the last step. */
  readonly learningRate: number | null;
  /** What the seeds of the step's samples are made of, 32 bits. */
  readonly randomKey: number;
  /** What the task says of its data: its `cursor`. */
  readonly data: unknown;
}

/** What a checkpoint says about itself: where the run was, what defines it, and the hashes of its files. */
export interface Manifest {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  readonly task: string;
  /** Steps done. */
  readonly step: number;
  readonly seconds: number;
  readonly skipped: number;
  readonly skippedInARow: readonly SkippedStep[];
  /** Where the schedule, the randomness and the data go on: functions of the step, here to be compared with. */
  readonly position: Position;
  /** The engine's description. */
  readonly engine: string;
  /** Versions by name of the code that wrote this. */
  readonly code: Readonly<Record<string, string>>;
  readonly settings: Settings;
  readonly record: unknown;
  readonly files: Readonly<Record<string, WrittenFile>>;
}

export type ManifestContent = Omit<Manifest, 'format' | 'version'>;

/** The manifest as text; its last member is the SHA-256 of all others. */
export function encodeManifest(content: ManifestContent): string {
  return sealed({ format: FORMAT, version: VERSION, ...content });
}

/**
 * The opposite of `encodeManifest`. Only the very text that it writes is accepted: any changed bit is noticed.
 * @param file what errors call it
 * @throws PengiError E_CHECKPOINT
 */
export function parseManifest(text: string, file: string): Manifest {
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new PengiError('E_CHECKPOINT', 'is not valid JSON', { file, cause });
  }
  if (typeof parsed !== 'object' || parsed === null || parsed.format !== FORMAT)
    throw new PengiError('E_CHECKPOINT', 'is not the manifest of a training checkpoint', { file });
  if (parsed.version !== VERSION)
    throw new PengiError(
      'E_CHECKPOINT',
      `is of version ${printable(String(parsed.version), 20)}, this program reads ${VERSION}`,
      { file },
    );
  const { sha256: _, ...body } = parsed;
  if (sealed(body) !== text) throw new PengiError('E_CHECKPOINT', 'does not match its own sha256', { file });
  if (!isManifest(body)) throw new PengiError('E_CHECKPOINT', 'lacks what a manifest holds', { file });
  return body;
}

function sealed(body: object): string {
  const sha256 = createHash('sha256').update(JSON.stringify(body)).digest('hex');
  return `${JSON.stringify({ ...body, sha256 }, null, 2)}\n`;
}

/** The hash says that the text is as it was written, not that it was written by us. */
function isManifest(body: object): body is Manifest {
  const manifest = body as Partial<Manifest>;
  return (
    [manifest.step, manifest.skipped].every((count) => Number.isSafeInteger(count) && count! >= 0) &&
    typeof manifest.task === 'string' &&
    typeof manifest.engine === 'string' &&
    Number.isFinite(manifest.seconds) &&
    Array.isArray(manifest.skippedInARow) &&
    manifest.skippedInARow.every((item) => Number.isInteger(item?.step) && Array.isArray(item?.ids)) &&
    isObject(manifest.settings) &&
    isObject(manifest.position) &&
    isObject(manifest.code) &&
    isObject(manifest.files) &&
    Object.values(manifest.files).every(
      (entry) => isObject(entry) && Number.isInteger(entry.byteLength) && typeof entry.sha256 === 'string',
    )
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
