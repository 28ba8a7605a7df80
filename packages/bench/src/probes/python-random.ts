/** Python's `random.Random(seed)`, as far as HEAR's kit uses it: the order of embeddings and the draw of grid points depend on it. */
export interface PythonRandom {
  /** `random.shuffle`, as a new array. */
  shuffle<T>(items: readonly T[]): T[];
}

/** The Mersenne Twister (Matsumoto and Nishimura, 1998) as CPython seeds it. @param seed 0 … 2^32 - 1 */
export function createPythonRandom(seed: number): PythonRandom {
  const next = mersenneTwister(seed);

  /** CPython's `_randbelow`: as many bits as `n` has, drawn again until they are below it. */
  const below = (n: number): number => {
    const bits = 32 - Math.clz32(n);
    let drawn: number;
    do drawn = next() >>> (32 - bits);
    while (drawn >= n);
    return drawn;
  };
  return {
    shuffle(items) {
      const shuffled = [...items];
      for (let i = shuffled.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
      }
      return shuffled;
    },
  };
}

const N = 624;
const M = 397;

/** 32 bits at each call. */
function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(N);
  // init_genrand(19650218), then init_by_array([seed]).
  state[0] = 19650218;
  for (let i = 1; i < N; i++) state[i] = Math.imul(mixed(state[i - 1]!), 1812433253) + i;
  for (let i = 1, k = 0; k < N; k++) {
    state[i] = (state[i]! ^ Math.imul(mixed(state[i - 1]!), 1664525)) + seed;
    if (++i === N) {
      state[0] = state[N - 1]!;
      i = 1;
    }
  }
  for (let i = 2, k = 0; k < N - 1; k++) {
    state[i] = (state[i]! ^ Math.imul(mixed(state[i - 1]!), 1566083941)) - i;
    if (++i === N) {
      state[0] = state[N - 1]!;
      i = 1;
    }
  }
  state[0] = 0x80000000;

  let at = N;
  return () => {
    if (at === N) {
      for (let i = 0; i < N; i++) {
        const y = (state[i]! & 0x80000000) | (state[(i + 1) % N]! & 0x7fffffff);
        state[i] = state[(i + M) % N]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
      at = 0;
    }
    let y = state[at++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}

function mixed(x: number): number {
  return x ^ (x >>> 30);
}
