import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModelFolder, saveModelFolder } from '@pengi/checkpoint';
import { floats, ints, type NdArray } from '@pengi/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import {
  type AudioInput,
  loadPengi,
  PENGI_BASE,
  PENGI_NO_TEXT_ENCODER,
  type PengiConfig,
  type PengiParams,
  pengiParams,
  promptEmbedding,
  promptPrefix,
  type ReferencePengi,
  type ReferencePrefixes,
} from 'pengi';
import type { Check } from '../check.js';
import { type Golden, type Json, openGolden, weightsOf } from '../golden.js';
import { nearSummary, type Report } from '../report.js';
import { TOLERANCES } from '../tolerances.js';

const { embedding: EMBEDDING, logits: LOGITS, beamScore: SCORE, minCutGap } = TOLERANCES.pengi;

/**
 * The whole of Pengi at full size, the way a user meets it: a model folder is written, loaded with `compat: 'reference'`,
 * and asked. That is compared with the reference's wrapper, and the training forward with `generate_prefix_inference`.
 */
export const checkPengi: Check = async (golden, report, engine) => {
  const manifest = golden.manifest();
  const config = releasedConfig(manifest.config);
  const folder = await mkdtemp(join(tmpdir(), 'pengi-parity-'));
  try {
    const dir = join(folder, 'model');
    await saveModelFolder(dir, { config, tensors: weightsOf(manifest) });
    const reference = await loadPengi(dir, { engine, compat: 'reference' });
    const asTrained: PengiConfig = { ...config, textNorm: 'training' };
    const training = engine.compile(
      (p: PengiParams, ids: Tensor) => promptPrefix(p, promptEmbedding(p, ids, asTrained), asTrained),
      pengiParams((await openModelFolder(dir)).file, asTrained),
      { prepack: false },
    );

    const heard = new Map<string, ReferencePrefixes>();
    for (const entry of golden.json.cases) {
      const input = { samples: signalOf(golden, entry.audio), sampleRate: config.frontend.sampleRate };
      const audio = heard.get(entry.audio) ?? (await reference.audioEmbeddings([input]));
      heard.set(entry.audio, audio);
      const what = `${entry.audio}: embedding`;
      report.near(what, audio.embeddings, golden.tensor(`audio/${entry.audio}/embedding`), EMBEDDING);

      const prompt = await reference.promptEmbeddings([entry.prompt]);
      const asModel = await training.run(ints(entry.input_ids, [1, entry.input_ids.length]));
      checkPrefixes(golden, report, entry, { audio: audio.prefixes, prompt, asModel });
      await checkTexts(golden, report, entry, reference, audio.embeddings);
      await checkCalls(report, entry, reference, input);
    }
    await Promise.all([training.dispose(), reference.dispose()]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

function releasedConfig(config: Json): PengiConfig {
  const base: PengiConfig = config.use_text_model ? PENGI_BASE : PENGI_NO_TEXT_ENCODER;
  const layers = Math.trunc(config.num_layers / 2);
  const sizes = { prefixLength: config.prefix_length, inputLength: config.prefix_length_clip, layers };
  return {
    ...base,
    embedding: config.d_proj,
    audioMapper: { ...base.audioMapper, ...sizes } as PengiConfig['audioMapper'],
    promptMapper: { ...base.promptMapper, ...sizes } as PengiConfig['promptMapper'],
  };
}

/** The goldens of Pengi name the golden that stores their signals. */
function signalOf(golden: Golden, name: string): Float32Array {
  const file = /(g\d[\w-]*)\.safetensors/.exec(golden.json.about)![1]!;
  const { data } = openGolden(golden.folder, file).tensor(`signal_i16/${name}`);
  return Float32Array.from(data as Int32Array, (x) => x / 32768);
}

/** Halves of prefixes, [1, P, C]. */
interface Halves {
  audio: NdArray;
  prompt: ReferencePrefixes;
  /** The prompt's as the training forward has it. */
  asModel: NdArray;
}

function checkPrefixes(
  golden: Golden,
  report: Report,
  entry: Json,
  { audio, prompt, asModel }: Halves,
): void {
  const { name } = entry;
  nearSummary(report, `${name}: audio prefix`, firstOf(audio), entry.audio_prefix, EMBEDDING);
  nearSummary(report, `${name}: prompt prefix`, firstOf(prompt.prefixes), entry.prompt_prefix, EMBEDDING);
  const both = joined([audio, asModel]);
  nearSummary(report, `${name}: prefix of the training forward`, both, entry.model_prefix, EMBEDDING);

  const rows = (key: string, of: NdArray) => {
    if (!golden.has(key)) return;
    const listed: number[] = JSON.parse(`[${/rows ([\d,]+)/.exec(golden.json.keys[key].what)![1]}]`);
    const C = of.shape.at(-1)!;
    const picked = listed.flatMap((row) =>
      Array.from((of.data as Float32Array).subarray(row * C, (row + 1) * C)),
    );
    report.near(key, picked, golden.tensor(key), EMBEDDING);
  };
  rows(`audio/${entry.audio}/prefix_rows`, audio);
  rows(`${name}/prompt_prefix_rows`, prompt.prefixes);
  rows(`${name}/model_prefix_rows`, both);
  if (golden.has(`${name}/prompt_embedding`)) {
    const { embeddings } = prompt;
    report.near(
      `${name}: prompt embedding`,
      embeddings,
      golden.tensor(`${name}/prompt_embedding`),
      EMBEDDING,
    );
    const norm = Math.hypot(...embeddings.data);
    report.number(`${name}: its norm`, norm, entry.prompt_embedding_norm, EMBEDDING * 32);
  }
}

async function checkTexts(
  golden: Golden,
  report: Report,
  entry: Json,
  { pengi }: ReferencePengi,
  audio: NdArray,
): Promise<void> {
  const { name, prompt, add } = entry;
  if (entry.add_text)
    report.equal(
      `${name}: additional text`,
      pengi.tokenizer.encode(add),
      entry.add_text.token_ids_of_the_whole_text,
    );
  for (const [variant, searches] of Object.entries<Record<string, BeamGolden>>(entry.beam)) {
    const { prefixes } = await pengi.prefixes(
      audio,
      [prompt],
      variant === 'whole_text' ? { continue: add } : {},
    );
    // What the release makes of additional text: the embedding of a single character.
    const extra =
      variant === 'released' ? await pengi.gpt2.embed(entry.add_text.token_id_used_by_release) : undefined;
    const prefix = extra ? joined([prefixes[0]!, extra]) : prefixes[0]!;

    const start = await pengi.gpt2.decoder.start([prefix], { rows: 1, maxTokens: 1 });
    const logProbs = start.first.logProbs[0]![0]!;
    const topIds = Array.from(golden.tensor(`${name}/${variant}/top20_ids`).data, Number);
    const topValues = golden.tensor(`${name}/${variant}/top20_values`).data as Float32Array;
    // Logits are compared as distances from the largest: what is kept are log-probabilities.
    report.near(
      `${name} ${variant}: largest logits`,
      topIds.map((id) => logProbs[id]! - logProbs[topIds[0]!]!),
      topValues.map((x) => x - topValues[0]!),
      LOGITS,
    );
    const others = logProbs.filter((_, id) => !topIds.includes(id)).reduce((a, b) => Math.max(a, b));
    report.number(
      `${name} ${variant}: all others`,
      Math.max(0, others - logProbs[topIds.at(-1)!]!),
      0,
      LOGITS,
    );

    for (const [beams, expected] of Object.entries(searches)) {
      const what = `${name} ${variant}, ${beams} beams`;
      const [texts] = await pengi.gpt2.generate([prefix], {
        beams: Number(beams),
        maxTokens: expected.steps,
        stopToken: golden.json.stop_token.used,
      });
      const sorted = [...expected.scores].sort((a, b) => b - a);
      report.near(
        `${what}: scores`,
        texts!.map(({ score }) => score),
        sorted,
        SCORE,
      );
      if (expected.min_cut_gap <= minCutGap) continue; // rounding of the reference decides which beams survive
      const found = texts!.map(({ ids }) => ids);
      const wanted = expected.tokens.map((ids, i) => ids.slice(0, expected.lengths[i]));
      report.equal(`${what}: tokens, as a set`, found.map(String).sort(), wanted.map(String).sort());
      const decoded = found.map((ids) => pengi.tokenizer.decode(ids, { cleanUp: true }));
      report.equal(`${what}: texts, as a set`, [...decoded].sort(), [...expected.texts_sorted].sort());
      if (expected.min_gap > minCutGap)
        report.equal(`${what}: texts in order`, decoded, expected.texts_sorted);
    }
  }
}

/** `generate` of the wrapper, called as its users do: with the fewest beams that the golden has. */
async function checkCalls(
  report: Report,
  { name, prompt, add, beam }: Json,
  reference: ReferencePengi,
  input: AudioInput,
): Promise<void> {
  for (const variant of ['plain', 'released']) {
    const [found] = Object.entries<BeamGolden>(beam[variant] ?? {});
    if (!found) continue;
    const [beams, { scores, steps, min_gap, texts_sorted }] = found;
    const options = { beams: Number(beams), maxTokens: steps };
    const [answer] = await reference.generate([input], [prompt], [add], options);
    report.near(`${name} ${variant}, called: scores`, answer!.scores, scores, SCORE);
    if (min_gap > minCutGap) report.equal(`${name} ${variant}, called: texts`, answer!.texts, texts_sorted);
  }
}

interface BeamGolden {
  tokens: number[][];
  lengths: number[];
  scores: number[];
  steps: number;
  min_cut_gap: number;
  min_gap: number;
  texts_sorted: string[];
}

/** [1, P, C] -> [P, C] */
function firstOf({ data, shape }: NdArray): NdArray {
  return floats(data as Float32Array, shape.slice(1));
}

/** Rows of [n, C] or [1, n, C] one after the other. */
function joined(parts: readonly NdArray[]): NdArray<'float32'> {
  const C = parts[0]!.shape.at(-1)!;
  const values = parts.flatMap(({ data }) => Array.from(data as Float32Array));
  return floats(values, [values.length / C, C]);
}
