import { constants } from 'node:os';
import { PengiError } from '@pengi/core';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** What of the process is used here. */
export interface SignalSource {
  on(signal: (typeof SIGNALS)[number], listener: (name: NodeJS.Signals) => void): unknown;
  off(signal: (typeof SIGNALS)[number], listener: (name: NodeJS.Signals) => void): unknown;
  exit(code: number): void;
}

export interface InterruptOptions {
  /** Told what happens after the first signal. Default: a line on stderr. */
  warn?: (message: string) => void;
  /** Default: this process. */
  source?: SignalSource;
}

/**
 * Runs `work` with a signal that aborts at the first Ctrl-C (SIGINT) or SIGTERM; the abort's reason is a PengiError
 * E_INTERRUPTED or E_TERMINATED that names it. A second one ends the process with 130 (143 for SIGTERM), as soon as native code that may
 * be running returns. The former handling of signals is back when `work` is over.
 */
export async function withInterrupt<T>(
  work: (signal: AbortSignal) => Promise<T>,
  {
    warn = (message) => process.stderr.write(`pengi: ${message}\n`),
    source = process,
  }: InterruptOptions = {},
): Promise<T> {
  const controller = new AbortController();
  const listener = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) return source.exit(128 + constants.signals[name]);
    warn(`${name}: finishing this step and saving; once more to stop without saving`);
    const code = name === 'SIGTERM' ? 'E_TERMINATED' : 'E_INTERRUPTED';
    controller.abort(new PengiError(code, `stopped by ${name}`));
  };
  for (const name of SIGNALS) source.on(name, listener);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of SIGNALS) source.off(name, listener);
  }
}
