/** Runs GPT-2 token by token: one program reads prefixes, another one token per row; the cache lies on the host. */
import { floats, ints, type NdArray, PengiError } from '@pengi/core';
import type { Arrays, Engine, Program } from '@pengi/jit';
import { MASKED } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Choices, type Continuation, mostLikely } from './beam.js';
import type { Gpt2Config } from './config.js';
import { gpt2Embed, gpt2Hidden, gpt2Logits, type KeyValue, type Past, tokenLosses } from './model.js';
import type { Gpt2Params } from './params.js';
import { createStore } from './store.js';

export interface StartOptions {
  /** Rows (beams, samples) per group. */
  rows: number;
  /** The most tokens that will be generated. */
  maxTokens: number;
  /** Logits are divided by it; 0 and below count as 1, as in the reference. */
  temperature?: number;
}

/** What may follow each row of each group. */
export interface Distributions {
  /** [V] of each row, in nats. */
  logProbs: Float32Array[][];
}

/** Generation under way for some prefixes at once. */
export interface DecodingRun {
  /** What may follow the prefixes; each group has one row. */
  readonly first: Distributions;
  /**
   * Feeds one token to each row of each group (rows branch by naming the same parent; at first there is only row 0) and
   * gives what may follow. Can be called `maxTokens - 1` times.
   */
  advance(continuations: readonly (readonly Continuation[])[]): Promise<Distributions>;
}

/** The same of which only the most likely tokens are told, as many as a group has rows: few numbers leave the graph. */
export interface SearchRun {
  /** After each prefix. */
  readonly first: readonly Choices[];
  /** As `DecodingRun.advance`: what may follow each row of each group. */
  advance(continuations: readonly (readonly Continuation[])[]): Promise<Choices[][]>;
}

export interface Decoder {
  /**
   * Reads the prefixes.
   * @param prefixes embeddings, one [n, C] per group; lengths may differ
   * @throws PengiError E_SHAPE for other shapes, and when prefix and text exceed the model's positions
   */
  start(prefixes: readonly NdArray[], options: StartOptions): Promise<DecodingRun>;
  /** The same for a beam search. */
  search(prefixes: readonly NdArray[], options: StartOptions): Promise<SearchRun>;
  /**
   * Log-probabilities, in nats, of each token of each text after the prefix [n, C].
   * @throws PengiError E_SHAPE as `start`, E_TEXT for ids outside of the vocabulary
   */
  score(prefix: NdArray, texts: readonly (readonly number[])[]): Promise<Float32Array[]>;
  /** Embeddings [n, C] of tokens. @throws PengiError E_TEXT for ids outside of the vocabulary */
  embed(ids: readonly number[]): Promise<NdArray>;
  dispose(): Promise<void>;
}

/** Prefixes, texts and stores are padded to multiples of these, so that few shapes occur: each is compiled anew. */
const PREFIX_STEP = 8;
const TEXT_STEP = 8;
const STORE_STEP = 64;
/** Positions of candidate texts that are scored at once: bounds the memory of their logits. */
const SCORED_POSITIONS = 512;

