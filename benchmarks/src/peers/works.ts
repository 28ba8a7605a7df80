/** What is measured: the same work on the same numbers, of the peer and of ours. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createLogMel, encodeWav, RELEASED_FRONTEND } from '@pengi/audio-frontend';
import { clipText, cosines, createClipTokenizer } from '@pengi/clap';
import { floats, ints, type NdArray } from '@pengi/core';
import { createGpt2 } from '@pengi/gpt2';
import { htsatLatent } from '@pengi/htsat';
import { type Engine, quantized } from '@pengi/jit';
import { evaluate } from '@pengi/metrics';
import { linear } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import { loadPengi, PENGI_BASE, type PengiParams } from 'pengi';
import { madeCaptions } from '../captions.js';
import { type Context, type Ours, pattern } from './context.js';
import type { Summary } from './python.js';
import { clapStep, pengiStep } from './steps.js';

export const TOKENS = 30;
export const PROMPT = 'generate audio caption';
const LABELS = 50;
/** Clips of the evaluation that is timed. */
const EVALUATED = 4;
/** Clips whose captions are scored. */
const CAPTIONED = 1000;

export interface Least {
  bytes?: number;
  flops: number;
  /** Whether the operations are those of 8 bits. */
  int8?: boolean;
}

export interface Work {
  id: string;
  work: string;
  /** Name of the peer's function and its arguments. */
  peer: { name: string; work: string; arguments?: object; threads?: number };
  goal: number;
  /** How far outputs may be apart, relative to their largest value; undefined: token ids, which must be equal; null: not compared. */
  tolerance?: number | null;
  /** The least cosine of our output with that of the first work with this peer, which is not rounded. */
  cosine?: number;
  /** Bytes that must be read and operations that must be done at least, for the roofline. */
  least: Least;
  /** Measured only where `--only` names it. */
  extra?: boolean;
  setup(context: Context): Promise<Ours>;
}

const { frontend, audio, gpt2: gptConfig } = PENGI_BASE;
export const STOP = 50256; // never reached with these weights, so that all searches run to the limit
const WEIGHTS = { gpt2: 124.4e6, layers: 85e6 };

function logMels(batch: number): NdArray<'float32'> {
  const values = pattern(batch * 965 * 64, 60).map((value) => value - 20);
  return floats(values, [batch, 965, 64]);
}

function prefixes(n: number): NdArray<'float32'>[] {
  const all = pattern(n * 80 * 768, 0.2);
  return Array.from({ length: n }, (_, i) => floats(all.slice(i * 80 * 768, (i + 1) * 80 * 768), [80, 768]));
}

/** 16 prompts [16, 40]. */
function promptIdRows(): number[][] {
  const tokenizer = createClipTokenizer();
  return Array.from({ length: 16 }, (_, i) => [
    ...tokenizer.encodePrompt(`this is a sound of animal number ${i} in the rain`, 40).ids,
  ]);
}

/** 50 labels of two to four tokens. */
const LABEL_IDS = Array.from({ length: LABELS }, (_, i) =>
  Array.from({ length: 2 + (i % 3) }, (_, t) => 300 + 37 * i + t),
);

function htsatWork(batch: number, engineOf: (engine: Engine) => Engine = (engine) => engine) {
  return async ({ engine, params }: Context): Promise<Ours> => {
    const program = engineOf(engine).compile(
      (p: PengiParams['audio_encoder']['base']['htsat'], x: Tensor) => htsatLatent(p, x, audio),
      params.audio_encoder.base.htsat,
    );
    const input = logMels(batch);
    return { run: () => program.run(input) as Promise<NdArray>, dispose: () => program.dispose() };
  };
}

