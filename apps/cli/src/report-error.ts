import { isPengiError, PengiError } from '@pengi/core';

/** Says what went wrong, and gives the exit status that stands for it. */
export function reportError(error: unknown, { json, debug }: { json: boolean; debug: boolean }): number {
  if (debug && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  const known = isPengiError(error) ? error : unexpected(error);
  process.stderr.write(json ? `${JSON.stringify({ error: known })}\n` : `${known.line}\n`);
  return known.exitCode;
}

/** Anything that is no PengiError is a fault of ours. */
function unexpected(cause: unknown): PengiError {
  const message = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
  return new PengiError('E_INTERNAL', message, {
    cause,
    hint: 'this is a fault of pengi; please report it, with --debug',
  });
}
