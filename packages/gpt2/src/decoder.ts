/** Runs GPT-2 token by token: one program reads the prefix, another one token per row; the cache lives on the host. */
import { floats, ints, type NdArray, PengiError } from '@pengi/core';
import type { Engine } from '@pengi/jit';
import { embedding, MASKED } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Continuation, TopTokens } from './beam.js';
import type { Gpt2Config } from './config.js';
import { type Gpt2Hidden, gpt2Hidden, gpt2Logits, type KeyValue, type Past } from './model.js';
import type { Gpt2Params } from './params.js';

export interface StartOptions {
  /** Rows (beams, samples) per group. */
  rows: number;
  /** The most tokens that will be generated. */
  maxTokens: number;
  /** How many of the most likely next tokens of each row are wanted; undefined for the whole distribution. */
  top?: number;
  /** Logits are divided by it; 0 and below count as 1, as in the reference. */
  temperature?: number;
}

/** Next tokens of each row of each group: the top ones, or log-probabilities of all [V]. */
export type Distributions = { top: TopTokens[] } | { logProbs: Float32Array[][] };

/** Generation under way for some prefixes at once. */
export interface DecodingRun {
  /** What may follow the prefixes; each group has one row. */
  readonly first: Distributions;
  /** Feeds one token to each row of each group (rows branch by naming the same parent) and gives what may follow. */
  advance(continuations: readonly (readonly Continuation[])[]): Promise<Distributions>;
}

export interface Decoder {
  /**
   * Reads the prefixes.
   * @param prefixes embeddings, one [n, C] per group; lengths may differ
   * @throws PengiError E_SHAPE when prefix and texts exceed the model's positions
   */
  start(prefixes: readonly NdArray[], options: StartOptions): Promise<DecodingRun>;
  /** Log-probabilities of each token of each text after the prefix [n, C], in nats. */
  score(prefix: NdArray, texts: readonly (readonly number[])[]): Promise<Float32Array[]>;
  /** Embeddings [n, C] of tokens. */
  embed(ids: readonly number[]): Promise<NdArray>;
  dispose(): Promise<void>;
}

/** Prefixes are padded to a multiple of this, stores to another, so that few shapes occur: each is compiled anew. */
const PREFIX_STEP = 8;
const STORE_STEP = 64;
/** Positions of candidate texts that are scored at once: bounds the memory of their logits. */
const SCORED_POSITIONS = 512;

