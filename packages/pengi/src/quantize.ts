/** Weights of 8 bits: what they change in what a model says, and whether that is little enough. */
import type { Frontend } from '@pengi/audio-frontend';
import type { AudioInput } from '@pengi/clap';
import { createRng, type NdArray, PengiError } from '@pengi/core';
import { PROMPTS } from '@pengi/datasets/templates';
import type { Engine } from '@pengi/jit';
import { z } from 'zod';
import { type PengiConfig, tokensAfterPrefix } from './config.js';
import type { PengiParams } from './params.js';
import { createPengi, type Pengi, type QuantizeOptions, type QuantizeParts } from './pengi.js';
import { promptTokenizer } from './prompts.js';
import { stopTokenOf } from './tokenizer.js';

/** What a model with weights of 8 bits must reach to be used without `force`. */
export const QUANTIZE_BOUNDS = {
  /** On average over the tokens. */
  logitsCosine: 0.999,
  /** Near ties count as equal, see `NEAR_TIE`: models without much opinion have many of them. */
  equalTokens: 0.95,
  /** Of each recording and text. */
  embeddingCosine: 0.999,
} as const;

/** Another token is as good when the unrounded model finds it less probable than its own by at most so many nats. */
const NEAR_TIE = 0.1;

const share = z.number().min(0).max(1);
const cosine = z.number().min(-1.0001).max(1.0001);

export const quantizeReportSchema = z.strictObject({
  quantize: z.literal('int8'),
  parts: z.enum(['language', 'all']),
  /** How many recordings were heard, and how many tokens were compared. */
  clips: z.number(),
  tokens: z.number(),
  /**
   * The smallest and the mean cosine of the logits at a token. They are centred first: what all logits of a token have in
   * common makes no difference to what is said, but would bring any two near.
   */
  logitsCosine: z.strictObject({ least: cosine, mean: cosine }),
  /** The largest difference of a log-probability, in nats, among those of at least e^-10. */
  logProbDifference: z.number(),
  /**
   * How often the most probable token is the same one, where both models have read the same; and how often it is that or
   * one that the unrounded model finds at most a tenth less probable.
   */
  equalTokens: z.strictObject({ exactly: share, orNearTie: share }),
  /** How many of the texts of a beam search are the same, token by token; null if not asked for. */
  equalBeams: share.nullable(),
  /** The smallest cosine of audio and text embeddings; null where the encoders are not quantised or not there. */
  embeddingCosine: z.strictObject({ audio: cosine.nullable(), text: cosine.nullable() }),
  /** The bounds that are not reached. */
  problems: z.array(z.string()),
});

export type QuantizeReport = z.infer<typeof quantizeReportSchema>;

export interface CompareOptions {
  /** Default "language". */
  parts?: QuantizeParts;
  frontend?: Frontend;
  /** What is heard; default: two synthetic recordings. */
  clips?: readonly AudioInput[];
  /** Default "generate audio caption", or another of the paper's prompts where a small vocabulary lacks its words. */
  prompt?: string;
  /** Tokens of each recording's answer that are compared; default 16, or fewer where the model has room for fewer. */
  tokens?: number;
  /** Whether beam searches are compared as well, which takes longer; default false. */
  beams?: boolean;
}

/**
 * The model with weights of 8 bits beside the one with the weights as they are, on the same recordings.
 * @throws PengiError E_ENGINE for an engine without 8 bits, E_NOT_FOUND and E_AUDIO_… for recordings, E_TEXT for a prompt that the
 *   model does not know, E_USAGE for no recordings or tokens
 */
export async function compareQuantized(
  params: PengiParams<NdArray>,
  config: PengiConfig,
  engine: Engine,
  {
    parts = 'language',
    frontend,
    clips,
    prompt = knownPrompt(config),
    tokens = 16,
    beams = false,
  }: CompareOptions = {},
): Promise<QuantizeReport> {
  if (!(Number.isInteger(tokens) && tokens >= 1))
    throw new PengiError('E_USAGE', `tokens must be a whole number of at least 1, found ${tokens}`);
  const inputs = clips ?? syntheticClips(config);
  const steps = Math.min(tokens, tokensAfterPrefix(config));
  // One after the other, so that only one of them is in memory.
  const run = async (options: QuantizeOptions, expected?: Observed) => {
    const pengi = createPengi(params, config, { engine, ...(frontend && { frontend }), ...options });
    try {
      return await observe(pengi, { inputs, prompt, steps, beams, parts }, expected);
    } finally {
      await pengi.dispose();
    }
  };
  const expected = await run({});
  return reportOf(parts, expected, await run({ quantize: 'int8', quantizeParts: parts }, expected));
}

/** What a model made of the recordings. */
interface Observed {
  audio: NdArray;
  text: NdArray | undefined;
  prefixes: readonly NdArray[];
  /** The most probable tokens, [clips][steps]. */
  tokens: number[][];
  /** [clips][steps][V] */
  logProbs: Float32Array[][];
  beams: (readonly number[])[] | undefined;
}

interface Task {
  inputs: readonly AudioInput[];
  prompt: string;
  steps: number;
  beams: boolean;
  parts: QuantizeParts;
}

