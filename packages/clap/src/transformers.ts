/** Transformers' `ClapModel` as a `Clap`: HTSAT hears, RoBERTa reads. */
import { createFrontend } from '@pengi/audio-frontend';
import type { NdArray } from '@pengi/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { type Clap, type CreateClapOptions, clapOf } from './clap.js';
import type { TransformersClapConfig } from './config.js';
import { audioEncoderOf, type TextTokenizer, textEncoderOf } from './encoders.js';
import { encodeRobertaText, encodeTransformersAudio } from './transformers-model.js';
import type { TransformersClapParams } from './transformers-params.js';

/**
 * A CLAP of Transformers' family out of parameters in memory.
 * @param options.tokenizer the model's own, see `robertaTokenizer`
 * @throws PengiError E_CONFIG for a front end that cannot be
 */
export function createTransformersClap(
  params: TransformersClapParams<NdArray>,
  config: TransformersClapConfig,
  {
    engine,
    tokenizer,
    frontend = createFrontend(config.frontend),
  }: CreateClapOptions & { tokenizer: TextTokenizer },
): Clap {
  const { audio, text, embedding } = config;
  const { audio_model, audio_projection, text_model, text_projection } = params;
  type Towers = TransformersClapParams;
  const hearing = engine.compile(
    (p: Pick<Towers, 'audio_model' | 'audio_projection'>, logMel: Tensor) =>
      encodeTransformersAudio(p, logMel, audio),
    { audio_model, audio_projection },
    { name: 'clap.audio' },
  );
  const reading = engine.compile(
    (p: Pick<Towers, 'text_model' | 'text_projection'>, ids: Tensor) => encodeRobertaText(p, ids, text),
    { text_model, text_projection },
    { name: 'clap.text' },
  );
  return clapOf({
    config,
    frontend,
    audio: audioEncoderOf(hearing, embedding, frontend),
    text: textEncoderOf(reading, embedding, tokenizer, text),
    // Of the two scales the one of audio with texts, which Transformers' zero-shot pipeline takes as well.
    logitScale: params.logit_scale_a,
  });
}
