/** What pieces of work are made of: the model, an engine, and numbers that the peers have as well. */
import { openModelFolder } from '@pengi/checkpoint';
import type { NdArray } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import { PENGI_BASE, type PengiParams, pengiParams } from 'pengi';

export interface Ours {
  run(): Promise<NdArray | undefined>;
  dispose?(): Promise<void>;
  /** What the peer is given in place of `peer.arguments`. */
  peerArguments?: object;
}

export interface Context {
  model: string;
  folder: string;
  engine: Engine;
  params: PengiParams<NdArray>;
}

export async function createContext(model: string, folder: string, threads: number): Promise<Context> {
  const engine = await createEngine('jit', { threads });
  const params = pengiParams((await openModelFolder(model)).file, PENGI_BASE);
  return { model, folder, engine, params };
}

/** The same numbers as the peers' `pattern`. */
export function pattern(n: number, scale: number): Float32Array {
  return Float32Array.from({ length: n }, (_, i) =>
    Math.fround(Math.fround(Math.fround(((i * 7919) % 1009) / 1009) - 0.5) * scale),
  );
}
