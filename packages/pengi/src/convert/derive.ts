/**
 * Configs out of the shapes of a checkpoint. What shapes do not show has the released models' value; what depends on a size
 * that no released model has is undefined, for the user to say.
 */
import { type FrontendConfig, RELEASED_FRONTEND } from '@pengi/audio-frontend';
import { CLIP_TEXT_BASE, type ClipTextConfig, type RobertaConfig } from '@pengi/clap';
import { GPT2_BASE, type Gpt2Config } from '@pengi/gpt2';
import { HTSAT_RELEASED, type HtsatConfig } from '@pengi/htsat';
import { MAPPER_RELEASED, type MapperConfig, SEQUENCE_MAPPER_RELEASED } from '@pengi/prefix-mapper';
import type { Shapes } from './shapes.js';

/** A config with fields that only the user can know. */
export type Derived<T> = { readonly [K in keyof T]: T[K] | undefined };

/** Channels of an attention head in every released GPT-2, RoBERTa and text tower of CLIP. */
const HEAD_WIDTH = 64;

function headsOf(width: number): number | undefined {
  return width % HEAD_WIDTH === 0 ? width / HEAD_WIDTH : undefined;
}

/** Where a layout keeps the parts of HTSAT that show its sizes, within a block or at the top. */
interface HtsatNames {
  norm: string;
  table: string;
  mlp: string;
}
const OFFICIAL: HtsatNames = {
  norm: 'bn0.weight',
  table: 'attn.relative_position_bias_table',
  mlp: 'mlp.fc1.weight',
};
const TRANSFORMERS: HtsatNames = {
  norm: 'batch_norm.weight',
  table: 'attention.self.relative_position_bias_table',
  mlp: 'intermediate.dense.weight',
};

export function htsatOf(shapes: Shapes): HtsatConfig {
  return htsatNamed(shapes, OFFICIAL);
}

/** HTSAT as Transformers lays it out. */
export function transformersHtsatOf(shapes: Shapes): HtsatConfig {
  return htsatNamed(shapes, TRANSFORMERS);
}

function htsatNamed(shapes: Shapes, names: HtsatNames): HtsatConfig {
  const { dim, count } = shapes;
  const preset = HTSAT_RELEASED;
  const stages = count('layers');
  if (stages === 0) return preset;
  const block = (stage: number, name: string) => `layers.${stage}.blocks.0.${name}`;
  const depths = Array.from({ length: stages }, (_, i) => count(`layers.${i}.blocks`));
  const embedDim = dim('patch_embed.proj.weight', 0) ?? preset.embedDim;
  const mels = dim(names.norm, 0) ?? preset.mels;
  const patchSize = dim('patch_embed.proj.weight', 2) ?? preset.patchSize;
  const offsets = dim(block(0, names.table), 0); // (2 · window - 1)²
  const windowSize = offsets === undefined ? preset.windowSize : (Math.sqrt(offsets) + 1) / 2;
  const grid = gridOf(shapes, depths, windowSize);
  return {
    ...preset,
    // Without a trace of the image's size: as many pieces of time as in the released models.
    specSize: grid === undefined ? (preset.specSize / preset.mels) * mels : grid * patchSize,
    mels,
    patchSize,
    embedDim,
    depths,
    heads: depths.map((_, i) => dim(block(i, names.table), 1) ?? preset.heads[i] ?? 1),
    windowSize,
    mlpRatio: (dim(block(0, names.mlp), 0) ?? preset.mlpRatio * embedDim) / embedDim,
    classes: dim('tscam_conv.weight', 0) ?? preset.classes,
    positionEmbedding: shapes.has('absolute_pos_embed') ? 0.02 : null,
  };
}

/** Tokens per side of the image, which a position embedding shows, or the masks [windows, …] of shifted blocks. */
function gridOf({ dim }: Shapes, depths: readonly number[], window: number): number | undefined {
  const positions = dim('absolute_pos_embed', 1);
  if (positions !== undefined) return Math.sqrt(positions);
  for (const [stage, depth] of depths.entries())
    for (let block = 1; block < depth; block += 2) {
      const windows = dim(`layers.${stage}.blocks.${block}.attn_mask`, 0);
      if (windows !== undefined) return window * Math.sqrt(windows) * 2 ** stage;
    }
  return undefined;
}

