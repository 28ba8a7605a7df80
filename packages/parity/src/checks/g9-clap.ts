import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFrontend } from '@pengi/audio-frontend';
import { openModelFolder, saveModelFolder } from '@pengi/checkpoint';
import {
  cosines,
  createTransformersClap,
  encodeRobertaText,
  encodeTransformersAudio,
  loadClap,
  msclapParams,
  msclapTokenizer,
  normalized,
  type TextTokenizer,
  type TransformersClapParams,
  transformersClapConfig,
  transformersClapParams,
} from '@pengi/clap';
import { floats, ints, type NdArray } from '@pengi/core';
import { createGpt2Tokenizer } from '@pengi/gpt2';
import { collectProbes } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Check } from '../check.js';
import { msclapConfigOf } from '../configs.js';
import { type Golden, openGolden, weightsOf } from '../golden.js';
import { nearSummary } from '../report.js';
import { TOLERANCES } from '../tolerances.js';

/** msclap 2023 the way a user meets it: a model folder is written, loaded, and asked. */
export const checkMsclap: Check = async (golden, report, engine) => {
  const manifest = golden.manifest();
  const config = msclapConfigOf(manifest.config);
  const { embedding, similarity } = TOLERANCES.msclap;
  const { labels, signals }: { labels: string[]; signals: string[] } = golden.json;

  const { promptLength, gpt2 } = config.text;
  const tokenizer = msclapTokenizer(gpt2);
  const ids = labels.map((label) => [...tokenizer.encodePrompt(label, promptLength).ids]);
  report.equal('input ids', ids.flat(), Array.from(golden.tensor('input_ids').data, Number));
  const gpt2Tokenizer = createGpt2Tokenizer({ padQuirk: true });
  const masks = labels.map((label) => [...gpt2Tokenizer.encodePrompt(label, { length: promptLength }).mask]);
  report.equal('attention mask', masks.flat(), Array.from(golden.tensor('attention_mask').data, Number));

  await withModelFolder({ config, tensors: weightsOf(manifest) }, async (dir) => {
    const clap = await loadClap(dir, { engine });
    const inputs = signals.map((name) => ({
      samples: signalOf(golden, name),
      sampleRate: config.frontend.sampleRate,
    }));
    const audio = await clap.embedAudio(inputs, { normalize: false });
    const text = await clap.embedText(labels, { normalize: false });
    report.near('audio embeddings', audio, golden.tensor('audio_embeddings'), embedding);
    report.near('text embeddings', text, golden.tensor('text_embeddings'), embedding);
    const again = await clap.embedAudio(inputs, { normalize: false });
    report.equal('audio embeddings, once more', Array.from(again.data), Array.from(audio.data));
    const alone = await clap.embedAudio(inputs.slice(0, 1));
    report.near('audio alone', alone, normalized(audio).data.subarray(0, config.embedding), TOLERANCES.batch);
    report.near('similarity', clap.similarity(audio, text), golden.tensor('similarity'), similarity);
    const { logit_scale } = msclapParams((await openModelFolder(dir)).file, config);
    report.near('logit scale', logit_scale, golden.tensor('logit_scale'), embedding);
    await clap.dispose();
  });
};

/**
 * Transformers' `ClapModel`: features, both towers stage by stage, and the whole as a `Clap`. The golden gives ids, no texts:
 * the tokenizer is not part of it.
 */
