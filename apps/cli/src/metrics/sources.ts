import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findInIndex, mavenPath, pythonIndex } from '@pengi/checkpoint/download';
import { PengiError } from '@pengi/core';
import type { JavaDownload } from '@pengi/metrics/java';

/** Where the downloads come from. What is not said is left to pip and to Maven, which have registries of their own. */
export interface Registries {
  /** A package index in the form of PEP 503. */
  readonly pypi?: string | undefined;
  /** A Maven repository. */
  readonly maven?: string | undefined;
}

/** The registries that are given, else those that this machine is set up for: pip's index, the mirror of Maven's settings. */
export async function configuredRegistries(
  given: Registries = {},
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Registries> {
  return {
    pypi: given.pypi ?? (await pythonIndex(environment).catch(() => undefined)),
    maven: given.maven ?? (environment.PENGI_MAVEN_URL || (await mavenMirror())),
  };
}

async function mavenMirror(): Promise<string | undefined> {
  const settings = await readFile(join(homedir(), '.m2', 'settings.xml'), 'utf8').catch(() => '');
  return mirrorOfCentral(settings);
}

/** The first mirror in Maven's settings that stands for Maven Central. */
export function mirrorOfCentral(settings: string): string | undefined {
  const text = settings.replace(/<!--[\s\S]*?-->/g, '');
  for (const [, mirror = ''] of text.matchAll(/<mirror>([\s\S]*?)<\/mirror>/g)) {
    const field = (name: string) => new RegExp(`<${name}>\\s*([^<]*?)\\s*</${name}>`).exec(mirror)?.[1];
    const of = (field('mirrorOf') ?? '').split(',').map((name) => name.trim());
    if (of.includes('!central')) continue;
    if (of.some((name) => ['*', 'external:*', 'central'].includes(name))) return field('url');
  }
  return undefined;
}

/**
 * Where a download lies.
 * @returns undefined where no registry is known for it
 * @throws PengiError E_USAGE for a registry that is no address, E_NOT_FOUND when it does not have it, E_IO; any other error for what
 *   the network does
 */
export async function locate(
  { name, source }: JavaDownload,
  { pypi, maven }: Registries,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (source.registry === 'pypi')
    return pypi === undefined ? undefined : (await findInIndex(pypi, source.project, name, signal)).url;
  if (maven === undefined) return undefined;
  const base = maven.replace(/\/+$/, '');
  if (!URL.canParse(base) || !/^https?:$/.test(new URL(base).protocol))
    throw new PengiError(
      'E_USAGE',
      'the Maven repository is no address that begins with https:// or http://',
      {
        hint: "see --maven-url, PENGI_MAVEN_URL and Maven's settings",
      },
    );
  return `${base}/${mavenPath(source).path}`;
}
