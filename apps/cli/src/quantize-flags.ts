import { type Command, Option } from 'commander';
import type { LoadOptions } from 'pengi';

export interface QuantizeFlags {
  quantize?: 'int8';
  force?: boolean;
}

/** The options of commands that answer with a Pengi. */
export function withQuantize(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--quantize <type>',
        'weights of the language model as 8 bits: faster, a little different',
      ).choices(['int8']),
    )
    .option('--force', 'with --quantize: also where the answers may differ more than a little');
}

export function quantizeOptions({ quantize, force }: QuantizeFlags): Pick<LoadOptions, 'quantize' | 'force'> {
  return { quantize, ...(force === undefined ? {} : { force }) };
}
