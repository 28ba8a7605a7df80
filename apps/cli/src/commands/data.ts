import type { Command } from 'commander';
import { contextOf } from '../context.js';
import type { SetStatus } from '../status.js';
import { findDataLeaks, type LeaksFlags } from './data-leaks.js';
import { listData } from './data-list.js';
import { type PackFlags, packData } from './data-pack.js';
import { type StatsFlags, showStats } from './data-stats.js';
import { type DataFlags, NAME_HELP } from './data-target.js';
import { type VerifyFlags, verifyData } from './data-verify.js';

export function addData(program: Command, setStatus: SetStatus): void {
  const data = program
    .command('data')
    .description(
      'the data that are trained on and evaluated: what is known, what is there, what is wrong with it, as shards',
    )
    .addHelpText(
      'after',
      `
The data root is a folder that holds each data set in a folder of its own, in its official layout, or one data set itself.

Examples:
  pengi data list
  pengi data verify esc50 --data datasets
  pengi data verify clips/train.csv --decode --out problems.csv
  pengi data stats fsd50k audiocaps --data datasets --plots data.html
  pengi data leaks --train wavcaps fsd50k --data datasets
  pengi data pack audiocaps --data datasets --out shards/audiocaps --shard-size 512MiB
  pengi data verify shards/audiocaps --decode`,
    );
  const root = ['--data <root>', 'the data root (default: PENGI_DATA)'] as const;
  const audioRoot = [
    '--root <folder>',
    "where a manifest's audio paths count from (default: its folder)",
  ] as const;
  const split = ['--split <names...>', 'only these splits'] as const;
  const cache = ['--cache-size <size>', 'keep so much of shards of servers (default: 32GiB)'] as const;

  data
    .command('list')
    .description('every data set that is known; with --data, which of them are there')
    .option(...root)
    .action(async (flags: DataFlags, command: Command) =>
      listData(contextOf(command), flags.data ?? process.env.PENGI_DATA),
    );

  data
    .command('verify')
    .description(
      'look for what is missing, damaged, empty or double, and compare with official numbers; exit status 65 for any',
    )
    .argument('<name>', NAME_HELP)
    .option(...root)
    .option(...audioRoot)
    .option(...split)
    .option('--decode', 'also decode every recording and look for twins')
    .option('--max-seconds <s>', 'with --decode: longer recordings are problems', Number, 600)
    .option('--out <file>', 'write the whole list of problems, as CSV or .jsonl')
    .option('--show <n>', 'how many problems are printed; all with --json', Number, 20)
    .option(...cache)
    .action(async (name: string, flags: VerifyFlags, command: Command) =>
      verifyData(contextOf(command), name, flags, setStatus),
    );

  data
    .command('stats')
    .description(
      'what data hold: items, labels, texts, words, and of some recordings lengths, rates and formats',
    )
    .argument('<names...>', NAME_HELP)
    .option(...root)
    .option(...audioRoot)
    .option(...split)
    .option('--plots <file>', 'also draw them, as a page for a browser')
    .option('--recordings <n>', 'decode so many recordings, drawn at random', Number, 200)
    .option('--show <n>', 'how many names of each kind are printed; all with --json', Number, 20)
    .option(...cache)
    .action(async (names: string[], flags: StatsFlags, command: Command) =>
      showStats(contextOf(command), names, flags),
    );

  data
    .command('leaks')
    .description(
      'training recordings that evaluation sets have too, by their Freesound, YouTube or BBC ids; exit status 65 for any',
    )
    .requiredOption('--train <names...>', 'training sets (their training splits), manifests or shards')
    .option(
      '--eval <names...>',
      'evaluation sets, tasks, manifests or shards (default: those in the data root, and published ids of ESC-50, UrbanSound8K, AudioCaps and DCASE 2017)',
    )
    .option('--content', 'with --eval: also compare the bytes of all recordings')
    .option(...root)
    .option(...audioRoot)
    .option('--out <file>', 'write the whole list, as CSV or .jsonl')
    .option('--show <n>', 'how many are printed; all with --json', Number, 20)
    .option(...cache)
    .action(async (flags: LeaksFlags, command: Command) =>
      findDataLeaks(contextOf(command), flags, setStatus),
    );

  data
    .command('pack')
    .description(
      'write training data as WebDataset shards: recordings as they are, with all that is said of them',
    )
    .argument('<name>', 'a training set, a manifest, or other shards')
    .requiredOption(
      '--out <folder>',
      'where the shards go; an interrupted call is gone on with by the same command',
    )
    .option('--name <name>', 'what shards are called: NAME-000000.tar (default: that of the data)')
    .option('--shard-size <size>', 'end a shard before it becomes larger', '256MiB')
    .option('--seed <n>', 'of the order of recordings', Number, 0)
    .option('--no-shuffle', 'keep their order')
    .option('--decode', 'decode every recording, so that no bad one is packed')
    .option('--skip-bad', 'leave bad rows and recordings out, saying which, rather than stop at the first')
    .option(...root)
    .option(...audioRoot)
    .option(...split)
    .option(...cache)
    .addHelpText(
      'after',
      `
The same data and options give the same bytes. Each shard has an index beside it (NAME-000000.index.jsonl): keep both together, also on
a server.`,
    )
    .action(async (name: string, flags: PackFlags, command: Command) =>
      packData(contextOf(command), name, flags),
    );
}