export function createDecoder(params: Gpt2Params<NdArray>, config: Gpt2Config, engine: Engine): Decoder {
  const { width, heads, positions, vocabularySize } = config;
  const headWidth = width / heads;

  // Reading a prefix is one large product per layer, which gains little from weights that are laid out anew.
  const prefill = engine.compile(prefillStep(config), params, { name: 'gpt2.prefill', prepack: false });
  const programs = new Map<string, ReturnType<typeof compileStep>>();
  const compileStep = (top: number | undefined) =>
    engine.compile(tokenStep(config, top), params, { name: 'gpt2.step' });
  const stepFor = (top: number | undefined) => {
    const key = String(top);
    const program = programs.get(key) ?? compileStep(top);
    programs.set(key, program);
    return program;
  };
  const scorer = engine.compile(scoreStep(config), params, { name: 'gpt2.score', prepack: false });
  const embedder = engine.compile(
    (p: { wte: { weight: Tensor } }, ids: Tensor) => embedding(p.wte, ids),
    { wte: params.wte },
    { name: 'gpt2.embed' },
  );

  async function read(prefixes: readonly NdArray[], temperature: number, top: number | undefined) {
    const lengths = prefixes.map((prefix) => prefix.shape[0]!);
    const P = roundUp(Math.max(...lengths), PREFIX_STEP, positions);
    const embeddings = new Float32Array(prefixes.length * P * width);
    for (const [g, prefix] of prefixes.entries()) embeddings.set(prefix.data as Float32Array, g * P * width);
    const result = await prefill.run(
      floats(embeddings, [prefixes.length, P, width]),
      ints(lengths.map((n, g) => g * P + n - 1)),
      floats([temperature], []),
    );
    return {
      lengths,
      P,
      present: result.present,
      first: distributions(result.logProbs, prefixes.length, 1, top),
    };
  }

  return {
    async start(prefixes, { rows: R, maxTokens, top, temperature = 1 }) {
      const longest = Math.max(...prefixes.map((prefix) => prefix.shape[0]!));
      if (longest + maxTokens > positions)
        throw new PengiError(
          'E_SHAPE',
          `a prefix of ${longest} and ${maxTokens} tokens exceed ${positions} positions`,
          {
            hint: 'ask for a shorter text',
          },
        );
      const scale = temperature > 0 ? temperature : 1;
      const { lengths, P, present, first } = await read(prefixes, scale, top);
      const G = prefixes.length;
      const S = roundUp(P + R * (maxTokens - 1), STORE_STEP);
      const store = createStore(present, { G, H: heads, S, D: headWidth }, P, lengths, R);
      const step = stepFor(top);
      let tokens = 0;

      return {
        first,
        async advance(continuations) {
          if (++tokens > maxTokens - 1)
            throw new PengiError('E_SHAPE', `the store has room for ${maxTokens} tokens`);
          const flat = continuations.flat();
          store.branch(continuations.map((group) => group.map(({ parent }) => parent)));
          const result = await step.run(
            ints(flat.map(({ token }) => token)),
            ints(lengths.flatMap((n) => Array<number>(R).fill(n + tokens - 1))),
            { layers: store.layers, mask: store.mask() },
            floats([scale], []),
          );
          store.append(result.present);
          return top === undefined
            ? distributions(result.logProbs, G, R, undefined)
            : { top: topTokens(result.ids!, result.logProbs, G, R) };
        },
      };
    },

    async score(prefix, texts) {
      const { lengths, P, present, first } = await read([prefix], 1, undefined);
      const n = lengths[0]!;
      const opening = 'logProbs' in first ? first.logProbs[0]![0]! : new Float32Array();
      const T = Math.max(...texts.map((ids) => ids.length));
      if (n + T > positions)
        throw new PengiError(
          'E_SHAPE',
          `a prefix of ${n} and a text of ${T} tokens exceed ${positions} positions`,
        );
      const perCall = Math.max(1, Math.floor(SCORED_POSITIONS / T));
      const visible = floats(hideFrom(n, P), [1, 1, P]);
      const past = {
        layers: present.map(({ k, v }) => ({
          k: { ...k, shape: [1, heads, P, headWidth] },
          v: { ...v, shape: [1, heads, P, headWidth] },
        })),
        mask: visible,
      };

      const scores: Float32Array[] = [];
      for (let from = 0; from < texts.length; from += perCall) {
        const chunk = texts.slice(from, from + perCall);
        const padded = new Int32Array(chunk.length * T);
        for (const [i, ids] of chunk.entries()) padded.set(ids, i * T);
        const at = Int32Array.from({ length: T }, (_, t) => n + t);
        const following =
          T > 1 ? await scorer.run(ints(padded, [chunk.length, T]), ints(at), past) : undefined;
        for (const [i, ids] of chunk.entries())
          scores.push(
            Float32Array.from(ids, (id, t) =>
              t === 0 ? opening[id]! : Number(following!.data[i * (T - 1) + t - 1]),
            ),
          );
      }
      return scores;
    },

    async embed(ids) {
      const outside = ids.find((id) => !(id >= 0 && id < vocabularySize));
      if (outside !== undefined)
        throw new PengiError('E_TEXT', `token ${outside} is outside of the vocabulary of ${vocabularySize}`);
      return embedder.run(ints(ids));
    },

    async dispose() {
      await Promise.all(
        [prefill, scorer, embedder, ...programs.values()].map((program) => program.dispose()),
      );
    },
  };

  function distributions(logProbs: NdArray, G: number, R: number, top: number | undefined): Distributions {
    const rows = Array.from({ length: G }, (_, g) =>
      Array.from({ length: R }, (_, r) => {
        const start = (g * R + r) * vocabularySize;
        return (logProbs.data as Float32Array).subarray(start, start + vocabularySize);
      }),
    );
    if (top === undefined) return { logProbs: rows };
    return { top: rows.map((group) => bestOf(group, top)) };
  }
}

// --- what is compiled -----------------------------------------------------------------------------------------------

/** Embeddings [G, P, C] -> keys and values [G, H, 1, P, D] and log-probabilities [G, V] after each group's last position. */
function prefillStep(config: Gpt2Config) {
  return (p: Gpt2Params, embeddings: Tensor, lastRows: Tensor, temperature: Tensor) => {
    const [G, P, C] = embeddings.shape as [number, number, number];
    const { hidden, present } = gpt2Hidden(p, embeddings, config);
    const last = tf.gather(tf.reshape(hidden, [G * P, C]), lastRows as tf.Tensor1D);
    return { present, logProbs: tf.logSoftmax(tf.div(gpt2Logits(p, last), temperature)) };
  };
}

/** One token per row [G·R] -> its keys and values, and the log-probabilities of what may follow. */
function tokenStep(config: Gpt2Config, top: number | undefined) {
  return (p: Gpt2Params, tokens: Tensor, positions: Tensor, past: Past, temperature: Tensor) => {
    const rows = tokens.shape[0]!;
    const column = (x: Tensor) => tf.reshape(x, [rows, 1]);
    const { hidden, present } = gpt2Hidden(p, embedding(p.wte, column(tokens)), config, {
      positions: column(positions),
      past,
    });
    const logits = tf.div(gpt2Logits(p, tf.reshape(hidden, [rows, config.width])), temperature);
    const logProbs = tf.logSoftmax(logits);
    if (top === undefined) return { present, logProbs, ids: undefined };
    const best = tf.topk(logProbs, Math.min(top, config.vocabularySize));
    return { present, logProbs: best.values, ids: best.indices };
  };
}

