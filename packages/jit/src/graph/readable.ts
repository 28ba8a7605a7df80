import { isPengiError, PengiError } from '@pengi/core';

/** A function's op is this many calls away from the innermost call where it fails. */
const STACK_FRAMES = 60;

/** Runs `f` so that errors within it know who called. */
export function withDeepStacks<T>(f: () => T): T {
  const former = Error.stackTraceLimit;
  Error.stackTraceLimit = Math.max(former, STACK_FRAMES);
  try {
    return f();
  } finally {
    Error.stackTraceLimit = former;
  }
}

/**
 * TensorFlow.js' own words for what is missing, in ours; to these and to kernels' own refusals, the line that asked.
 * @param verdict what an engine does with a kernel that it lacks: "cannot be compiled"
 */
export function readable(error: unknown, verdict: string): unknown {
  if (!(error instanceof Error)) return error;
  const hint = 'write the function with other operations, or run it with another engine';
  const used = ` (used ${userOf(error)})`;
  const fail = (message: string, more: string) =>
    new PengiError('E_KERNEL', message + used, { hint: more, cause: error });

  if (isPengiError(error)) return error.code === 'E_KERNEL' ? fail(error.message, error.hint ?? hint) : error;
  const kernel = /Kernel '(\w+)' not registered/.exec(error.message);
  if (kernel) return fail(`"${kernel[1]}" ${verdict}`, hint);
  const gradient = /gradient function not found for (\w+)/.exec(error.message);
  if (gradient)
    return fail(
      `"${gradient[1]}" has no gradient`,
      'write the function with other operations, or see the README of @pengi/nn',
    );
  return error;
}

/** The first line of the stack that is neither TensorFlow.js nor an engine or layer. */
function userOf(error: Error): string {
  const lines = (error.stack ?? '').split('\n').slice(1);
  const outside = lines.find((line) => /^\s+at /.test(line) && !INSIDE.some((pattern) => pattern.test(line)));
  return outside?.trim() ?? 'in the compiled function';
}

const INSIDE = [
  /tfjs-|tf-core/,
  /node:internal/,
  /@pengi[\\/](jit|nn)[\\/]dist/,
  /packages[\\/](jit|nn)[\\/]src[\\/](?!.*\.test\.)/,
];
