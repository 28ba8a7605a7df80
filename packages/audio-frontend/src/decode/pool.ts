import { isPengiError, PengiError } from '@pengi/core';
import { type Decoding, reportDamage } from './decoding.js';

/** What the WebAssembly decoders have in common. */
export interface WasmDecoder {
  readonly ready: Promise<void>;
  reset(): Promise<void>;
  free(): void;
}

/**
 * One decoder that is loaded when first needed and used by one file at a time: it holds a stream's state, and starting
 * one costs more than decoding a short clip. `use` leaves it reset; when `use` fails, the next call gets a new one.
 */
export type DecoderPool<D> = <T>(use: (decoder: D) => Promise<T>) => Promise<T>;

export function createPool<D extends WasmDecoder>(name: string, load: () => Promise<D>): DecoderPool<D> {
  let idle: D | undefined;
  let queue: Promise<unknown> = Promise.resolve();

  return (use) => {
    const turn = queue.then(async () => {
      const decoder = idle ?? (await start(name, load));
      idle = undefined;
      const result = await use(decoder);
      idle = decoder;
      return result;
    });
    queue = turn.catch(() => undefined);
    return turn;
  };
}

async function start<D extends WasmDecoder>(name: string, load: () => Promise<D>): Promise<D> {
  try {
    const decoder = await load();
    await decoder.ready;
    return decoder;
  } catch (cause) {
    throw new PengiError('E_ENGINE', `the ${name} decoder cannot be started: ${reason(cause)}`, { cause });
  }
}

/** Runs `work`; what the library throws (TypeErrors, ReferenceErrors) is damage of the file. */
export async function guarded(decoding: Decoding, name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    if (isPengiError(cause)) throw cause;
    reportDamage(decoding, 'E_AUDIO_DAMAGED', `the ${name} decoder failed (${reason(cause)})`, cause);
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
