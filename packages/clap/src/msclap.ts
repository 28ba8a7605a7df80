/** msclap 2023 as a `Clap`: HTSAT hears, GPT-2 reads. */
import { createFrontend } from '@pengi/audio-frontend';
import type { NdArray } from '@pengi/core';
import { type Gpt2Config, tokenizerOf } from '@pengi/gpt2';
import type { Tensor } from '@tensorflow/tfjs-core';
import { type Clap, type CreateClapOptions, clapOf } from './clap.js';
import type { MsclapConfig } from './config.js';
import { createAudioEncoder, type TextTokenizer, textEncoderOf } from './encoders.js';
import { encodeGpt2Text } from './model.js';
import type { Gpt2TextEncoderParams, MsclapParams } from './params.js';

/**
 * A CLAP of msclap's 2023 family out of parameters in memory.
 * @throws PengiError E_CONFIG for a front end or vocabulary that cannot be
 */
export function createMsclap(
  params: MsclapParams<NdArray>,
  config: MsclapConfig,
  { engine, frontend = createFrontend(config.frontend) }: CreateClapOptions,
): Clap {
  const { text, embedding } = config;
  const encode = (p: Gpt2TextEncoderParams, ids: Tensor) => encodeGpt2Text(p, ids, text);
  const program = engine.compile(encode, params.caption_encoder, { name: 'clap.text' });
  return clapOf({
    config,
    frontend,
    audio: createAudioEncoder(params.audio_encoder, config, engine, frontend),
    text: textEncoderOf(program, embedding, msclapTokenizer(text.gpt2), text),
    logitScale: params.logit_scale,
  });
}

/**
 * Prompts as msclap has them: `text + ' <|endoftext|>'`, each '!' being id 0 as the padding is. What msclap does not cut,
 * and then cannot batch, is cut before an end marker.
 * @throws PengiError E_CONFIG for `keptIds` that are no part of GPT-2's vocabulary
 */
export function msclapTokenizer(config: Pick<Gpt2Config, 'keptIds' | 'splitDigits'>): TextTokenizer {
  const tokenizer = tokenizerOf(config, { padQuirk: true });
  return {
    encodePrompt(text, length) {
      const { ids, truncated } = tokenizer.encodePrompt(text, { length });
      if (truncated) ids[length - 1] = tokenizer.endOfText;
      return { ids, truncated };
    },
  };
}
