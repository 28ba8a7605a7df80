import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { get } from '@pengi/checkpoint/download';
import { PengiError } from '@pengi/core';
import type { JavaDownload } from '@pengi/metrics/java';

const PYPI = 'https://pypi.org/simple';
const MAVEN_CENTRAL = 'https://repo1.maven.org/maven2';
/** Far beyond the page of any project. */
const MAX_PAGE_BYTES = 20e6;

export interface Registries {
  /** A package index in the form of PEP 503. */
  readonly pypi: string;
  /** A Maven repository. */
  readonly maven: string;
}

/** The registries that this machine is set up for: pip's configured index, the mirror of Maven's settings; else the public ones. */
export async function configuredRegistries(
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Registries> {
  return {
    pypi: environment.PIP_INDEX_URL || (await pipIndex()) || PYPI,
    maven: environment.PENGI_MAVEN_URL || (await mavenMirror()) || MAVEN_CENTRAL,
  };
}

async function pipIndex(): Promise<string | undefined> {
  for (const [program, ...args] of [['pip3'], ['pip'], ['python3', '-m', 'pip']] as const) {
    try {
      const asked = [...args, 'config', 'get', 'global.index-url'];
      return (await promisify(execFile)(program, asked, { timeout: 20_000 })).stdout.trim();
    } catch {
      // no such program, or nothing is set
    }
  }
  return undefined;
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
 * @throws PengiError E_USAGE for a registry that is no address, E_NOT_FOUND when it does not have it, E_IO; any other error for what
 *   the network does
 */
export async function locate(
  { name, source }: JavaDownload,
  registries: Registries,
  signal?: AbortSignal,
): Promise<string> {
  const base = address(source.registry === 'pypi' ? registries.pypi : registries.maven);
  if (source.registry === 'maven') return `${base}/${source.path}`;
  const page = `${base}/${source.project}/`;
  const found = [...(await fetchText(page, signal)).matchAll(/href\s*=\s*["']([^"'#]+)/gi)]
    .map(([, href = '']) => new URL(href.replaceAll('&amp;', '&'), page))
    .find(({ pathname }) => pathname.endsWith(`/${name}`));
  if (!found) throw new PengiError('E_NOT_FOUND', `the index has no ${name}`, { file: shown(page) });
  return found.href;
}

function address(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new PengiError('E_USAGE', 'the registry is no address such as https://pypi.org/simple', {
      hint: 'see --pypi-url and --maven-url, PIP_INDEX_URL and PENGI_MAVEN_URL, and the settings of pip and Maven',
    });
  return text.replace(/\/+$/, '');
}

/** Without what may be a password. */
function shown(text: string): string {
  const { origin, pathname } = new URL(text);
  return `${origin}${pathname}`;
}

async function fetchText(url: string, signal?: AbortSignal): Promise<string> {
  const answer = await get(
    url,
    { accept: 'text/html', 'accept-encoding': 'identity', 'user-agent': 'pengi' },
    signal,
  );
  try {
    if (answer.statusCode !== 200)
      throw new PengiError(
        answer.statusCode === 404 ? 'E_NOT_FOUND' : 'E_IO',
        `the index refuses (HTTP ${answer.statusCode})`,
        { file: shown(url) },
      );
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of answer) {
      bytes += (chunk as Buffer).length;
      if (bytes > MAX_PAGE_BYTES)
        throw new PengiError('E_IO', 'the page of the index never ends', { file: shown(url) });
      chunks.push(chunk as Buffer);
    }
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    answer.destroy();
  }
}