/** @param expected what the other model made of it: this one reads the same tokens, and the same prefixes if they are the same */
async function observe(
  pengi: Pengi,
  { inputs, prompt, steps, beams, parts }: Task,
  expected?: Observed,
): Promise<Observed> {
  const same = parts === 'language' ? expected : undefined;
  const audio = same?.audio ?? (await pengi.embedAudio(inputs));
  const text = same ? same.text : pengi.textEncoder && (await pengi.embedText([prompt]));
  const prefixes =
    same?.prefixes ??
    (
      await pengi.prefixes(
        audio,
        inputs.map(() => prompt),
      )
    ).prefixes;
  const run = await pengi.gpt2.decoder.start(prefixes, { rows: 1, maxTokens: steps });
  const tokens = inputs.map((): number[] => []);
  const logProbs = inputs.map((): Float32Array[] => []);
  let next = run.first;
  for (let n = 0; n < steps; n++) {
    for (const [i, [row]] of next.logProbs.entries()) {
      logProbs[i]!.push(row!.slice());
      tokens[i]!.push(row!.indexOf(row!.reduce((a, b) => Math.max(a, b))));
    }
    const fed = (expected ?? { tokens }).tokens;
    if (n < steps - 1) next = await run.advance(fed.map((ids) => [{ parent: 0, token: ids[n]! }]));
  }
  const answers = beams
    ? await pengi.gpt2.generate(prefixes, {
        beams: 5,
        maxTokens: steps,
        stopToken: stopTokenOf(pengi.config),
      })
    : undefined;
  return { audio, text, prefixes, tokens, logProbs, beams: answers?.map(([best]) => best!.ids) };
}

function reportOf(parts: QuantizeParts, expected: Observed, found: Observed): QuantizeReport {
  const pairs = expected.logProbs.flatMap((rows, i) =>
    rows.map((row, n) => [row, found.logProbs[i]![n]!] as const),
  );
  const cosines = pairs.map(([a, b]) => cosineOf(centred(a), centred(b)));
  /** How much less probable the unrounded model finds the other's choice than its own, in nats. */
  const regrets = expected.tokens.flatMap((ids, i) =>
    ids.map((id, n) => {
      const row = expected.logProbs[i]![n]!;
      return row[id]! - row[found.tokens[i]![n]!]!;
    }),
  );
  const equalBeams = expected.beams?.map((ids, i) => Number(String(ids) === String(found.beams![i])));
  const all = parts === 'all';
  const report = {
    quantize: 'int8' as const,
    parts,
    clips: expected.tokens.length,
    tokens: pairs.length,
    logitsCosine: { least: Math.min(...cosines), mean: mean(cosines) },
    logProbDifference: Math.max(...pairs.map(([a, b]) => largestDifference(a, b))),
    equalTokens: {
      exactly: mean(
        expected.tokens.flatMap((ids, i) => ids.map((id, n) => Number(id === found.tokens[i]![n]))),
      ),
      orNearTie: mean(regrets.map((regret) => Number(regret <= NEAR_TIE))),
    },
    equalBeams: equalBeams ? mean(equalBeams) : null,
    embeddingCosine: {
      audio: all ? leastCosine(expected.audio, found.audio) : null,
      text: all && expected.text ? leastCosine(expected.text, found.text!) : null,
    },
  };
  return { ...report, problems: problemsOf(report) };
}

function problemsOf(report: Omit<QuantizeReport, 'problems'>): string[] {
  const { logitsCosine, equalTokens, embeddingCosine } = QUANTIZE_BOUNDS;
  const values: [string, number | null, number][] = [
    ['the cosine of the logits', report.logitsCosine.mean, logitsCosine],
    ['the share of equal tokens', report.equalTokens.orNearTie, equalTokens],
    ['the cosine of audio embeddings', report.embeddingCosine.audio, embeddingCosine],
    ['the cosine of text embeddings', report.embeddingCosine.text, embeddingCosine],
  ];
  return values.flatMap(([what, found, bound]) =>
    found === null || found >= bound ? [] : [`${what} is ${found.toFixed(5)}, below ${bound}`],
  );
}

// --- numbers --------------------------------------------------------------------------------------------------------

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

function centred(row: Float32Array): Float64Array {
  let sum = 0;
  for (const x of row) sum += x;
  return Float64Array.from(row, (x) => x - sum / row.length);
}

function cosineOf(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

function leastCosine(a: NdArray, b: NdArray): number {
  const [N, E] = a.shape as [number, number];
  const row = ({ data }: NdArray, i: number) => data.subarray(i * E, (i + 1) * E);
  return Math.min(...Array.from({ length: N }, (_, i) => cosineOf(row(a, i), row(b, i))));
}

/** Less probable tokens are never said, so it does not matter how improbable they are. */
const PROBABLE = -10;

function largestDifference(a: Float32Array, b: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++)
    if (a[i]! > PROBABLE) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}

function knownPrompt(config: PengiConfig): string {
  const encode = promptTokenizer(config);
  const isKnown = (prompt: string) => {
    try {
      return encode(prompt).ids.length > 0;
    } catch {
      return false;
    }
  };
  return [PROMPTS.caption, ...Object.values(PROMPTS)].find(isKnown) ?? PROMPTS.caption;
}

/** A rising tone and bursts of noise, of the length that the model hears. */
function syntheticClips({ frontend }: PengiConfig): AudioInput[] {
  const { sampleRate, durationSeconds } = frontend;
  const length = Math.round(sampleRate * durationSeconds);
  const rng = createRng(1);
  const tone = Float32Array.from({ length }, (_, t) => 0.3 * Math.sin(0.02 * t * (1 + t / length)));
  const bursts = Float32Array.from(
    { length },
    (_, t) => 0.2 * rng.normal() * Math.sin((8 * Math.PI * t) / length) ** 2,
  );
  return [tone, bursts].map((samples) => ({ samples, sampleRate }));
}
