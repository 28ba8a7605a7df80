/** A file server on localhost with the faults of real ones, and a proxy before it. */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How one answer goes. `answer` gives the whole or the rest of the file as it should be. */
export type Fault = (exchange: Exchange) => void | Promise<void>;

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  body: Buffer;
  answer: () => void;
}

export interface TestServer {
  readonly url: string;
  /** What the requests asked for, in order: `GET /a`, or with a range `GET /a bytes=5-`. */
  readonly requests: string[];
  /** The content by path. */
  readonly content: Map<string, Buffer>;
  /** One for each of the next requests; none are left: answers are as they should be. */
  readonly faults: Fault[];
  /** Breaks the connections of all answers that are not complete. */
  drop(): void;
  close(): Promise<void>;
}

export async function startServer(): Promise<TestServer> {
  const requests: string[] = [];
  const content = new Map<string, Buffer>();
  const faults: Fault[] = [];
  const open = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    const { range } = request.headers;
    open.add(response.on('close', () => open.delete(response)));
    requests.push(`${request.method} ${request.url}${range === undefined ? '' : ` ${range}`}`);
    const body = content.get(request.url ?? '');
    const fault = faults.shift();
    if (body === undefined) return void response.writeHead(404).end('nothing here');
    const answer = () => answerRightly(request, response, body);
    void (fault === undefined ? answer() : fault({ request, response, body, answer }));
  });
  await listen(server);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    content,
    faults,
    drop: () => {
      for (const response of open) response.destroy();
    },
    close: () => close(server),
  };
}

function answerRightly(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const etag = etagOf(body);
  const { range, 'if-range': ifRange } = request.headers;
  const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  if (range === undefined || (ifRange !== undefined && ifRange !== etag))
    return void response.writeHead(200, { etag, 'content-length': body.length }).end(body);
  if (start >= body.length)
    return void response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end();
  response.writeHead(206, {
    etag,
    'content-length': body.length - start,
    'content-range': `bytes ${start}-${body.length - 1}/${body.length}`,
  });
  response.end(body.subarray(start));
}

export const faults = {
  /** Sends `length` bytes of what it promised and no more; `drop` ends it. */
  stall:
    (length: number): Fault =>
    ({ request, response, body }) => {
      const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const head = { etag: etagOf(body), 'content-length': body.length - start };
      response.writeHead(
        start === 0 ? 200 : 206,
        start === 0 ? head : { ...head, 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` },
      );
      response.write(body.subarray(start, start + length));
    },
  /** Breaks the connection without an answer. */
  hangUp: (({ request }) => void request.socket.destroy()) as Fault,
  /** Says 200 and sends everything, whatever was asked. */
  ignoreRange: (({ response, body }) =>
    void response.writeHead(200, { 'content-length': body.length }).end(body)) as Fault,
  /** Says that the body has `length` bytes, sends all that it has, and closes the connection. */
  lieAboutLength:
    (length: number): Fault =>
    ({ request, body }) => {
      request.socket.end(
        Buffer.concat([
          Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`),
          body,
        ]),
      );
    },
  /** Flips one bit. */
  corrupt: (({ response, body }) => {
    const bad = Buffer.from(body);
    bad[bad.length >> 1]! ^= 1;
    response.writeHead(200, { etag: etagOf(body), 'content-length': bad.length }).end(bad);
  }) as Fault,
  /** Answers 206 with another part of the file than was asked for. */
  wrongRange: (({ response, body }) =>
    void response
      .writeHead(206, { 'content-range': `bytes 1-${body.length - 1}/${body.length}` })
      .end(body.subarray(1))) as Fault,
  /** Sends in pieces and never says how long it is. */
  noLength: (({ response, body }) => {
    response.writeHead(200);
    response.write(body.subarray(0, 10));
    response.end(body.subarray(10));
  }) as Fault,
  redirect:
    (location: string): Fault =>
    ({ response }) =>
      void response.writeHead(302, { location }).end(),
  status:
    (code: number): Fault =>
    ({ response }) =>
      void response.writeHead(code).end(),
  webPage: (({ response }) =>
    void response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<html>')) as Fault,
};

/** A proxy that leads every http address to `target`. */
export async function startProxy(
  target: string,
): Promise<{ url: string; used: string[]; close(): Promise<void> }> {
  const used: string[] = [];
  const server = createServer((request, response) => {
    used.push(request.url ?? '');
    const { pathname } = new URL(request.url ?? '');
    get(target + pathname, { headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
  });
  await listen(server);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    used,
    close: () => close(server),
  };
}

export function etagOf(body: Buffer): string {
  return `"${createHash('sha1').update(body).digest('hex')}"`;
}

export function digestOf(body: Buffer, algorithm: 'sha256' | 'md5' = 'sha256'): string {
  return createHash(algorithm).update(body).digest('hex');
}

export const bytes = (length: number): Buffer => randomBytes(length);

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
