/** What the machine reaches on one large matrix each: what bounds all work on it. */
import { floats } from '@pengi/core';
import { type Engine, quantized } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/** Per millisecond. */
export interface Machine {
  bytes: number;
  /** Operations in float32: two for each product that is added. */
  flops: number;
  /** The same in 8 bits. */
  int8: number;
}

export function machineText({ bytes, flops, int8 }: Machine): string {
  return `memory ${(bytes / 1e6).toFixed(1)} GB/s, arithmetic ${(flops / 1e6).toFixed(0)} GFLOP/s, in 8 bits ${(int8 / 1e6).toFixed(0)} Gop/s`;
}

export async function measureMachine({ engine }: { engine: Engine }): Promise<Machine> {
  const product = async (on: Engine, rows: number, inner: number, columns: number) => {
    const weights = floats(new Float32Array(inner * columns).fill(0.5), [inner, columns]);
    const x = floats(new Float32Array(rows * inner).fill(0.5), [rows, inner]);
    const program = on.compile((w: { w: Tensor }, y: Tensor) => tf.matMul(y as never, w.w as never), {
      w: weights,
    });
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 12; i++) {
      const start = performance.now();
      await program.run(x);
      best = Math.min(best, performance.now() - start);
    }
    await program.dispose();
    return best;
  };
  const side = 1024;
  const operations = 2 * side ** 3;
  const wide = 64e6; // 256 MB, beyond any cache
  return {
    flops: operations / (await product(engine, side, side, side)),
    int8: operations / (await product(quantized(engine, 'int8'), side, side, side)),
    bytes: (4 * wide) / (await product(engine, 1, 1000, wide / 1000)),
  };
}
