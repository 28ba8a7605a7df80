import type { Tensor } from '@tensorflow/tfjs-core';

/** Called by a model with its named intermediate results. Eagerly it reads them; in a trace they become outputs. */
export type Probe = (name: string, value: Tensor) => void;

/** Runs `f` with a probe and returns what it computed beside everything that it named. A repeated name gets a number. */
export function collectProbes<T>(f: (probe: Probe) => T): { value: T; probes: Record<string, Tensor> } {
  const probes: Record<string, Tensor> = {};
  const seen = new Map<string, number>();
  const value = f((name, tensor) => {
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    probes[count === 0 ? name : `${name}#${count}`] = tensor;
  });
  return { value, probes };
}
