/** A server with one file, an empty cache, and how the file is pulled: what the tests of downloads share. */
import { statSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isPengiError, type PengiError, type StartProgress } from '@pengi/core';
import { afterEach, beforeEach, vi } from 'vitest';
import { type Artefact, type ArtefactFile, type Pulled, type PullOptions, pullArtefact } from '../index.js';
import { bytes, digestOf, startServer, type TestServer } from './server.js';

export const BODY = bytes(100_000);
/** What is published of the file, unless a test says otherwise. */
export const CHECKED = { sha256: digestOf(BODY), size: BODY.length };

export let cache: string;
export let server: TestServer;

/** A fresh server and cache for each test of the file. */
export function useServer(): void {
  beforeEach(async () => {
    for (const name of ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy', 'pengi_pull_base_url']) {
      vi.stubEnv(name, undefined);
      vi.stubEnv(name.toUpperCase(), undefined);
    }
    cache = await mkdtemp(join(tmpdir(), 'pengi-pull-'));
    server = await startServer();
    server.content.set('/w.bin', BODY);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await server.close();
    await rm(cache, { recursive: true, force: true });
  });
}

export function artefact(file: Partial<ArtefactFile> = CHECKED, more: Partial<Artefact> = {}): Artefact {
  return {
    name: 'test',
    what: 'bytes',
    licence: 'none',
    page: 'https://example.invalid',
    origin: 'https://example.invalid',
    files: [{ name: 'w.bin', path: 'w.bin', ...file }],
    family: 'gpt2',
    keys: [],
    ...more,
  };
}

export function at(name: string): string {
  return join(cache, 'test', name);
}

export function pull(what: Artefact = artefact(), options: PullOptions = {}): Promise<Pulled> {
  return pullArtefact(what, { cache, baseUrl: server.url, retries: 1, ...options });
}

/** The error that a pull ends with. */
export async function failure(pulling: Promise<Pulled>): Promise<PengiError> {
  const error = await pulling.then(
    () => new Error('it did not fail'),
    (error: unknown) => error,
  );
  if (isPengiError(error)) return error;
  throw error;
}

/** What lies in the artefact's folder. */
export async function left(): Promise<string[]> {
  return (await readdir(join(cache, 'test'))).sort();
}

/** Whether the file is there as it should be. */
export async function isRight(): Promise<boolean> {
  return (await readFile(at('w.bin'))).equals(BODY);
}

/** Leaves a partial download, as an interrupted run does. */
export async function leavePartial(content: Buffer, origin: object): Promise<void> {
  await mkdir(join(cache, 'test'), { recursive: true });
  await writeFile(at('.w.bin.partial'), content);
  await writeFile(at('.w.bin.partial.json'), JSON.stringify(origin));
}

/** Calls `act` the first `times` times that the partial file has grown. */
export function whenGrown(times: number, act: () => void): StartProgress {
  let seen = 0;
  const update = () => {
    const { size } = statSync(at('.w.bin.partial'));
    if (times === 0 || size <= seen) return;
    seen = size;
    times--;
    act();
  };
  return () => ({ update, end() {} });
}
