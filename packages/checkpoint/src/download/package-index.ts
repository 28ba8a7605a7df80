import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { PengiError } from '@pengi/core';
import { get } from './http.js';
import { PIPS } from './pip.js';

/** Far beyond the page of any project. */
const MAX_PAGE_BYTES = 50e6;

/**
 * The Python package index that the user has set for pip (`PIP_INDEX_URL`, or pip's own configuration).
 * @throws PengiError E_NOT_FOUND when none is set; pip itself then has a default of its own
 */
export async function pythonIndex(environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  if (environment.PIP_INDEX_URL) return environment.PIP_INDEX_URL;
  for (const [program, ...args] of PIPS) {
    const asked = [...args, 'config', 'get', 'global.index-url'];
    const answer = await promisify(execFile)(program, asked, { timeout: 20_000 }).catch(() => undefined);
    const found = answer?.stdout.trim(); // no such program, or nothing is set
    if (found) return found;
  }
  throw new PengiError('E_NOT_FOUND', 'no Python package index is set on this machine', {
    hint: 'set PIP_INDEX_URL, or: pip config set global.index-url ADDRESS',
  });
}

export interface IndexedFile {
  /** With the name and password of the index, where the file lies on the same host. */
  readonly url: string;
  /** As the index has it. */
  readonly sha256: string | undefined;
}

/**
 * Where a Python package index has a file. Reads the JSON form of the project's page (PEP 691), or the HTML form (PEP 503) where
 * the index has only that.
 * @param index its base address
 * @throws PengiError E_USAGE for what is no address, E_NOT_FOUND when the index does not have the file, E_IO; any other error
 *   for what the network does
 */
export async function findInIndex(
  index: string,
  project: string,
  name: string,
  signal?: AbortSignal,
): Promise<IndexedFile> {
  if (!URL.canParse(index) || !/^https?:$/.test(new URL(index).protocol))
    throw new PengiError('E_USAGE', 'the index is no address that begins with https:// or http://', {
      hint: 'see PIP_INDEX_URL and "pip config get global.index-url"',
    });
  const page = `${index.replace(/\/+$/, '')}/${project}/`;
  const { text, type } = await fetchPage(page, signal);
  const links = type.includes('json') ? linksOfJson(text, page) : linksOfHtml(text);
  // The text of a link is the file's name, but not all indexes keep to that.
  const found =
    links.find(({ filename }) => filename === name) ??
    links.find(({ href }) => new URL(href, page).pathname.endsWith(`/${name}`));
  if (!found) throw new PengiError('E_NOT_FOUND', `the index has no ${name}`, { file: publicAddress(page) });
  const url = new URL(found.href, page);
  url.hash = '';
  const { host, username, password } = new URL(page);
  if (url.host === host && !url.username) Object.assign(url, { username, password });
  return { url: url.href, sha256: found.sha256 };
}

/** An address without the name and password that it may hold. */
export function publicAddress(url: string): string {
  const address = new URL(url);
  address.username = '';
  address.password = '';
  return address.href;
}

interface Link {
  filename: string;
  href: string;
  sha256: string | undefined;
}

function linksOfJson(text: string, page: string): Link[] {
  try {
    const { files } = JSON.parse(text) as {
      files: { filename: string; url: string; hashes?: { sha256?: string } }[];
    };
    return files.map(({ filename, url, hashes }) => ({ filename, href: url, sha256: hashes?.sha256 }));
  } catch (cause) {
    throw new PengiError('E_IO', 'the page of the index is no JSON as PEP 691 has it', {
      file: publicAddress(page),
      cause,
    });
  }
}

function linksOfHtml(text: string): Link[] {
  return [...text.matchAll(/<a\s[^>]*?href\s*=\s*["']([^"']+)["'][^>]*>\s*([^<]*?)\s*<\/a>/gi)].map(
    ([, address = '', filename = '']) => {
      const href = address.replaceAll('&amp;', '&');
      return { filename, href, sha256: /#sha256=([0-9a-f]{64})$/.exec(href)?.[1] };
    },
  );
}

async function fetchPage(url: string, signal?: AbortSignal): Promise<{ text: string; type: string }> {
  const accept =
    'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1';
  const answer = await get(url, { accept, 'accept-encoding': 'identity', 'user-agent': 'pengi' }, signal);
  try {
    if (answer.statusCode !== 200)
      throw new PengiError(
        answer.statusCode === 404 ? 'E_NOT_FOUND' : 'E_IO',
        `the index refuses (HTTP ${answer.statusCode})`,
        { file: publicAddress(url) },
      );
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of answer) {
      chunks.push(chunk as Uint8Array);
      bytes += (chunk as Uint8Array).length;
      if (bytes > MAX_PAGE_BYTES)
        throw new PengiError('E_IO', 'the page of the index has no end', { file: publicAddress(url) });
    }
    return { text: Buffer.concat(chunks).toString('utf8'), type: answer.headers['content-type'] ?? '' };
  } finally {
    answer.destroy();
  }
}
