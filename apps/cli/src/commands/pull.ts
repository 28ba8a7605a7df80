import {
  ARTEFACTS,
  type Artefact,
  artefactSize,
  cacheFolder,
  findArtefact,
  isPulled,
  type PulledFile,
  pullArtefact,
} from '@pengi/checkpoint/download';
import { formatBytes, PengiError } from '@pengi/core';
import { withInterrupt } from '@pengi/train';
import type { Command } from 'commander';
import { type Context, contextOf } from '../context.js';

interface PullFlags {
  baseUrl?: string;
  retries: number;
  wait: boolean;
}

export function addPull(program: Command): void {
  program
    .command('pull')
    .description('download released weights into the cache; without a name, list those that are known')
    .argument('[name]', 'what to download')
    .option(
      '--base-url <url>',
      'a mirror with the same paths instead of the original site (or PENGI_PULL_BASE_URL)',
    )
    .option('--retries <n>', 'give up after so many attempts in a row that bring nothing', Number, 5)
    .option('--no-wait', 'stop when another process is downloading the same')
    .addHelpText(
      'after',
      `
Nothing is downloaded unless asked for here. Files go to PENGI_CACHE, else XDG_CACHE_HOME/pengi, else ~/.cache/pengi, and get
their names when their checksums are right. Ctrl-C keeps what has come; the same command goes on from there. HTTP_PROXY,
HTTPS_PROXY and NO_PROXY are honoured.

Examples:
  pengi pull
  pengi pull msclap-2023
  pengi pull gpt2 --base-url https://example.org/weights`,
    )
    .action(async (name: string | undefined, flags: PullFlags, command: Command) => {
      const context = contextOf(command);
      if (name === undefined) return list(context);
      const artefact = findArtefact(name);
      if (artefact === undefined)
        throw new PengiError('E_USAGE', `"${name}" is no known artefact`, {
          hint: `known are ${ARTEFACTS.map((known) => known.name).join(', ')}`,
        });
      await pull(context, artefact, flags);
    });
}

async function list(context: Context): Promise<void> {
  const rows = await Promise.all(
    ARTEFACTS.map(async (artefact) => ({ artefact, here: await isPulled(artefact) })),
  );
  context.data(rows.map(({ artefact, here }) => ({ ...artefact, here })));
  const cells = rows.map(({ artefact, here }) => [
    artefact.name,
    sizeText(artefact),
    here ? 'here' : '',
    artefact.what,
    artefact.licence,
  ]);
  for (const line of table([['name', 'size', '', 'what', 'licence'], ...cells])) context.say(line);
  context.say(`\ncache  ${cacheFolder()}`);
}

async function pull(context: Context, artefact: Artefact, flags: PullFlags): Promise<void> {
  const { retries, wait, baseUrl } = flags;
  if (!(Number.isInteger(retries) && retries >= 0))
    throw new PengiError('E_USAGE', '--retries takes a whole number from 0 on');
  const options = {
    retries,
    wait,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    progress: context.progress,
    say: context.warn,
  };
  const result = await withInterrupt((signal) => pullArtefact(artefact, { ...options, signal }), {
    warn: () => undefined, // the error that follows says what happens
  });
  context.data({ ...result, licence: artefact.licence, page: artefact.page });
  for (const file of result.files)
    context.say(`${file.name}: ${formatBytes(file.bytes)}, ${checkText(file)}`);
  if (result.files.some(({ check }) => check === 'none'))
    context.warn(`compare the checksums with those on ${artefact.page}, if there are any`);
  context.say(`licence  ${artefact.licence}\nfolder   ${result.folder}`);
  context.say(`\nNow:\n  pengi convert ${artefact.name} --out models/${artefact.name}`);
}

function checkText({ check, sha256, md5, downloaded }: PulledFile): string {
  const was = downloaded ? '' : ' (was there)';
  if (check === 'sha256') return `sha256 as published${was}`;
  if (check === 'md5') return `md5 as published; no published sha256; got ${sha256}${was}`;
  return `no published sha256; got ${sha256}, md5 ${md5}${was}`;
}

function sizeText(artefact: Artefact): string {
  const size = artefactSize(artefact);
  if (size !== undefined) return formatBytes(size);
  const known = artefact.files.reduce((sum, { size = 0 }) => sum + size, 0);
  return known > 0 ? formatBytes(known) : (artefact.about ?? 'unknown');
}

/** Rows with their columns below each other. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
