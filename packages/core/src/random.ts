/** murmur3's finalizer: a bijection on 32 bits whose every output bit depends on every input bit. */
export function fmix32(x: number): number {
  x ^= x >>> 16;
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** FNV-1a of the UTF-8 bytes of `text`, 32 bits. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Step of the counter below: 2^32 / golden ratio, odd, so that all 2^32 states are visited. */
export const GOLDEN_STEP = 0x9e3779b9;

/** A key derived from `key` and a label or number; different labels give unrelated keys. */
export function foldKey(key: number, label: string | number): number {
  return fmix32(
    (fmix32(key) + Math.imul(typeof label === 'string' ? fnv1a(label) : label, GOLDEN_STEP)) >>> 0,
  );
}

/** A seeded stream of random numbers. The state is `{key, counter}`, plain data that can be stored. */
export interface Rng {
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number;
  /** Uniform in 0 … n-1. */
  int(n: number): number;
  /** Standard normal. */
  normal(): number;
  /** A new array with the elements of `items` in random order. */
  shuffle<T>(items: readonly T[]): T[];
  /** An independent stream; does not advance this one. */
  fork(label: string | number): Rng;
  state(): RngState;
}

export interface RngState {
  readonly key: number;
  readonly counter: number;
}

/** The same seed gives the same numbers on every machine. */
export function createRng(seed: number | RngState): Rng {
  const key = typeof seed === 'number' ? foldKey(seed >>> 0, 'rng') : seed.key;
  let counter = typeof seed === 'number' ? 0 : seed.counter;

  const next = () => fmix32((key + Math.imul(counter++, GOLDEN_STEP)) >>> 0);
  const uniform = () => ((next() >>> 5) * 0x4000000 + (next() >>> 6)) / 0x20000000000000;
  const int = (n: number) => Math.floor(uniform() * n);

  return {
    uniform,
    int,
    normal() {
      // Box-Muller; 1 - u is in (0, 1], so the logarithm is finite.
      return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    },
    shuffle(items) {
      const shuffled = [...items];
      for (let i = shuffled.length - 1; i > 0; i--) {
        const j = int(i + 1);
        [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
      }
      return shuffled;
    },
    fork: (label) => createRng({ key: foldKey(key, label), counter: 0 }),
    state: () => ({ key, counter }),
  };
}
