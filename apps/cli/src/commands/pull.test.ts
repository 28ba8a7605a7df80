import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pengi } from '../testing/command-line.js';

/** What the server gives for every path; of pengi-base nothing is published, so any bytes are right. */
const BODY = randomBytes(200_000);
const SHA256 = createHash('sha256').update(BODY).digest('hex');

let cache: string;
let server: Server;
let url: string;
let requests: IncomingMessage[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'pengi-pull-cli-'));
  requests = [];
  answer = whole;
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const name of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy']) vi.stubEnv(name, undefined);
  vi.stubEnv('PENGI_CACHE', cache);
  vi.stubEnv('PENGI_PULL_BASE_URL', url);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(cache, { recursive: true, force: true });
});

function whole(request: IncomingMessage, response: ServerResponse): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  response.writeHead(start === 0 ? 200 : 206, {
    etag: '"1"',
    'content-length': BODY.length - start,
    ...(start === 0 ? {} : { 'content-range': `bytes ${start}-${BODY.length - 1}/${BODY.length}` }),
  });
  response.end(BODY.subarray(start));
}

describe('pull without a name', () => {
  it('lists what is known, and what is here, and downloads nothing', async () => {
    const { status, out, err } = await pengi('pull');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    for (const name of ['pengi-base', 'msclap-2023', 'clapcap-2023', 'clap-htsat-unfused', 'gpt2'])
      expect(out).toMatch(new RegExp(`^${name} `, 'm'));
    expect(out).toContain(`cache  ${cache}`);
    expect(out).not.toContain('here');

    await pengi('pull', 'pengi-base');
    const listed = JSON.parse((await pengi('pull', '--json')).out) as { name: string; here: boolean }[];
    expect(listed.filter(({ here }) => here).map(({ name }) => name)).toEqual(['pengi-base']);
    expect(requests).toHaveLength(1);
  });
});

describe('pull', () => {
  it('downloads, and says what was checked and where it is', async () => {
    const { status, out, err } = await pengi('pull', 'base.pth');
    expect(status).toBe(0);
    expect(out).toContain(`no published sha256; got ${SHA256}`);
    expect(out).toContain(`folder   ${join(cache, 'pengi-base')}`);
    expect(out).toContain('Now:\n  pengi convert pengi-base --out models/pengi-base');
    expect(err).toContain('https://zenodo.org/records/8387083');
    expect((await readFile(join(cache, 'pengi-base', 'base.pth'))).equals(BODY)).toBe(true);
    expect(requests.map((request) => request.url)).toEqual(['/records/8387083/files/base.pth']);
  });

  it('gives one object with --json', async () => {
    const { out } = await pengi('pull', 'pengi-base', '--json', '--base-url', `${url}/mirror`);
    expect(JSON.parse(out)).toMatchObject({
      name: 'pengi-base',
      folder: join(cache, 'pengi-base'),
      files: [{ name: 'base.pth', bytes: BODY.length, sha256: SHA256, check: 'none', downloaded: true }],
    });
    expect(requests[0]?.url).toBe('/mirror/records/8387083/files/base.pth');
  });

  it('refuses bytes that are not the published ones, and leaves nothing', async () => {
    const { status, out, err } = await pengi('pull', 'clapcap-2023');
    expect({ status, out }).toEqual({ status: 65, out: '' });
    expect(err).toMatch(/^E_CHECKPOINT .*200000 bytes.*1712037386.*\n$/);
    expect(await readdir(join(cache, 'clapcap-2023'))).toEqual([]);
  });

  it('says in one line what to fetch by hand and where to put it when there is no connection', async () => {
    await new Promise((resolve) => server.close(resolve));
    const { status, err } = await pengi('pull', 'gpt2');
    expect(status).toBe(74);
    expect(err).toMatch(/^E_IO .*model\.safetensors: .*\n$/);
    expect(err).toContain(`${url}/openai-community/gpt2/resolve/`);
    expect(err).toContain(join(cache, 'gpt2', 'model.safetensors'));
  });

  it.each([
    ['an unknown name', ['pull', 'wavlm'], /^E_USAGE "wavlm" is no known artefact; known are pengi-base/],
    ['no address', ['pull', 'gpt2', '--base-url', 'mirror'], /^E_USAGE the base URL/],
    ['no number', ['pull', 'gpt2', '--retries', 'many'], /^E_USAGE --retries/],
  ])('%s is E_USAGE', async (_what, args, message) => {
    const { status, err } = await pengi(...args);
    expect(err).toMatch(message);
    expect(status).toBe(2);
    expect(requests).toEqual([]);
  });

  it('keeps what has come when Ctrl-C stops the process, and goes on from there', async () => {
    // Sends half, and the rest never; the partial file is looked at until something is in it.
    answer = (_request, response) => {
      response.writeHead(200, { etag: '"1"', 'content-length': BODY.length });
      response.write(BODY.subarray(0, 100_000));
    };
    const bin = fileURLToPath(new URL('../../bin/pengi.js', import.meta.url));
    const child = spawn(process.execPath, [bin, 'pull', 'pengi-base'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let err = '';
    child.stderr.on('data', (text) => {
      err += text;
    });
    const ended = new Promise((resolve) => child.on('exit', (status) => resolve(status)));
    const partial = join(cache, 'pengi-base', '.base.pth.partial');
    await vi.waitUntil(async () => existsSync(partial) && (await readFile(partial)).length > 0, {
      timeout: 30_000,
    });
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(err).toMatch(/^E_INTERRUPTED stopped by SIGINT; .* kept; the same command goes on from there\n$/);

    answer = whole;
    expect((await pengi('pull', 'pengi-base')).status).toBe(0);
    expect(requests.at(-1)?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
    expect((await readFile(join(cache, 'pengi-base', 'base.pth'))).equals(BODY)).toBe(true);
  }, 60_000);
});
