import { CommanderError } from 'commander';
import { createProgram } from './program.js';
import { reportError } from './report-error.js';

/**
 * Runs the command line and gives the exit status. Errors are one line on stderr (JSON with --json); a stack appears with
 * --debug only.
 */
export async function main(args: readonly string[]): Promise<number> {
  const flags = { json: args.includes('--json'), debug: args.includes('--debug') };
  try {
    let status = 0;
    const program = createProgram((code) => {
      status ||= code;
    });
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // commander has said what is wrong
    return reportError(error, flags);
  }
}
