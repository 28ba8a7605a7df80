/** The parts of a model as functions of named inputs: what is exported. Letters as in ../model.ts; H heads, D channels of a head. */
import { type ClapConfig, encodeAudio, encodeText } from '@pengi/clap';
import { type Gpt2Config, gpt2Embed, gpt2Hidden, gpt2Logits, type KeyValue } from '@pengi/gpt2';
import { htsat } from '@pengi/htsat';
import type { OpenInputs } from '@pengi/jit';
import { l2Normalize, MASKED } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { PengiConfig } from '../config.js';
import { audioPrefix, promptEmbedding, promptPrefix } from '../model.js';
import type { PengiParams } from '../params.js';

/** A number, or a name for a size that is left open. */
export type Size = number | string;

/** What a function is exported with. */
export interface PartOf<Params> {
  fn(p: Params, inputs: never): unknown;
  inputs: OpenInputs;
  /** What inputs and outputs mean; `*` stands for a number. */
  docs: Readonly<Record<string, string>>;
  /** What fixed sizes there are, and why. */
  fixed?: string;
}

export interface PartSizes {
  batch: Size;
  /** Frames of a log-mel. */
  frames: number;
  /** Vectors of a prefix, for `gpt2-prefill`. */
  length: number;
}

type Towers = Pick<PengiParams, 'audio_encoder'> & { caption_encoder?: PengiParams['caption_encoder'] };

export type TowersConfig = Pick<ClapConfig, 'audio' | 'frontend' | 'embedding'> & {
  text: ClapConfig['text'] | null;
};

const LOG_MEL = 'Log-mel in dB, frame by frame, of the front end below.';
const FRAMES =
  'The number of frames is that of a clip of the duration that the model hears: resizing it to the image is a matrix.';
const CLIP_IDS = "Token ids of CLIP's tokenizer: start, text, end, then padding with the end's id.";
const LOGITS = 'Of the next token, not normalised.';

interface Kind<Params, Config> {
  what: string;
  of(config: Config, sizes: PartSizes): PartOf<Params>;
}

/** Parts that CLAP has as well. */
export const TOWER_PARTS = {
  htsat: {
    what: 'HTSAT, the audio encoder: a log-mel in, a latent and the probabilities of AudioSet classes out.',
    of: ({ audio }, { batch, frames }) => ({
      fn: (p, { log_mel }: { log_mel: Tensor }) => htsat(p.audio_encoder.base.htsat, log_mel, audio),
      inputs: { log_mel: { shape: [batch, frames, audio.mels], dtype: 'float32' } },
      docs: {
        log_mel: LOG_MEL,
        latent: 'Mean over the tokens of the last stage: what the projection takes.',
        clipwise: 'Probability of each class in the clip.',
        framewise: 'Probability of each class over time.',
      },
      fixed: FRAMES,
    }),
  },
  'clap-audio': {
    what: 'The audio tower: a log-mel in, an embedding of the joint space out.',
    of: ({ audio }, { batch, frames }) => ({
      fn: (p, { log_mel }: { log_mel: Tensor }) => ({
        embedding: l2Normalize(encodeAudio(p.audio_encoder, log_mel, audio)),
      }),
      inputs: { log_mel: { shape: [batch, frames, audio.mels], dtype: 'float32' } },
      docs: { log_mel: LOG_MEL, embedding: 'Embedding of length 1.' },
      fixed: FRAMES,
    }),
  },
  'clap-text': {
    what: 'The text tower: token ids in, an embedding of the joint space out.',
    of: ({ text }, { batch }) => ({
      fn: (p, { ids }: { ids: Tensor }) => ({
        embedding: l2Normalize(encodeText(p.caption_encoder!, ids, text!)),
      }),
      inputs: { ids: { shape: [batch, text!.promptLength], dtype: 'int32' } },
      docs: { ids: CLIP_IDS, embedding: 'Embedding of length 1.' },
      fixed: 'Texts are cut or padded to the length that the tower was trained with.',
    }),
  },
} satisfies Record<string, Kind<Towers, TowersConfig>>;

