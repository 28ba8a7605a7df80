/** The tensors of a checkpoint by the part of the model that they belong to, and what their numbers look like. */
import { createHash } from 'node:crypto';
import type { TensorSource } from '@pengi/checkpoint';
import { sizeOf } from '@pengi/core';

export interface PartReport {
  readonly name: string;
  /** False for buffers and kernels that are not trained. */
  readonly isModel: boolean;
  readonly tensors: number;
  /** Values. */
  readonly parameters: number;
  /** How many values are of each type. */
  readonly dtypes: Readonly<Record<string, number>>;
  /** Of the matrices; null where there is none. */
  readonly weights: { readonly mean: number; readonly rms: number } | null;
  /** Of the gains of normalisations, which are about 1 in most trained models and 1 in untrained ones. */
  readonly gains: {
    readonly count: number;
    readonly mean: number;
    readonly min: number;
    readonly max: number;
  } | null;
  /** Whether every normalisation is as at the start of training: gains of 1, biases of 0. */
  readonly isFresh: boolean;
  /** Names of tensors that are 0 throughout. */
  readonly zeros: readonly string[];
  /** Names of tensors with NaN or infinities. */
  readonly nonFinite: readonly string[];
  /** Of names, types, shapes and bytes: parts of two files are the same where these are. */
  readonly sha256: string;
}

/** The parts by their names in all families; of several that fit, the first. */
const PARTS: readonly [name: string, pattern: RegExp, isModel?: false][] = [
  ['front-end kernels', /(^|\.)(spectrogram_extractor|logmel_extractor)\./, false],
  [
    'buffers',
    /(^|\.)(relative_position_index|attn_mask|num_batches_tracked|position_ids|token_type_ids|attn\.bias|attn\.masked_bias)$/,
    false,
  ],
  ['audio classifier', /^(audio_encoder|clap)\.base\.htsat\.(tscam_conv|head)\./],
  ['audio encoder', /^((audio_encoder|clap)\.base|audio_model)\./],
  ['audio projection', /^((audio_encoder|clap)\.projection|audio_projection)\./],
  ['text tower', /^(caption_encoder\.base|text_model)\./],
  ['text projection', /^(caption_encoder|text_projection)\./],
  ['audio mapper', /^(caption_decoder\.audio_project|clap_project)\./],
  ['prompt mapper', /^caption_decoder\.text_project\./],
  ['language model', /^(caption_decoder\.gpt\.|gpt\.|(transformer\.)?(wte|wpe|h\.\d+|ln_f)\.|lm_head\.)/],
  ['scale of similarities', /^logit_scale/],
  ['image tower', /^(vision_model|visual_projection)\./],
  ['others', /./],
];

const FLOATS = ['F16', 'BF16', 'F32', 'F64'];

const NORMALISATION = /(?:^|\.)(?:\w*norm\w*|ln_\w+|bn0)\.(weight|bias)$/i;

/** @param source one tensor of it is in memory at a time */
export function inspectParts(source: TensorSource): PartReport[] {
  const names = new Map<string, string[]>(PARTS.map(([part]) => [part, []]));
  for (const name of source.tensors.keys())
    names.get(PARTS.find(([, pattern]) => pattern.test(name))![0])!.push(name);
  return PARTS.filter(([part]) => names.get(part)!.length > 0).map(([part, , isModel = true]) =>
    inspectPart(source, part, isModel, names.get(part)!.sort()),
  );
}

function inspectPart(
  source: TensorSource,
  name: string,
  isModel: boolean,
  tensors: readonly string[],
): PartReport {
  const hash = createHash('sha256');
  const dtypes: Record<string, number> = {};
  const weights = summary();
  const gains = summary();
  const [zeros, nonFinite]: [string[], string[]] = [[], []];
  let parameters = 0;
  let isFresh = true;
  for (const tensor of tensors) {
    const { dtype, shape, bytes } = source.read(tensor);
    hash.update(`${tensor} ${dtype} [${shape}]\n`).update(bytes);
    const size = sizeOf(shape);
    parameters += size;
    dtypes[dtype] = (dtypes[dtype] ?? 0) + size;
    if (!FLOATS.includes(dtype)) continue;

    const found = summary();
    found.add(source.array(tensor).data as Float32Array);
    if (!found.isFinite()) nonFinite.push(tensor);
    else if (found.isConstant(0)) zeros.push(tensor);
    const kind = NORMALISATION.exec(tensor)?.[1];
    if (kind !== undefined) isFresh &&= found.isConstant(kind === 'weight' ? 1 : 0);
    if (kind === 'weight') gains.join(found);
    else if (shape.length >= 2) weights.join(found);
  }
  const [matrices, norms] = [weights.values(), gains.values()];
  return {
    name,
    isModel,
    tensors: tensors.length,
    parameters,
    dtypes,
    weights: matrices.count === 0 ? null : { mean: matrices.mean, rms: matrices.rms },
    gains:
      norms.count === 0 ? null : { count: norms.count, mean: norms.mean, min: norms.min, max: norms.max },
    isFresh: norms.count > 0 && isFresh,
    zeros,
    nonFinite,
    sha256: hash.digest('hex'),
  };
}

interface Values {
  count: number;
  mean: number;
  rms: number;
  min: number;
  max: number;
}

interface Summary {
  add(data: Float32Array): void;
  join(other: Summary): void;
  isFinite(): boolean;
  isConstant(value: number): boolean;
  values(): Values;
}

/** Count, mean, root mean square and range of numbers that are added piece by piece. */
function summary(): Summary {
  let [count, sum, squares] = [0, 0, 0];
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  return {
    add(data) {
      for (const x of data) {
        sum += x;
        squares += x * x;
        if (x < min) min = x;
        if (x > max) max = x;
      }
      count += data.length;
    },
    join(other) {
      const { count: n, mean, rms, min: low, max: high } = other.values();
      if (n === 0) return;
      count += n;
      sum += mean * n;
      squares += rms * rms * n;
      min = Math.min(min, low);
      max = Math.max(max, high);
    },
    isFinite: () => Number.isFinite(sum) && Number.isFinite(squares),
    isConstant: (value) => count > 0 && min === value && max === value,
    values: () => ({ count, mean: sum / count, rms: Math.sqrt(squares / count), min, max }),
  };
}