function beamWork(clips: number, engineOf: (engine: Engine) => Engine = (engine) => engine) {
  return async ({ engine, params }: Context): Promise<Ours> => {
    const gpt2 = createGpt2(params.caption_decoder.gpt.transformer, gptConfig, engineOf(engine));
    const inputs = prefixes(clips);
    return {
      async run() {
        const found = await gpt2.generate(inputs, { beams: 5, maxTokens: TOKENS, stopToken: STOP });
        return ints(
          found.flatMap(([best]) => best!.ids),
          [clips, TOKENS],
        );
      },
      dispose: () => gpt2.dispose(),
    };
  };
}

const int8 = (engine: Engine) => quantized(engine, 'int8');

/** Operations of linear layers: two for each weight and token. */
const linearFlops = (weights: number, tokens: number) => 2 * weights * tokens;
/** HTSAT, one clip: 12 blocks of 12 C² weights, T tokens of C channels where T C² is the same in each stage, and three mergers. */
const HTSAT_FLOPS = linearFlops(12 * 12 + 3 * 2, 4096 * 96 ** 2);
/** CLIP's text tower without the embedding: 12 layers of 12 · 512² weights. */
const textFlops = (texts: number) => linearFlops(12 * 12 * 512 ** 2, 40 * texts);
/** One mapper of four layers, 80 tokens of 768 channels, and the layer before them. */
const MAPPER_FLOPS = linearFlops(4 * 8 * 768 ** 2, 80) + linearFlops(1024 * 40 * 768, 1);

/** 30 tokens of 5 rows after 80 vectors: the weights are read for each. The output layer is not needed within the prefix. */
const BEAM_LEAST = (bytesPerWeight: number, clips = 1): Least => ({
  bytes: TOKENS * WEIGHTS.gpt2 * bytesPerWeight,
  flops: linearFlops(WEIGHTS.layers, 80 * clips) + linearFlops(WEIGHTS.gpt2, clips * (1 + 29 * 5)),
  int8: bytesPerWeight === 1,
});
/** What comes before the search of one caption. */
const PREFIX_FLOPS = HTSAT_FLOPS + textFlops(1) + 2 * MAPPER_FLOPS;
const CAPTION_LEAST: Least = { ...BEAM_LEAST(4), flops: BEAM_LEAST(4).flops + PREFIX_FLOPS };

