/** What a checkpoint or model folder is, without running it: for finding mixed-up and damaged weights. */
import { compareMelBanks, type FrontendConfig, melFilterBank } from '@pengi/audio-frontend';
import { sha256File, stripCommonPrefix, type TensorSource } from '@pengi/checkpoint';
import type { CheckpointFamily } from '@pengi/checkpoint/download';
import { clapConfigSchema, clapParams, HTSAT_PREFIX } from '@pengi/clap';
import { isPengiError, type NdArray, type Tree } from '@pengi/core';
import { type HtsatConfig, htsatSizes } from '@pengi/htsat';
import { configOf } from './convert/config.js';
import { FAMILY, type Family } from './convert/families.js';
import { lazySource, renamed } from './convert/lazy.js';
import { checkStftKernels, examineMelBank, MEL_BANK, type MelBankReport } from './convert/mel-bank.js';
import { openWeights } from './convert/open-weights.js';
import { recognise, titleOf } from './convert/recognise.js';
import { shapesOf } from './convert/shapes.js';
import { checkTie } from './convert/ties.js';
import { inspectParts, type PartReport } from './inspect-parts.js';

export type { PartReport } from './inspect-parts.js';

export interface ModelReport {
  /** The file of the weights. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Null where the names are of no known family. */
  readonly family: CheckpointFamily | 'clap' | null;
  /** What it is, in words. */
  readonly title: string;
  /** Values of the model's own parts, without buffers and kernels. */
  readonly parameters: number;
  /** How many values are of each type. */
  readonly dtypes: Readonly<Record<string, number>>;
  readonly parts: readonly PartReport[];
  /** Null where the file holds none. */
  readonly melBank: (MelBankReport & { readonly fromConfig: number }) | null;
  /** Of CLAPs: `exp(logit_scale)`, which multiplies cosines. */
  readonly scale: number | null;
  /** The names of GPT-2's output layer and embedding where the file holds both, as one matrix. */
  readonly tied: readonly [string, string] | null;
  /** Null where the config is not known. */
  readonly memory: MemoryEstimate | null;
  /** Why it cannot be used as what it is; empty for a model that loads. */
  readonly problems: readonly string[];
  /** What is unusual. */
  readonly notes: readonly string[];
}

/** Bytes. An estimate: engines keep more, and may lay the weights out a second time. */
export interface MemoryEstimate {
  /** The weights as float32. */
  readonly weights: number;
  /** What the audio encoder has at its widest point, for one recording. */
  readonly encoder: number;
  /** Keys, values and scores of GPT-2 with five beams at its full length; 0 without a language model. */
  readonly decoder: number;
}

/** CLAP as it is trained here, which is no released checkpoint's layout. */
const PAPER_CLAP: Family = {
  htsat: HTSAT_PREFIX,
  schema: clapConfigSchema,
  derive: () => ({}),
  params: (source, config) => clapParams(source, config as never) as Tree<NdArray>,
};

/**
 * Reads a checkpoint or model folder of any family that `convertCheckpoint` knows, and those made here, once through.
 * What does not fit is told in the report.
 * @throws PengiError E_NOT_FOUND, E_IO, E_CHECKPOINT, E_ST_HEADER, E_ST_TENSOR for what cannot be read at all
 */
export async function inspectModel(given: string): Promise<ModelReport> {
  const opened = await openWeights(given);
  try {
    const { source, path, bytes } = opened;
    const plain = renamed(source, stripCommonPrefix(source.tensors.keys()));
    const problems: string[] = [];
    const attempt = <T>(work: () => T, what = ''): T | null => {
      try {
        return work();
      } catch (error) {
        if (!isPengiError(error)) throw error;
        problems.push(`${what}${error.message}`);
        return null;
      }
    };

    const beside = {
      config: await opened.json('config.json'),
      preprocessor: await opened.json('preprocessor_config.json'),
      file: opened.folder,
    };
    const found = attempt(() => familyOf(plain, beside.config, path));
    const config =
      found &&
      attempt(() => configOf(found.family, shapesOf(plain.tensors), beside, undefined, path), 'the config: ');
    if (found && config) attempt(() => found.family.params(lazySource(plain, path, new Set()), config));
    const tied = attempt(() => checkTie(plain, path));
    const melBank = config && attempt(() => melBankOf(plain, found!.family, config, path));
    const parts = inspectParts(plain);
    const scale = scaleOf(plain);
    const parameters = sum(parts.filter(({ isModel }) => isModel).map((part) => part.parameters));
    problems.push(...brokenIn(parts));
    return {
      path,
      bytes,
      sha256: await sha256File(path),
      family: found?.id ?? null,
      title: found?.title ?? 'no known family',
      parameters,
      dtypes: dtypesOf(parts),
      parts,
      melBank,
      scale,
      tied,
      memory: config && memoryOf(config, parameters),
      problems,
      notes: notesOn(plain, parts, melBank, scale),
    };
  } finally {
    opened.source.close();
  }
}