/** Parts that only Pengi has. */
export const LANGUAGE_PARTS = {
  prefix: {
    what: 'An audio embedding and a prompt in, the prefix of the language model out (equation 1 of the paper).',
    of: (config, { batch }) => ({
      fn: (p, { audio_embedding, prompt_ids }: { audio_embedding: Tensor; prompt_ids: Tensor }) => {
        const prompt = promptPrefix(p, promptEmbedding(p, prompt_ids, config), config);
        return { prefix: tf.concat([audioPrefix(p, audio_embedding, config), prompt], 1) };
      },
      inputs: {
        audio_embedding: { shape: [batch, config.embedding], dtype: 'float32' },
        prompt_ids: { shape: [batch, promptLengthOf(config)], dtype: 'int32' },
      },
      docs: {
        audio_embedding: 'Output of clap-audio, of length 1.',
        prompt_ids: config.text ? CLIP_IDS : "Token ids of GPT-2, cut or padded with 0, which is '!'.",
        prefix: "Vectors that stand for the recording, then the prompt's: embeddings of gpt2-prefill.",
      },
      fixed: 'Prompts are cut or padded to the length that the model was trained with.',
    }),
  },
  'gpt2-prefill': {
    what: 'The language model reads a prefix: embeddings in, logits of the next token and the cache out.',
    of: ({ gpt2 }, { batch, length }) => ({
      fn: (p, inputs: { embeddings: Tensor; last: Tensor }) => prefill(p, gpt2, inputs),
      inputs: {
        embeddings: { shape: [batch, length, gpt2.width], dtype: 'float32' },
        last: { shape: [batch], dtype: 'int32' },
      },
      docs: {
        embeddings: 'The prefix, then whatever: what follows the last position that counts changes nothing.',
        last: 'The last position that counts, from 0 on.',
        logits: LOGITS,
        'present.*.key': 'Keys of a layer; those after `last` must be masked in gpt2-step.',
        'present.*.value': 'Values of a layer.',
      },
      fixed:
        'The length is fixed, as the causal mask is a table: fill shorter prefixes up and say where they end.',
    }),
  },
  'gpt2-step': {
    what: 'The language model reads one more token of each sequence: logits of the next one and its cache out.',
    of: ({ gpt2 }, { batch }) => ({
      fn: (p, inputs: StepInputs) => step(p, gpt2, inputs),
      inputs: {
        tokens: { shape: [batch], dtype: 'int32' },
        positions: { shape: [batch], dtype: 'int32' },
        past_mask: { shape: [batch, 'past'], dtype: 'int32' },
        past: Array.from({ length: gpt2.layers }, () => {
          const shape = [batch, gpt2.heads, 'past', gpt2.width / gpt2.heads];
          return { key: { shape, dtype: 'float32' as const }, value: { shape, dtype: 'float32' as const } };
        }),
      },
      docs: {
        tokens: 'The newest token of each sequence.',
        positions: 'Its position, counted from the first vector of the prefix.',
        past_mask: '1 for places of the cache that are seen, 0 for the others.',
        'past.*.key': 'Keys of a layer so far.',
        'past.*.value': 'Values of a layer so far.',
        logits: LOGITS,
        'present.*.key': "The token's own keys, to be put behind the others.",
        'present.*.value': "The token's own values.",
      },
    }),
  },
} satisfies Record<string, Kind<PengiParams, PengiConfig>>;

// --- the language model ---------------------------------------------------------------------------------------------

function prefill(
  p: PengiParams,
  config: Gpt2Config,
  { embeddings, last }: { embeddings: Tensor; last: Tensor },
) {
  const [B, T, C] = embeddings.shape as [number, number, number];
  const gpt = p.caption_decoder.gpt.transformer;
  const { hidden, present } = gpt2Hidden(gpt, embeddings, config);
  const rows = tf.add(last, tf.range(0, B * T, T, 'int32'));
  const logits = gpt2Logits(gpt, tf.gather(tf.reshape(hidden, [B * T, C]), rows as tf.Tensor1D));
  return { logits, present: withoutRows(present) };
}

interface StepInputs {
  tokens: Tensor;
  positions: Tensor;
  past_mask: Tensor;
  past: { key: Tensor; value: Tensor }[];
}

function step(p: PengiParams, config: Gpt2Config, { tokens, positions, past_mask, past }: StepInputs) {
  const [B, S] = past_mask.shape as [number, number];
  const gpt = p.caption_decoder.gpt.transformer;
  const column = (x: Tensor) => tf.reshape(x, [B, 1]);
  const hiddenKeys = tf.mul(tf.sub(1, tf.cast(past_mask, 'float32')), MASKED);
  const { hidden, present } = gpt2Hidden(gpt, gpt2Embed(gpt, column(tokens)), config, {
    positions: column(positions),
    past: { layers: past.map(({ key: k, value: v }) => ({ k, v })), mask: tf.reshape(hiddenKeys, [B, 1, S]) },
  });
  return { logits: gpt2Logits(gpt, tf.reshape(hidden, [B, config.width])), present: withoutRows(present) };
}

/** [B, H, 1, T, D] -> [B, H, T, D]: each sequence has a cache of its own. */
function withoutRows(present: readonly KeyValue[]) {
  return present.map(({ k, v }) => ({ key: tf.squeeze(k, [2]), value: tf.squeeze(v, [2]) }));
}

/** Tokens of a prompt. */
function promptLengthOf({ text, promptMapper }: PengiConfig): number {
  if (promptMapper.kind === 'sequence') return promptMapper.inputLength;
  return text!.promptLength; // the config's schema sees to it
}