export const WORKS: readonly Work[] = [
  {
    id: 'logmel',
    work: '7 s wave to log-mel, 1 thread',
    peer: { name: 'torchlibrosa', work: 'logmel', threads: 1 },
    goal: 3,
    tolerance: 1e-4,
    least: { flops: 965 * 2.5 * 1024 * 10 },
    setup: logMelWork,
  },
  {
    id: 'logmel_numpy',
    work: '7 s wave to log-mel, 1 thread',
    peer: { name: 'numpy', work: 'logmel_numpy', threads: 1 },
    goal: 2,
    tolerance: 1e-4,
    least: { flops: 965 * 2.5 * 1024 * 10 },
    setup: logMelWork,
  },
  {
    id: 'htsat_b1',
    work: 'HTSAT forward, batch 1',
    peer: { name: 'PyTorch', work: 'htsat', arguments: { batch: 1 } },
    goal: 1.6,
    tolerance: 1e-3,
    least: { flops: HTSAT_FLOPS },
    setup: htsatWork(1),
  },
  {
    id: 'htsat_b8',
    work: 'HTSAT forward, batch 8',
    peer: { name: 'PyTorch', work: 'htsat', arguments: { batch: 8 } },
    goal: 1.5,
    tolerance: 1e-3,
    least: { flops: 8 * HTSAT_FLOPS },
    setup: htsatWork(8),
  },
  {
    id: 'htsat_int8',
    work: 'HTSAT forward, batch 1, int8',
    peer: { name: 'PyTorch float32', work: 'htsat', arguments: { batch: 1 } },
    goal: 2.5,
    tolerance: 0.1, // and a cosine of at least 0.999
    cosine: 0.999,
    least: { flops: HTSAT_FLOPS, int8: true },
    setup: htsatWork(1, int8),
  },
  {
    id: 'text16',
    work: 'CLIP text tower, 16 prompts',
    peer: { name: 'transformers', work: 'text16', arguments: { ids: promptIdRows() } },
    goal: 1.2,
    tolerance: 1e-3,
    least: { flops: textFlops(16) },
    async setup({ engine, params }) {
      const program = engine.compile(
        (p: NonNullable<PengiParams['caption_encoder']>, ids: Tensor) =>
          linear(p.clip_text_projection, clipText(p.base, ids, PENGI_BASE.text).pooled),
        params.caption_encoder!,
      );
      const ids = ints(promptIdRows().flat(), [16, 40]);
      return { run: () => program.run(ids) as Promise<NdArray>, dispose: () => program.dispose() };
    },
  },
  {
    id: 'beam_ref',
    work: `beam 5, ${TOKENS} tokens, prefix 80`,
    peer: { name: 'msclap _generate_beam', work: 'beam_ref', arguments: { tokens: TOKENS, stop: STOP } },
    goal: 20,
    least: BEAM_LEAST(4),
    setup: beamWork(1),
  },
  {
    id: 'beam_hf',
    work: `beam 5, ${TOKENS} tokens, prefix 80`,
    peer: { name: 'transformers, KV cache', work: 'beam_hf', arguments: { tokens: TOKENS } },
    goal: 2.5,
    tolerance: null, // its search ranks and ends differently
    least: BEAM_LEAST(4),
    setup: beamWork(1),
  },
  {
    id: 'beam_int8_ref',
    work: `beam 5, ${TOKENS} tokens, int8`,
    peer: { name: 'msclap _generate_beam', work: 'beam_ref', arguments: { tokens: TOKENS, stop: STOP } },
    goal: 40,
    tolerance: null, // other roundings, other tokens
    least: BEAM_LEAST(1),
    setup: beamWork(1, int8),
  },
  {
    id: 'beam_int8_hf',
    work: `beam 5, ${TOKENS} tokens, int8`,
    peer: { name: 'transformers, KV cache', work: 'beam_hf', arguments: { tokens: TOKENS } },
    goal: 4,
    tolerance: null,
    least: BEAM_LEAST(1),
    setup: beamWork(1, int8),
  },
  {
    id: 'batch8',
    work: `8 clips, beam 5, ${TOKENS} tokens`,
    peer: { name: 'transformers, batched', work: 'beam_hf', arguments: { tokens: TOKENS, batch: 8 } },
    goal: 2,
    tolerance: null,
    least: BEAM_LEAST(4, 8),
    setup: beamWork(8),
  },
  {
    id: 'loglik50',
    work: `log-likelihood of ${LABELS} labels`,
    peer: { name: 'transformers, prefix repeated', work: 'loglik50', arguments: { labels: LABEL_IDS } },
    goal: 10,
    tolerance: 1e-3,
    least: { flops: linearFlops(WEIGHTS.layers, 80) + linearFlops(WEIGHTS.gpt2, 1 + 2 * LABELS) },
    async setup({ engine, params }) {
      const gpt2 = createGpt2(params.caption_decoder.gpt.transformer, gptConfig, engine);
      const [prefix] = prefixes(1);
      return {
        async run() {
          const scores = await gpt2.score(prefix!, LABEL_IDS);
          return floats(scores.map((row) => row.reduce((a, b) => a + b, 0)));
        },
        dispose: () => gpt2.dispose(),
      };
    },
  },
  {
    id: 'caption_warm',
    work: 'file to caption, warm',
    peer: { name: "msclap's modules, Pengi's algorithm", work: 'caption_warm' },
    goal: 20,
    tolerance: null, // compared by cold_start, where the ids are at hand
    least: CAPTION_LEAST,
    async setup({ engine, model, folder }) {
      const pengi = await loadPengi(model, { engine });
      const wav = writeClip(folder);
      return {
        async run() {
          await pengi.generate([wav], { prompt: PROMPT, beams: 5, maxTokens: TOKENS });
          return undefined;
        },
        peerArguments: { wav, ids: promptIdsOf(PROMPT), tokens: TOKENS, stop: STOP },
        dispose: () => pengi.dispose(),
      };
    },
  },
  {
    id: 'closed_eval',
    extra: true, // the peer takes minutes
    work: `text matching, ${EVALUATED} clips, ${LABELS} labels`,
    peer: { name: "the wrapper's algorithm, clip by clip", work: 'closed_eval' },
    goal: 10,
    tolerance: null, // the peer embeds a text of other tokens
    least: { flops: EVALUATED * CAPTION_LEAST.flops + textFlops(LABELS) },
    async setup({ engine, model, folder }) {
      const pengi = await loadPengi(model, { engine });
      const wav = writeClip(folder);
      const labels = Array.from({ length: LABELS }, (_, i) => `a sound of kind ${i}`);
      return {
        async run() {
          const clips = Array<string>(EVALUATED).fill(wav);
          const answers = await pengi.generate(clips, { prompt: PROMPT, beams: 5, maxTokens: TOKENS });
          const known = await pengi.embedText(labels);
          const said = await pengi.embedText(answers.map(({ text }) => text));
          return cosines(said, known);
        },
        dispose: () => pengi.dispose(),
        peerArguments: {
          ...{ wav, ids: promptIdsOf(PROMPT), tokens: TOKENS, stop: STOP, clips: EVALUATED },
          labels: labels.map(promptIdsOf),
        },
      };
    },
  },
  {
    id: 'clap_step',
    work: 'CLAP training step, batch 8',
    peer: { name: 'PyTorch eager', work: 'clap_step' },
    goal: 0.9,
    tolerance: 1e-3, // of the first loss, of which four digits are told
    least: { flops: 3 * 8 * (HTSAT_FLOPS + textFlops(1)) },
    setup: clapStep,
  },
  {
    id: 'pengi_step',
    work: 'Pengi training step, batch 4',
    peer: { name: 'PyTorch eager', work: 'pengi_step' },
    goal: 0.9,
    tolerance: 1e-3,
    least: {
      flops: 4 * (3 * (HTSAT_FLOPS + 2 * MAPPER_FLOPS) + textFlops(1) + 2 * linearFlops(WEIGHTS.gpt2, 90)),
    },
    setup: pengiStep,
  },
  {
    id: 'metrics',
    work: `BLEU, ROUGE-L and CIDEr, ${CAPTIONED} clips x 5`,
    peer: { name: 'pycocoevalcap', work: 'metrics', arguments: madeCaptions(CAPTIONED, 5) },
    goal: 10,
    tolerance: 1e-4,
    least: { flops: 0 },
    async setup() {
      const { candidates, references } = madeCaptions(CAPTIONED, 5);
      const metrics = ['bleu_1', 'bleu_2', 'bleu_3', 'bleu_4', 'rouge_l', 'cider_d'] as const;
      return {
        async run() {
          const { corpus } = await evaluate(candidates, references, { metrics });
          return floats(metrics.map((name) => corpus[name]!));
        },
      };
    },
  },
];

async function logMelWork(): Promise<Ours> {
  const logMel = createLogMel(frontend);
  const wave = pattern(308700, 0.5);
  return { run: async () => floats(logMel.compute(wave), [965, 64]) };
}

/** A file of seven seconds, 16 bits. */
export function writeClip(folder: string): string {
  const path = join(folder, 'clip.wav');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(
    path,
    encodeWav({ channels: [pattern(308700, 0.5)], sampleRate: RELEASED_FRONTEND.sampleRate }),
  );
  return path;
}

export function promptIdsOf(prompt: string): number[] {
  return [...createClipTokenizer().encodePrompt(prompt, 40).ids];
}

/** The largest difference over the largest value, of the first values that the peer tells. */
export function difference(found: NdArray, peer: Summary): number {
  const largest = Math.max(...peer.head.map(Math.abs), 1e-9);
  return Math.max(...peer.head.map((value, i) => Math.abs(value - found.data[i]!))) / largest;
}