/** @throws PengiError E_CHECKPOINT for no known family */
function familyOf(source: TensorSource, config: unknown, path: string) {
  const own = config as { model?: unknown; family?: unknown } | null | undefined;
  if (own?.model === 'clap' && (own.family ?? 'pengi') === 'pengi')
    return { id: 'clap' as const, title: "CLAP with Pengi's encoders", family: PAPER_CLAP };
  const id = recognise([...source.tensors.keys()], undefined, path);
  return { id, title: titleOf(id), family: FAMILY[id] };
}

/** @throws PengiError E_WEIGHTS for a bank or STFT of another size, and for STFT kernels that are none */
function melBankOf(source: TensorSource, { htsat }: Family, config: object, path: string) {
  if (htsat === undefined) return null;
  const { frontend } = config as { frontend: FrontendConfig };
  checkStftKernels(source, htsat, frontend.fftSize, path);
  const report = examineMelBank(source, htsat, frontend, path);
  if (report === null) return null;
  const { melSampleRate: sampleRate, fftSize, mels, fMin, fMax } = frontend;
  const computed = melFilterBank({ sampleRate, fftSize, mels, fMin, fMax });
  return { ...report, fromConfig: compareMelBanks(source.array(htsat + MEL_BANK), computed) };
}

function scaleOf(source: TensorSource): number | null {
  const name = ['logit_scale', 'logit_scale_a'].find((candidate) => source.tensors.has(candidate));
  return name === undefined ? null : Math.exp(Number(source.array(name).data[0]));
}

function dtypesOf(parts: readonly PartReport[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { dtypes } of parts)
    for (const [dtype, count] of Object.entries(dtypes)) counts[dtype] = (counts[dtype] ?? 0) + count;
  return counts;
}

function brokenIn(parts: readonly PartReport[]): string[] {
  return parts
    .filter(({ nonFinite }) => nonFinite.length > 0)
    .map(({ name, nonFinite }) => `${name}: NaN or infinities in ${listed(nonFinite)}`);
}

/** Where gains of a trained model's normalisations lie on average. */
const USUAL_GAINS = { min: 0.02, max: 20 };

function notesOn(
  source: TensorSource,
  parts: readonly PartReport[],
  melBank: ModelReport['melBank'],
  scale: number | null,
): string[] {
  const notes: string[] = [];
  for (const { name, isModel, isFresh, gains, zeros } of parts) {
    if (!isModel) continue;
    if (isFresh) notes.push(`${name}: untrained, its normalisations are all as at the start`);
    else if (gains && (gains.mean < USUAL_GAINS.min || gains.mean > USUAL_GAINS.max))
      notes.push(`${name}: the gains of its normalisations are ${gains.mean.toPrecision(3)} on average`);
    const matrices = zeros.filter((tensor) => source.tensors.get(tensor)!.shape.length >= 2);
    if (matrices.length > 0) notes.push(`${name}: all zeros in ${listed(matrices)}`);
    if (zeros.some((tensor) => /(bn0|batch_norm)\.running_mean$/.test(tensor)))
      notes.push(`${name}: bn0 has no statistics of log-mels (running_mean is 0)`);
  }
  if (melBank && melBank.computed === null) notes.push(`the mel bank is ${melBank.text}`);
  if (scale !== null && !(scale >= 1 && scale <= 101))
    notes.push(`cosines are multiplied by ${scale.toPrecision(3)}; usual are 1 … 100`);
  return notes;
}

function memoryOf(config: object, parameters: number): MemoryEstimate {
  const { audio, gpt2 = 'vocabularySize' in config ? (config as Gpt2Sizes) : undefined } = config as {
    audio?: HtsatConfig;
    gpt2?: Gpt2Sizes;
  };
  return {
    weights: 4 * parameters,
    encoder: audio ? 4 * widestOf(audio) : 0,
    decoder: gpt2 ? 4 * decodingOf(gpt2) : 0,
  };
}

/** Values that a block of the first stage has at once: what came in, queries, keys, values, and scores or the MLP's insides. */
function widestOf(audio: HtsatConfig): number {
  const { channels, side, window, heads } = htsatSizes(audio).stages[0]!;
  const tokens = side * side;
  const attention = 4 * channels + 2 * heads * window * window;
  return tokens * Math.max(attention, (1 + 2 * audio.mlpRatio) * channels);
}

interface Gpt2Sizes {
  readonly vocabularySize: number;
  readonly positions: number;
  readonly width: number;
  readonly layers: number;
}

const BEAMS = 5;

function decodingOf({ vocabularySize, positions, width, layers }: Gpt2Sizes): number {
  return BEAMS * (2 * layers * width * positions + 2 * vocabularySize);
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
