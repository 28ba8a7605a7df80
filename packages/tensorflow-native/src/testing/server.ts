/** For the tests: a package index. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RELEASE, WHEEL } from './wheel.js';

export interface PackageIndex {
  /** As PIP_INDEX_URL would have it. */
  readonly url: string;
  /** What was asked for: `/path` or `/path bytes=0-9`. */
  readonly requests: string[];
  /** What the wheel's address gives. */
  wheel: Buffer;
  /** Whether it gives parts of files. */
  ranges: boolean;
  /** The project's page, `json` or `html`; or a text that stands for it. */
  page: string;
  /** The checksum that the page names. */
  sha256: string | undefined;
  /** The next answers of over 1000 bytes end after so many. */
  readonly cuts: number[];
  close(): Promise<void>;
}

export async function startIndex(): Promise<PackageIndex> {
  const server: Server = createServer((request, response) => {
    const { range } = request.headers;
    index.requests.push(range ? `${request.url} ${range}` : request.url!);
    if (request.url === `/simple/${RELEASE.project}/`) {
      const href = `../../files/${RELEASE.wheel}`;
      const fragment = index.sha256 ? `#sha256=${index.sha256}` : '';
      const hashes = index.sha256 ? { sha256: index.sha256 } : {};
      if (index.page === 'json') {
        response.setHeader('content-type', 'application/vnd.pypi.simple.v1+json');
        response.end(JSON.stringify({ files: [{ filename: RELEASE.wheel, url: href, hashes }] }));
      } else {
        response.setHeader('content-type', 'text/html');
        const link = `<a class="x" href="${href}?a=1&amp;b=2${fragment}">${RELEASE.wheel}</a><br>`;
        response.end(index.page === 'html' ? `<html><a href="x">x</a>${link}</html>` : index.page);
      }
      return;
    }
    if (!request.url!.startsWith(`/files/${RELEASE.wheel}`)) {
      response.statusCode = 404;
      response.end();
      return;
    }
    const asked = index.ranges ? /^bytes=(\d+)-(\d+)$/.exec(range ?? '') : null;
    let body = index.wheel;
    if (asked) {
      const [start, end] = [Number(asked[1]), Number(asked[2])];
      body = index.wheel.subarray(start, end + 1);
      response.statusCode = 206;
      response.setHeader('content-range', `bytes ${start}-${end}/${index.wheel.length}`);
    }
    response.setHeader('content-length', body.length);
    const cut = body.length > 1000 ? index.cuts.shift() : undefined;
    if (cut === undefined) response.end(body);
    else response.write(body.subarray(0, cut), () => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const index: PackageIndex = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple`,
    requests: [],
    wheel: WHEEL,
    ranges: true,
    page: 'json',
    sha256: RELEASE.sha256,
    cuts: [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return index;
}