export const checkTransformersClap: Check = async (golden, report, engine) => {
  const manifest = golden.manifest();
  const config = transformersClapConfig(manifest.config);
  const params = transformersClapParams(weightsOf(manifest), config);
  const frontend = createFrontend(config.frontend);
  const { embedding, pooled, logits, features, melBank } = TOLERANCES.transformersClap;
  report.near('mel filters', frontend.melBank, golden.tensor('mel_filters_slaney'), melBank);

  const names = Object.keys(golden.json.features);
  const { sampleRate } = config.frontend;
  const inputs = names.map((name) => ({ samples: signalOf(golden, name), sampleRate }));
  const logMels = frontend.logMelBatch(inputs.map((input) => frontend.prepare(input).samples));
  const [, frames, mels] = logMels.shape as [number, number, number];
  for (const [i, name] of names.entries()) {
    const logMel = floats(logMels.data.subarray(i * frames * mels, (i + 1) * frames * mels), [frames, mels]);
    nearSummary(report, `${name}: features`, logMel, golden.json.features[name], features);
    const key = `features_rows/${name}`;
    const step = Number(/rows 0,(\d+)/.exec(golden.json.keys[key].what)![1]);
    const rows = golden.tensor(key);
    const found = Array.from({ length: rows.shape[0]! }, (_, row) =>
      Array.from(logMel.data.subarray(row * step * mels, (row * step + 1) * mels)),
    );
    report.near(key, found.flat(), rows, features);
  }

  const { audio: hears, text: reads } = config;
  const ids = golden.tensor('input_ids');
  const given = ints(Array.from(ids.data, Number), ids.shape);
  const towers = engine.compile(
    (p: TransformersClapParams, logMel: Tensor, tokens: Tensor) =>
      collectProbes((probe) => {
        encodeTransformersAudio(p, logMel, hears, { probe: only('latent', probe) });
        encodeRobertaText(p, tokens, reads, { probe });
        return {};
      }),
    params,
    { prepack: false },
  );
  const { probes } = await towers.run(logMels, given);
  report.near('audio pooled', probes.latent!, golden.tensor('audio_pooled'), pooled);
  report.near('text pooled', probes.pooled!, golden.tensor('text_pooled'), pooled);
  await towers.dispose();

  const clap = createTransformersClap(params, config, {
    engine,
    frontend,
    tokenizer: rowsOf(given, reads.pad),
  });
  const audio = await clap.embedAudio(inputs);
  const text = await clap.embedText(Array.from({ length: ids.shape[0]! }, (_, row) => String(row)));
  report.near('audio embeddings', audio, golden.tensor('audio_embeds'), embedding);
  report.near('text embeddings', text, golden.tensor('text_embeds'), embedding);
  report.near('logits per audio', clap.similarity(audio, text), golden.tensor('logits_per_audio'), logits);
  const textScale = Math.exp(Number(params.logit_scale_t.data[0]));
  const perText = cosines(text, audio).data.map((cosine) => textScale * cosine);
  report.near('logits per text', perText, golden.tensor('logits_per_text'), logits);
  await clap.dispose();
};

/** Passes on the one intermediate result of that name. */
function only(name: string, probe: (name: string, value: Tensor) => void) {
  return (found: string, value: Tensor) => {
    if (found === name) probe(found, value);
  };
}

/** A tokenizer whose texts are the numbers of rows of ids. */
function rowsOf({ data, shape }: NdArray<'int32'>, pad: number): TextTokenizer {
  const width = shape[1]!;
  return {
    encodePrompt(row, length) {
      const ids = new Int32Array(length).fill(pad);
      ids.set(data.subarray(Number(row) * width, (Number(row) + 1) * width));
      return { ids, truncated: false };
    },
  };
}

/** Writes a model folder, hands its path to `use`, and removes it. */
async function withModelFolder(
  content: Parameters<typeof saveModelFolder>[1],
  use: (dir: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'clap-parity-'));
  try {
    await saveModelFolder(join(folder, 'model'), content);
    await use(join(folder, 'model'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A signal of the golden, or of the golden whose file its JSON names. */
function signalOf(golden: Golden, name: string): Float32Array {
  const key = `signal_i16/${name}`;
  const stored = golden.has(key) ? golden : openGolden(golden.folder, fileOfSignals(golden));
  return Float32Array.from(stored.tensor(key).data as Int32Array, (x) => x / 32768);
}

function fileOfSignals({ json }: Golden): string {
  const found = /(g\d[\w-]*)\.safetensors/.exec(json.about);
  if (!found) throw new Error('the golden names no file of signals');
  return found[1]!;
}