/** The front end of a checkpoint with STFT and mel bank in it, below HTSAT's name. */
export function frontendFor(htsat: Shapes, mels: number): FrontendConfig {
  const bins = htsat.dim('logmel_extractor.melW', 0);
  return {
    ...RELEASED_FRONTEND,
    mels,
    fftSize: bins === undefined ? RELEASED_FRONTEND.fftSize : 2 * (bins - 1),
  };
}

/** Below `transformer.`, if the names have that. */
export function gpt2Of(shapes: Shapes): Derived<Gpt2Config> {
  const { dim, count, has } = shapes;
  const embedding = has('wte.weight') ? 'wte.weight' : 'lm_head.weight';
  const width = dim(embedding, 1) ?? GPT2_BASE.width;
  return {
    ...GPT2_BASE,
    vocabularySize: dim(embedding, 0) ?? GPT2_BASE.vocabularySize,
    positions: dim('wpe.weight', 0) ?? GPT2_BASE.positions,
    width,
    layers: count('h') || GPT2_BASE.layers,
    heads: headsOf(width),
  };
}

/** @param shapes below `text_model.` of Transformers, `caption_encoder.base.` of Pengi */
export function clipTextOf(
  shapes: Shapes,
  projection: number = CLIP_TEXT_BASE.projection,
): Derived<ClipTextConfig> {
  const { dim, count } = shapes;
  const preset = CLIP_TEXT_BASE;
  const width = dim('embeddings.token_embedding.weight', 1) ?? preset.width;
  const positions = dim('embeddings.position_embedding.weight', 0) ?? preset.positions;
  return {
    ...preset,
    vocabularySize: dim('embeddings.token_embedding.weight', 0) ?? preset.vocabularySize,
    positions,
    width,
    hidden: dim('encoder.layers.0.mlp.fc1.weight', 0) ?? preset.hidden,
    layers: count('encoder.layers') || preset.layers,
    heads: headsOf(width),
    projection,
    promptLength: Math.min(preset.promptLength, positions),
  };
}

/** @param shapes below `text_model.` */
export function robertaOf(shapes: Shapes, preset: RobertaConfig): Derived<RobertaConfig> {
  const { dim, count } = shapes;
  const width = dim('embeddings.word_embeddings.weight', 1) ?? preset.width;
  const positions = dim('embeddings.position_embeddings.weight', 0) ?? preset.positions;
  return {
    ...preset,
    vocabularySize: dim('embeddings.word_embeddings.weight', 0) ?? preset.vocabularySize,
    positions,
    width,
    hidden: dim('encoder.layer.0.intermediate.dense.weight', 0) ?? preset.hidden,
    layers: count('encoder.layer') || preset.layers,
    heads: headsOf(width),
    tokenTypes: dim('embeddings.token_type_embeddings.weight', 0) ?? preset.tokenTypes,
    promptLength: Math.min(preset.promptLength, positions - preset.pad - 1),
  };
}

/**
 * @param inputs channels of the embedding that is mapped; null for a mapper of token embeddings
 * @param layers where the file has none to count
 */
export function mapperOf(
  { dim, count, has }: Shapes,
  inputs: number | null,
  layers: number,
): Derived<MapperConfig> {
  const preset = inputs === null ? SEQUENCE_MAPPER_RELEASED : MAPPER_RELEASED;
  const width = dim('prefix_const', 1) ?? preset.width;
  const hidden = dim('transformer.layers.0.mlp.fc1.weight', 0);
  const linear = dim('linear.weight', 0);
  return {
    ...preset,
    ...(inputs === null ? {} : { inputs }),
    width,
    prefixLength: dim('prefix_const', 0) ?? preset.prefixLength,
    inputLength: linear === undefined || !has('prefix_const') ? preset.inputLength : linear / width,
    layers: count('transformer.layers') || layers,
    mlpRatio: hidden === undefined ? preset.mlpRatio : hidden / width,
    heads: width % preset.heads === 0 ? preset.heads : undefined,
  };
}

/** Channels of the joint space. */
export function embeddingOf(encoder: Shapes, preset: number): number {
  return encoder.dim('projection.layer_norm.weight', 0) ?? preset;
}
