/** log.jsonl: one JSON object per line, in the order of the steps, each of which has at most one line per event. */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { fileError, writeFileAtomic } from '@pengi/core/node';
import type { EvaluationPoint, LossPoint, SampleText } from './task.js';

export interface StepLine {
  event: 'step';
  /** Steps done, this one included. */
  step: number;
  loss: number;
  /** Null stands for what is no finite number, here and below. */
  metrics: Record<string, number | null>;
  learningRate: number;
  /** Before clipping. */
  gradientNorm: number;
  /** Since the start of the run, breaks left out. */
  seconds: number;
  /** Since the line before. */
  samplesPerSecond: number;
  /** The share of the time since the line before that was spent waiting for batches, 0 … 1. */
  loaderShare: number;
}

export interface EvaluationLine {
  event: 'evaluation';
  step: number;
  values: Readonly<Record<string, number | null>>;
  /** What the model said, if it was asked. */
  samples?: readonly SampleText[];
  seconds: number;
}

export interface SkippedLine {
  event: 'skipped';
  step: number;
  /** Such as `loss NaN, gradient norm Infinity`. */
  reason: string;
  ids: readonly string[];
}

export type LogLine = StepLine | EvaluationLine | SkippedLine;

export interface RunLog {
  readonly lines: readonly LogLine[];
  append(line: LogLine): Promise<void>;
  /** Makes what was appended durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A log that is only remembered. */
export function memoryLog(): RunLog {
  const lines: LogLine[] = [];
  return {
    lines,
    append: async (line) => void lines.push(line),
    sync: async () => undefined,
    close: async () => undefined,
  };
}

/**
 * The log of a run folder, without the lines after `lastStep`: they will be written again.
 * @throws PengiError E_CANNOT_CREATE, E_DISK_FULL, E_IO
 */
export async function openLog(path: string, lastStep: number): Promise<RunLog> {
  const lines = (await readLog(path)).filter(({ step }) => step <= lastStep);
  await writeFileAtomic(path, lines.map(textOf).join(''));
  const file = await attempt(path, () => open(path, 'a'));
  return {
    lines,
    async append(line) {
      await attempt(path, () => file.appendFile(textOf(line)));
      lines.push(line);
    },
    sync: () => attempt(path, () => file.sync()),
    close: () => (file as FileHandle).close(),
  };
}

/** The lines of a log; none where there is no file. Torn lines, which a crash can leave, are passed over. */
export async function readLog(path: string): Promise<LogLine[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw fileError(error, path, 'read');
  }
  return text.split('\n').flatMap((line) => parseLine(line) ?? []);
}

/** The curves that a log holds. */
export function pointsOf(lines: readonly LogLine[]): { losses: LossPoint[]; evaluations: EvaluationPoint[] } {
  const losses: LossPoint[] = [];
  const evaluations: EvaluationPoint[] = [];
  for (const line of lines) {
    if (line.event === 'step') losses.push({ step: line.step, loss: line.loss });
    if (line.event !== 'evaluation') continue;
    const values = Object.entries(line.values).map(([name, value]) => [name, value ?? Number.NaN]);
    evaluations.push({ step: line.step, values: Object.fromEntries(values) });
  }
  return { losses, evaluations };
}

function textOf(line: LogLine): string {
  return `${JSON.stringify(line)}\n`;
}

function parseLine(text: string): LogLine | undefined {
  let line: Partial<LogLine> | null;
  try {
    line = JSON.parse(text) as Partial<LogLine> | null;
  } catch {
    return undefined;
  }
  if (typeof line !== 'object' || !Number.isInteger(line?.step)) return undefined;
  switch (line?.event) {
    case 'step':
      return typeof line.loss === 'number' ? (line as StepLine) : undefined;
    case 'evaluation':
      if (typeof line.values !== 'object' || !line.values) return undefined;
      return { ...(line as EvaluationLine), ...(line.samples && { samples: line.samples.filter(isSample) }) };
    case 'skipped':
      return line as SkippedLine;
    default:
      return undefined;
  }
}

function isSample(sample: Partial<SampleText> | null): boolean {
  const texts = [sample?.id, sample?.prompt, sample?.target, sample?.answer];
  return texts.every((text) => typeof text === 'string');
}

async function attempt<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw fileError(error, path, 'written');
  }
}
