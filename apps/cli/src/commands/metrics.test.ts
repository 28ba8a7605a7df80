import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JAVA_DOWNLOADS } from '@pengi/metrics/java';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { locate, mirrorOfCentral } from '../metrics/sources.js';
import { unpack } from '../metrics/unpack.js';
import { pengi } from '../testing/command-line.js';

const [WHEEL, PARSER] = JAVA_DOWNLOADS as [(typeof JAVA_DOWNLOADS)[0], (typeof JAVA_DOWNLOADS)[0]];

let cache: string;
let server: Server;
let url: string;
let requests: string[];
/** What the server gives, by path; anything else is a 404. */
let pages: Record<string, string>;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'pengi-metrics-cli-'));
  requests = [];
  pages = {};
  server = createServer((request, response) => {
    requests.push(request.url ?? '');
    const page = pages[request.url ?? ''];
    response.writeHead(page === undefined ? 404 : 200, { 'content-length': page?.length ?? 0 });
    response.end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const name of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy']) vi.stubEnv(name, undefined);
  vi.stubEnv('PENGI_CACHE', cache);
  vi.stubEnv('PIP_INDEX_URL', `${url}/simple/`);
  vi.stubEnv('PENGI_MAVEN_URL', `${url}/maven2`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(cache, { recursive: true, force: true });
});

describe('metrics install', () => {
  it('shows licences and checksums, and downloads nothing without consent', async () => {
    const { status, out, err } = await pengi('metrics', 'install');
    expect(status).toBe(2);
    for (const { name, licence, sha256 } of JAVA_DOWNLOADS)
      for (const text of [name, licence, sha256]) expect(out).toContain(text);
    expect(err).toContain('give --yes to accept these licences');
    expect(requests).toEqual([]);
  });

  describe('where no registry is set', () => {
    const bin = () => join(cache, 'bin');
    const program = async (name: string, script: string) => {
      const path = join(bin(), name);
      await writeFile(path, `#!${process.execPath}\nconst args = process.argv.slice(2);\n${script}`);
      await chmod(path, 0o755);
    };
    beforeEach(async () => {
      await mkdir(bin());
      vi.stubEnv('PATH', bin()); // no pip and no Maven but those
      vi.stubEnv('PENGI_MAVEN_URL', undefined);
      vi.stubEnv('PIP_INDEX_URL', undefined);
      vi.stubEnv('HOME', cache); // without Maven's settings
    });

    it('asks for one, or for its client, or for the file', async () => {
      const { status, err } = await pengi('metrics', 'install', '--yes');
      expect(status).toBe(66);
      expect(err).toContain('no Python package index is set on this machine, and there is no pip');
      expect(err).toContain(`or put ${WHEEL.name} into ${join(cache, 'metrics')}`);
      expect(requests).toEqual([]);
    });

    it('leaves it to the client, and keeps nothing that has another checksum', async () => {
      await program(
        'pip',
        `if (args[0] === 'download')
           require('node:fs').writeFileSync(args[args.indexOf('--dest') + 1] + '/${WHEEL.name}', 'something else');
         else process.exit(args.includes('--version') ? 0 : 1);`,
      );
      const { status, err } = await pengi('metrics', 'install', '--yes');
      expect(err).toContain('asking pip, since no Python package index is set');
      expect(err).toContain(`bytes 14, published ${WHEEL.size}`);
      expect(status).toBe(65);
      expect(await readdir(join(cache, 'metrics'))).toEqual([]);
    });

    it('takes a file that was put there, once it is the published one', async () => {
      await mkdir(join(cache, 'metrics'));
      await writeFile(join(cache, 'metrics', WHEEL.name), 'something else');
      const { status, err } = await pengi('metrics', 'install', '--yes');
      expect(status).toBe(65);
      expect(err).toContain('put the published file in its place');
    });
  });

  it('asks the index that pip is set up for, and keeps nothing that has another checksum', async () => {
    pages['/simple/pycocoevalcap/'] = `<a href="../../files/${WHEEL.name}#sha256=0">${WHEEL.name}</a>`;
    pages[`/files/${WHEEL.name}`] = 'something else';
    const { status, err } = await pengi('metrics', 'install', '--yes');
    expect(status).toBe(65);
    expect(err).toContain(`the server has 14 bytes, the published file ${WHEEL.size}`);
    expect(requests).toEqual(['/simple/pycocoevalcap/', `/files/${WHEEL.name}`]);
  });

  it('says when the index does not have it', async () => {
    pages['/simple/pycocoevalcap/'] = '<a href="pycocoevalcap-1.1.whl">pycocoevalcap-1.1.whl</a>';
    const { status, err } = await pengi('metrics', 'install', '--yes');
    expect(status).toBe(66);
    expect(err).toContain(`the index has no ${WHEEL.name}`);
  });
});

describe('metrics doctor', () => {
  it('names what is missing, with status 1', async () => {
    vi.stubEnv('PENGI_JAVA', join(cache, 'no-java'));
    const { status, out } = await pengi('metrics', 'doctor');
    expect(status).toBe(1);
    expect(out).toContain('Java    none: METEOR, SPICE and SPIDEr are not computed');
    expect(out).toContain('SPICE   not installed: pengi metrics install');
  });
});

describe('sources', () => {
  it('are the mirror that Maven uses for Central', () => {
    const settings = (of: string) =>
      `<settings><!-- <mirror><url>http://old</url><mirrorOf>*</mirrorOf></mirror> --><mirrors>
       <mirror><id>a</id><url>http://other</url><mirrorOf>jboss</mirrorOf></mirror>
       <mirror><id>b</id><url> http://mirror/maven </url><mirrorOf>${of}</mirrorOf></mirror></mirrors></settings>`;
    for (const of of ['*', 'central', 'jboss, central', 'external:*'])
      expect(mirrorOfCentral(settings(of))).toBe('http://mirror/maven');
    expect(mirrorOfCentral(settings('*,!central'))).toBeUndefined();
    expect(mirrorOfCentral('')).toBeUndefined();
  });

  it('refuse what is no address', async () => {
    await expect(locate(PARSER, { maven: 'file:///tmp' })).rejects.toThrow('no address');
    expect(await locate(PARSER, { maven: 'http://a/b/' })).toBe(
      'http://a/b/edu/stanford/nlp/stanford-corenlp/3.6.0/stanford-corenlp-3.6.0.jar',
    );
  });

  it('a download that is no zip is an error of data', async () => {
    const path = join(cache, 'x.jar');
    await writeFile(path, 'no zip');
    await expect(unpack(path, [{ from: '', to: 'all/' }], cache)).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
    });
  });
});
