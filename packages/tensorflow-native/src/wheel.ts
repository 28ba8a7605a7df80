import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isPengiError, PengiError, type StartProgress, silentProgress } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import yauzl from 'yauzl';
import type { Library } from './releases.js';
import type { ByteSource } from './source.js';

/** Small reads (the directory of a wheel has some 20,000 entries) are made of blocks of this size. */
const BLOCK_BYTES = 0x40000;

/**
 * Unpacks libraries of a wheel, a zip file, into `folder`, reading no more of it than they take. Each is checked against its
 * pinned checksum.
 * @throws PengiError E_CHECKPOINT for a wheel without them or with others, E_DISK_FULL, E_IO; what the source throws
 */
export async function unpackLibraries(
  source: ByteSource,
  libraries: readonly Library[],
  folder: string,
  progress: StartProgress = silentProgress,
): Promise<void> {
  const reader = new SourceReader(source);
  try {
    const zip = await yauzl.fromRandomAccessReaderPromise(reader, source.size, {
      lazyEntries: true,
      autoClose: false,
    });
    const missing = new Map(libraries.map((library) => [library.path, library]));
    for await (const entry of zip.eachEntry()) {
      const library = missing.get(entry.fileName);
      if (!library) continue;
      missing.delete(entry.fileName);
      if (entry.uncompressedSize !== library.size)
        throw other(source, library, 'bytes', entry.uncompressedSize);
      await unpack(await zip.openReadStreamPromise(entry), source, library, folder, progress);
      if (missing.size === 0) return;
    }
    throw new PengiError('E_CHECKPOINT', `the wheel holds no ${[...missing.keys()].join(', ')}`, {
      file: source.name,
    });
  } catch (error) {
    const cause = reader.failure ?? error; // yauzl may report what follows from it
    if (isPengiError(cause) || reader.failure !== undefined) throw cause;
    throw new PengiError('E_CHECKPOINT', `is no readable wheel: ${(cause as Error).message}`, {
      file: source.name,
      cause,
    });
  }
}

async function unpack(
  content: Readable,
  source: ByteSource,
  library: Library,
  folder: string,
  start: StartProgress,
): Promise<void> {
  const target = join(folder, library.path);
  const hash = createHash('sha256');
  const progress = start(`${basename(target)}, MB`);
  let done = 0;
  async function* hashed(chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      done += chunk.length;
      progress.update(Math.round(done / 1e6), Math.round(library.size / 1e6));
      yield chunk;
    }
  }
  try {
    await mkdir(dirname(target), { recursive: true });
    await pipeline(content, hashed, createWriteStream(target, { mode: 0o755, flush: true }));
  } catch (error) {
    throw ['ENOSPC', 'EDQUOT', 'EACCES', 'EROFS', 'EIO'].includes((error as NodeJS.ErrnoException).code ?? '')
      ? fileError(error, target, 'written')
      : error;
  } finally {
    progress.end();
  }
  const found = hash.digest('hex');
  if (found !== library.sha256) throw other(source, library, 'sha256', found);
}

function other(source: ByteSource, library: Library, what: 'bytes' | 'sha256', found: string | number) {
  const pinned = what === 'bytes' ? library.size : library.sha256;
  return new PengiError(
    'E_CHECKPOINT',
    `${library.path} is not the pinned one: ${what} ${found}, pinned ${pinned}`,
    {
      file: source.name,
      hint: 'the server, mirror or file has another wheel; nothing was installed',
    },
  );
}

/** What yauzl reads from. */
class SourceReader extends yauzl.RandomAccessReader {
  /** What the source has thrown. */
  failure: unknown;
  readonly #source: ByteSource;
  readonly #blocks = new Map<number, Promise<Buffer>>();

  constructor(source: ByteSource) {
    super();
    this.#source = source;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.#read(start, end), { objectMode: false });
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#fill(buffer.subarray(offset, offset + length), position).then(
      () => callback(null),
      (error) => callback(error as Error),
    );
  }

  async *#read(start: number, end: number): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#source.read(start, end);
    } catch (error) {
      this.failure ??= error;
      throw error;
    }
  }

  async #fill(target: Buffer, position: number): Promise<void> {
    for (let done = 0; done < target.length; ) {
      const at = position + done;
      if (at >= this.#source.size) throw new Error(`it ends at ${this.#source.size}`);
      const start = at - (at % BLOCK_BYTES);
      done += (await this.#block(start)).copy(target, done, at - start);
    }
  }

  #block(start: number): Promise<Buffer> {
    let block = this.#blocks.get(start);
    if (!block) {
      block = collect(this.#read(start, Math.min(start + BLOCK_BYTES, this.#source.size)));
      this.#blocks.set(start, block);
    }
    return block;
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}
