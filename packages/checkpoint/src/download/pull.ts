import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PengiError, type StartProgress } from '@pengi/core';
import { fileError, withLock, writeFileAtomic } from '@pengi/core/node';
import type { Artefact, ArtefactFile } from './artefacts.js';
import { cacheFolder } from './cache.js';
import { type Check, verify } from './check.js';
import { type Digests, digestFile } from './digest.js';
import { fetchFile } from './fetch-file.js';

export interface PullOptions {
  /** Default: see `cacheFolder`. */
  cache?: string;
  /** Takes the place of the artefact's origin; else PENGI_PULL_BASE_URL does. */
  baseUrl?: string;
  /** Wait when another process downloads the same (the default), or throw E_BUSY. */
  wait?: boolean;
  /** Attempts in a row that bring nothing new before giving up. Default 5. */
  retries?: number;
  progress?: StartProgress;
  /** Told what is worth knowing: that it waits, that a connection was lost. */
  say?: (line: string) => void;
  signal?: AbortSignal;
}

export interface PulledFile extends Digests {
  readonly name: string;
  readonly path: string;
  /** Where it was downloaded from, or would be. */
  readonly url: string;
  /** The published checksum it was compared with. */
  readonly check: Check;
  /** Whether this call has downloaded it; false for one that was there. */
  readonly downloaded: boolean;
}

export interface Pulled {
  readonly name: string;
  readonly folder: string;
  readonly files: readonly PulledFile[];
}

/** What is written down of each file. */
type Entry = Digests & { url: string; check: Check };
const RECORD = 'pull.json';

/**
 * Puts an artefact into the cache: downloads what is missing, and checks what is there. This is the only function here that
 * uses the network. Each file appears under its name when it is whole and checked. What arrived is written down in
 * `pull.json`; a file of which nothing is published is compared with that from then on.
 * @throws PengiError E_IO, E_NOT_FOUND, E_CHECKPOINT, E_DISK_FULL, E_CANNOT_CREATE, E_BUSY, E_USAGE, E_INTERRUPTED
 */
export async function pullArtefact(artefact: Artefact, options: PullOptions = {}): Promise<Pulled> {
  const { say = () => undefined, signal } = options;
  const base = checkedBase(options.baseUrl ?? (process.env.PENGI_PULL_BASE_URL || artefact.origin));
  const folder = artefactFolder(artefact, options.cache);
  const wholeAlready = await allThere(artefact, folder);
  const work = () => pullFiles(artefact, folder, base, options);
  if (wholeAlready) return work(); // no lock: a cache that is complete may be read-only
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new PengiError('E_CANNOT_CREATE', 'is a file, a folder was to be made', { file: folder });
    throw fileError(error, folder, 'written');
  }
  return withLock(join(folder, '.lock'), work, {
    activity: 'is downloading this',
    ...(options.wait === undefined ? {} : { wait: options.wait }),
    ...(signal === undefined ? {} : { signal }),
    onWait: ({ pid, host }) =>
      say(
        `${artefact.name}: process ${pid} on ${host} is downloading it; waiting (lock: ${join(folder, '.lock')})`,
      ),
  });
}

/** The folder of an artefact in the cache, whether it is there or not. */
export function artefactFolder(artefact: Artefact, cache: string = cacheFolder()): string {
  return join(cache, artefact.name);
}

/** Whether all files of an artefact are in the cache; looks at names only. */
export async function isPulled(artefact: Artefact, cache?: string): Promise<boolean> {
  return allThere(artefact, artefactFolder(artefact, cache));
}

async function pullFiles(
  artefact: Artefact,
  folder: string,
  base: string,
  options: PullOptions,
): Promise<Pulled> {
  const { say = () => undefined, signal, retries = 5, progress } = options;
  const record = await readRecord(folder);
  const files: PulledFile[] = [];
  for (const file of artefact.files) {
    signal?.throwIfAborted();
    const path = join(folder, file.name);
    const url = `${base}/${file.path}`;
    const there = await isFile(path);
    const label = `${artefact.name}/${file.name}`;
    const entry: Entry = there
      ? await checkCached(path, file, url, record[file.name], signal)
      : {
          url,
          ...(await fetchFile(url, path, file, { retries, label, progress, say, signal })),
        };
    if (JSON.stringify(record[file.name]) !== JSON.stringify(entry)) {
      record[file.name] = entry;
      const written = writeRecord(folder, artefact, record);
      await (there ? written.catch(() => undefined) : written); // a read-only cache is a cache, too
    }
    files.push({ name: file.name, path, ...entry, downloaded: !there });
  }
  return { name: artefact.name, folder, files };
}

async function checkCached(
  path: string,
  file: ArtefactFile,
  url: string,
  recorded: Entry | undefined,
  signal: AbortSignal | undefined,
): Promise<Entry> {
  const digests = await digestFile(path, signal);
  const hint = 'remove this file and run the command again';
  const check = verify(file, digests, path, hint);
  if (check === 'none' && recorded !== undefined && recorded.sha256 !== digests.sha256)
    throw new PengiError(
      'E_CHECKPOINT',
      `has changed since it was downloaded: sha256 ${digests.sha256}, then ${recorded.sha256}`,
      { file: path, hint },
    );
  return { url: recorded?.url ?? url, ...digests, check };
}

function checkedBase(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.username || url.password)
    throw new PengiError('E_USAGE', 'the base URL is no address such as https://example.org/weights', {
      hint: 'see --base-url and PENGI_PULL_BASE_URL',
    });
  return text.replace(/\/+$/, '');
}

async function allThere(artefact: Artefact, folder: string): Promise<boolean> {
  for (const { name } of artefact.files) if (!(await isFile(join(folder, name)))) return false;
  return true;
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function readRecord(folder: string): Promise<Record<string, Entry>> {
  try {
    const { files } = JSON.parse(await readFile(join(folder, RECORD), 'utf8')) as {
      files?: Record<string, Entry>;
    };
    return { ...files };
  } catch {
    return {}; // none yet; a damaged one is written anew
  }
}

async function writeRecord(folder: string, artefact: Artefact, files: Record<string, Entry>): Promise<void> {
  const { name, page, licence } = artefact;
  await writeFileAtomic(join(folder, RECORD), `${JSON.stringify({ name, page, licence, files }, null, 2)}\n`);
}
