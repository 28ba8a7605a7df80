import { get } from '@pengi/checkpoint/download';
import { PengiError } from '@pengi/core';
import type { Release } from './releases.js';
import { publicAddress } from './source.js';

/** Far beyond the page of any project. */
const MAX_PAGE_BYTES = 50e6;

/**
 * Where a package index has a wheel. Reads the JSON form of the project's page (PEP 691), or the HTML form (PEP 503) where the
 * index has only that.
 * @param index its base address, as `PIP_INDEX_URL` has it
 * @throws PengiError E_NOT_FOUND when the index does not have the wheel, E_CHECKPOINT when it names another checksum, E_IO;
 *   any other error for what the network does
 */
export async function findWheel(index: string, release: Release, signal?: AbortSignal): Promise<string> {
  if (!URL.canParse(index) || !/^https?:$/.test(new URL(index).protocol))
    throw new PengiError('E_USAGE', 'the index is no address such as https://pypi.org/simple', {
      hint: 'see --index-url, PIP_INDEX_URL and "pip config get global.index-url"',
    });
  const page = `${index.replace(/\/+$/, '')}/${release.project}/`;
  const { text, type } = await fetchPage(page, signal);
  const links = type.includes('json') ? linksOfJson(text, page) : linksOfHtml(text);
  const found = links.find(({ filename }) => filename === release.wheel);
  if (!found)
    throw new PengiError('E_NOT_FOUND', `the index has no ${release.wheel}`, { file: publicAddress(page) });
  if (found.sha256 !== undefined && found.sha256 !== release.sha256)
    throw new PengiError(
      'E_CHECKPOINT',
      `the index names another sha256 for ${release.wheel}: ${found.sha256}, pinned ${release.sha256}`,
      { file: publicAddress(page) },
    );
  const url = new URL(found.href, page);
  url.hash = '';
  const { host, username, password } = new URL(page);
  if (url.host === host && !url.username) Object.assign(url, { username, password });
  return url.href;
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
