/** What a model in a thread of its own is asked and answers. */
import { type ErrorCode, isPengiError, PengiError } from '@pengi/core';
import type { PengiConfig } from '../config.js';
import type { LoadOptions } from '../load.js';
import type { Pengi } from '../pengi.js';

/** Methods whose arguments and results can be sent. */
export const METHODS = [
  'generate',
  'answer',
  'caption',
  'ask',
  'describe',
  'classify',
  'captionWindows',
  'embedAudio',
  'embedWindows',
  'embedText',
] as const satisfies readonly (keyof Pengi)[];

export type Method = (typeof METHODS)[number];

export interface WorkerSetup {
  dir: string;
  options: Omit<LoadOptions, 'engine'> & { threads?: number | undefined };
}

export interface Request {
  call: number;
  method: Method;
  arguments: unknown[];
}

/** Stands for a function among arguments; the thread calls it by its number. */
export interface Callback {
  pengiCallback: number;
}

export type Reply =
  | { ready: PengiConfig }
  | { call: number; result: unknown }
  | { call: number; error: SentError }
  | { callback: number; arguments: unknown[] };

/** Errors lose their class on the way, and travel as plain data. */
export type SentError = { pengi: Record<string, unknown> } | { message: string; stack: string | undefined };

export function sentError(error: unknown): SentError {
  if (isPengiError(error)) return { pengi: error.toJSON() };
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { message, stack };
}

export function receivedError(sent: SentError): Error {
  if (!('pengi' in sent)) return Object.assign(new Error(sent.message), { stack: sent.stack });
  const { code, message, file, hint } = sent.pengi as Pick<PengiError, 'message' | 'file' | 'hint'> & {
    code: ErrorCode;
  };
  return new PengiError(code, message, { file, hint });
}

/** Functions that only listen, so that the thread need not wait for what they give. */
export const LISTENERS: ReadonlySet<string> = new Set(['onText', 'warn']);

/**
 * `value` with what `replace` makes of the values within its plain objects and lists, told the name of each; those it leaves
 * alone stay.
 */
export function mapped(
  value: unknown,
  replace: (inner: unknown, name: string) => unknown,
  name = '',
): unknown {
  const replaced = replace(value, name);
  if (replaced !== value) return replaced;
  if (Array.isArray(value)) return value.map((inner) => mapped(inner, replace));
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mapped(inner, replace, key)]));
}