/** Texts [R, T] after a shared past -> log-probabilities [R, T-1] of their tokens from the second on. */
function scoreStep(config: Gpt2Config) {
  return (p: Gpt2Params, ids: Tensor, positions: Tensor, past: Past) => {
    const [R, T] = ids.shape as [number, number];
    const { hidden }: Gpt2Hidden = gpt2Hidden(p, embedding(p.wte, ids), config, { positions, past });
    const before = tf.reshape(tf.slice(hidden, [0, 0, 0], [R, T - 1, config.width]), [
      R * (T - 1),
      config.width,
    ]);
    const targets = tf.reshape(tf.slice(ids, [0, 1], [R, T - 1]), [R * (T - 1), 1]);
    const at = tf.concat([tf.reshape(tf.range(0, R * (T - 1), 1, 'int32'), [R * (T - 1), 1]), targets], 1);
    const logits = gpt2Logits(p, before);
    return tf.reshape(tf.sub(tf.gatherND(logits, at), tf.logSumExp(logits, -1)), [R, T - 1]);
  };
}

// --- the store ------------------------------------------------------------------------------------------------------

interface StoreSizes {
  G: number;
  H: number;
  S: number;
  D: number;
}

/**
 * Keys and values of a prefix and of all tokens that were ever generated for it, in slots; nothing is moved when beams
 * branch, only the rows' lists of visible slots change.
 */
function createStore(
  present: readonly KeyValue<NdArray>[],
  sizes: StoreSizes,
  P: number,
  lengths: number[],
  R: number,
) {
  const { G, H, S, D } = sizes;
  const shape = [G, H, S, D];
  const layers = present.map(({ k, v }) => ({ k: spread(k), v: spread(v) }));
  /** Slots of the generated tokens that each row may see, beyond its group's prefix. */
  let visible: number[][][] = lengths.map(() => Array.from({ length: R }, () => []));
  let next = P;

  function spread({ data }: NdArray): NdArray {
    const slots = new Float32Array(G * H * S * D);
    for (let gh = 0; gh < G * H; gh++)
      slots.set((data as Float32Array).subarray(gh * P * D, (gh + 1) * P * D), gh * S * D);
    return floats(slots, shape);
  }

  return {
    layers,
    /** Row r of each group goes on from what row `parents[g][r]` was. */
    branch(parents: readonly (readonly number[])[]): void {
      visible = parents.map((group, g) => group.map((parent) => [...visible[g]![parent]!]));
    },
    /** [G, R, S] */
    mask(): NdArray<'float32'> {
      const mask = new Float32Array(G * R * S);
      for (let g = 0; g < G; g++)
        for (let r = 0; r < R; r++) {
          const row = mask.subarray((g * R + r) * S, (g * R + r + 1) * S);
          row.set(hideFrom(lengths[g]!, S));
          for (const slot of visible[g]![r]!) row[slot] = 0;
        }
      return floats(mask, [G, R, S]);
    },
    /** Keys and values [G, H, R, 1, D] of the rows' newest tokens. */
    append(newest: readonly KeyValue<NdArray>[]): void {
      for (const [l, { k, v }] of newest.entries())
        for (const [source, target] of [
          [k, layers[l]!.k],
          [v, layers[l]!.v],
        ] as const)
          for (let gh = 0; gh < G * H; gh++)
            (target.data as Float32Array).set(
              (source.data as Float32Array).subarray(gh * R * D, (gh + 1) * R * D),
              (gh * S + next) * D,
            );
      for (const group of visible) for (const [r, slots] of group.entries()) slots.push(next + r);
      next += R;
    },
  };
}

/** [S]: 0 before `count`, hidden from there on. */
function hideFrom(count: number, S: number): Float32Array {
  return new Float32Array(S).fill(MASKED, count);
}

// --- choosing -------------------------------------------------------------------------------------------------------

/** The `top` largest of each row, best first, the lower token first among equals. */
function bestOf(rows: readonly Float32Array[], top: number): TopTokens {
  const ids = rows.map((row) => {
    const best: number[] = [];
    for (let id = 0; id < row.length; id++) {
      if (best.length === top && row[id]! <= row[best[top - 1]!]!) continue;
      let at = best.length;
      while (at > 0 && row[best[at - 1]!]! < row[id]!) at--;
      best.splice(at, 0, id);
      if (best.length > top) best.pop();
    }
    return best;
  });
  return { ids, logProbs: ids.map((list, i) => list.map((id) => rows[i]![id]!)) };
}

function topTokens(ids: NdArray, logProbs: NdArray, G: number, R: number): TopTokens[] {
  const K = ids.shape[1]!;
  const rowsOf = (array: NdArray, g: number) =>
    Array.from({ length: R }, (_, r) =>
      Array.from(array.data.subarray((g * R + r) * K, (g * R + r + 1) * K), Number),
    );
  return Array.from({ length: G }, (_, g) => ({ ids: rowsOf(ids, g), logProbs: rowsOf(logProbs, g) }));
}

function roundUp(n: number, step: number, limit = Number.POSITIVE_INFINITY): number {
  return Math.min(limit, Math.ceil(n / step) * step);
}