export function createDecoder(params: Gpt2Params<NdArray>, config: Gpt2Config, engine: Engine): Decoder {
  const { width, heads, positions, vocabularySize } = config;

  // Reading a prefix is one large product per layer, which gains little from weights that are laid out anew.
  const prefill = engine.compile(prefillStep(config), params, { name: 'gpt2.prefill', prepack: false });
  const step = engine.compile(tokenStep(config), params, { name: 'gpt2.step' });
  const searchStep = engine.compile(beamStep(config), params, { name: 'gpt2.beam-step' });
  const scorer = engine.compile(scoreStep(config), params, { name: 'gpt2.score', prepack: false });
  const embedder = engine.compile(gpt2Embed, { wte: params.wte }, { name: 'gpt2.embed' });

  async function read(prefixes: readonly NdArray[], temperature: number) {
    const lengths = prefixes.map((prefix) => prefix.shape[0]!);
    const P = roundUp(Math.max(...lengths), PREFIX_STEP, positions);
    const embeddings = new Float32Array(prefixes.length * P * width);
    for (const [g, { data }] of prefixes.entries()) embeddings.set(data, g * P * width);
    const { present, logProbs } = await prefill.run(
      floats(embeddings, [prefixes.length, P, width]),
      ints(lengths.map((n, g) => g * P + n - 1)),
      floats([temperature], []),
    );
    return { lengths, P, present, first: distributions(logProbs, prefixes.length, 1) };
  }

  /** A run with one of the programs for steps. */
  async function begin<Result extends { present: KeyValue[] }>(
    program: Program<[Tensor, Tensor, Past, Tensor], Result>,
    prefixes: readonly NdArray[],
    { rows: R, maxTokens, temperature = 1 }: StartOptions,
  ) {
    if (prefixes.length === 0) throw new PengiError('E_USAGE', 'no prefix to continue');
    for (const prefix of prefixes) checkPrefix(prefix, maxTokens);
    const divisor = temperature > 0 ? temperature : 1;
    const { lengths, P, present, first } = await read(prefixes, divisor);
    const slots = roundUp(P + R * (maxTokens - 1), STORE_STEP);
    const store = createStore(present, lengths, { rows: R, slots });
    let fed = 0;
    const advance = async (continuations: readonly (readonly Continuation[])[]): Promise<Arrays<Result>> => {
      if (fed === maxTokens - 1)
        throw new PengiError('E_USAGE', `this run was started for ${maxTokens} tokens`);
      store.branch(continuations.map((group) => group.map(({ parent }) => parent)));
      const result = await program.run(
        ints(continuations.flat().map(({ token }) => token)),
        ints(lengths.flatMap((n) => Array<number>(R).fill(n + fed))),
        { layers: store.layers, mask: store.mask() },
        floats([divisor], []),
      );
      store.append(result.present as KeyValue<NdArray>[]);
      fed++;
      return result;
    };
    return { first, advance };
  }

  return {
    async start(prefixes, options) {
      const { first, advance } = await begin(step, prefixes, options);
      return {
        first,
        advance: async (continuations) =>
          distributions((await advance(continuations)).logProbs, prefixes.length, options.rows),
      };
    },

    async search(prefixes, options) {
      const { rows } = options;
      const { first, advance } = await begin(searchStep, prefixes, options);
      return {
        first: first.logProbs.map(([logProbs]) => mostLikely(logProbs!, rows)),
        async advance(continuations) {
          const { ids, logProbs } = await advance(continuations);
          const count = ids.shape[1]!;
          const choices = (row: number): Choices => ({
            ids: ids.data.subarray(row * count, (row + 1) * count),
            logProbs: logProbs.data.subarray(row * count, (row + 1) * count),
          });
          return prefixes.map((_, g) => Array.from({ length: rows }, (_, r) => choices(g * rows + r)));
        },
      };
    },

    async score(prefix, texts) {
      const longest = texts.reduce((length, ids) => Math.max(length, ids.length), 0);
      for (const ids of texts) checkIds(ids);
      checkPrefix(prefix, longest);
      if (longest === 0) return texts.map(() => new Float32Array());
      const { lengths, P, present, first } = await read([prefix], 1);
      const n = lengths[0]!;
      const scores = texts.map((ids) => new Float32Array(ids.length));
      const opening = first.logProbs[0]![0]!;
      for (const [i, ids] of texts.entries()) if (ids.length > 0) scores[i]![0] = opening[ids[0]!]!;
      if (longest === 1) return scores;

      // Each token but a text's last is fed, each but its first is predicted.
      const T = roundUp(longest - 1, TEXT_STEP, positions - n);
      const at = ints(Array.from({ length: T }, (_, t) => n + t));
      const shape = [1, heads, P, width / heads];
      const past = {
        layers: present.map(({ k, v }) => ({ k: { ...k, shape }, v: { ...v, shape } })),
        mask: floats(new Float32Array(P).fill(MASKED, n), [1, 1, P]),
      };
      const perCall = Math.max(1, Math.floor(SCORED_POSITIONS / T));
      for (let from = 0; from < texts.length; from += perCall) {
        const chunk = texts.slice(from, from + perCall);
        const fed = new Int32Array(chunk.length * T);
        const targets = new Int32Array(chunk.length * T);
        for (const [i, ids] of chunk.entries()) {
          fed.set(ids.slice(0, -1), i * T);
          targets.set(ids.slice(1), i * T);
        }
        const logProbs = await scorer.run(
          ints(fed, [chunk.length, T]),
          ints(targets, [chunk.length, T]),
          at,
          past,
        );
        for (const [i, ids] of chunk.entries())
          if (ids.length > 1) scores[from + i]!.set(logProbs.data.subarray(i * T, i * T + ids.length - 1), 1);
      }
      return scores;
    },

    async embed(ids) {
      checkIds(ids);
      return embedder.run(ints(ids));
    },

    async dispose() {
      await Promise.all([prefill, step, searchStep, scorer, embedder].map((program) => program.dispose()));
    },
  };

  /** The last token of a text is never fed, so it needs no position. */
  function checkPrefix({ shape }: NdArray, tokens: number): void {
    const [n, C] = shape;
    if (shape.length !== 2 || !n || C !== width)
      throw new PengiError('E_SHAPE', `a prefix is [n, ${width}] with n >= 1, found [${shape.join(', ')}]`);
    if (n + tokens - 1 > positions)
      throw new PengiError('E_SHAPE', `a prefix of ${n} and ${tokens} tokens exceed ${positions} positions`, {
        hint: 'shorten the prefix or the text',
      });
  }

  function checkIds(ids: readonly number[]): void {
    const outside = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabularySize));
    if (outside !== undefined)
      throw new PengiError('E_TEXT', `token ${outside} is outside of the vocabulary of ${vocabularySize}`);
  }

  function distributions({ data }: NdArray, G: number, R: number): Distributions {
    const row = (i: number) => (data as Float32Array).subarray(i * vocabularySize, (i + 1) * vocabularySize);
    const group = (g: number) => Array.from({ length: R }, (_, r) => row(g * R + r));
    return { logProbs: Array.from({ length: G }, (_, g) => group(g)) };
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

/** One token per row [G·R] -> its keys and values, and the log-probabilities [G·R, V] of what may follow. */
function tokenStep(config: Gpt2Config) {
  return (p: Gpt2Params, tokens: Tensor, positions: Tensor, past: Past, temperature: Tensor) => {
    const rows = tokens.shape[0]!;
    const column = (x: Tensor) => tf.reshape(x, [rows, 1]);
    const { hidden, present } = gpt2Hidden(p, gpt2Embed(p, column(tokens)), config, {
      positions: column(positions),
      past,
    });
    const logits = gpt2Logits(p, tf.reshape(hidden, [rows, config.width]));
    return { present, logProbs: tf.logSoftmax(tf.div(logits, temperature)) };
  };
}

/** The same, of which only the most likely tokens of each row are given: ids and logProbs [G·R, R], or all if there are fewer. */
function beamStep(config: Gpt2Config) {
  const step = tokenStep(config);
  return (p: Gpt2Params, tokens: Tensor, positions: Tensor, past: Past, temperature: Tensor) => {
    const { present, logProbs } = step(p, tokens, positions, past, temperature);
    const [, R] = past.mask.shape as [number, number];
    const { values, indices } = tf.topk(logProbs, Math.min(R, config.vocabularySize));
    return { present, ids: indices, logProbs: values };
  };
}

/** Tokens [R, T] after a shared past -> log-probabilities [R, T] of the tokens that follow each of them. */
function scoreStep(config: Gpt2Config) {
  return (p: Gpt2Params, tokens: Tensor, targets: Tensor, positions: Tensor, past: Past) => {
    const { hidden } = gpt2Hidden(p, gpt2Embed(p, tokens), config, { positions, past });
    return tf.neg(tokenLosses(p, hidden, targets));
  };
}

function roundUp(n: number, step: number, limit = Number.POSITIVE_INFINITY): number {
  return Math.min(limit, Math.ceil(n / step) * step);
}
