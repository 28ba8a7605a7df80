import { type Gpt2Config, type Tokenizer, tokenizerOf } from '@pengi/gpt2';
import type { PengiConfig } from './config.js';

/** The tokenizer of Pengi's language model: as GPT-2's, but '!' is cut out of texts, as it pads in the released models. */
export function pengiTokenizer(config: Gpt2Config): Tokenizer {
  return tokenizerOf(config, { padQuirk: true });
}

/** The id at which a text ends, in the vocabulary of the model. */
export function stopTokenOf({ stopToken, gpt2 }: Pick<PengiConfig, 'stopToken' | 'gpt2'>): number {
  return gpt2.keptIds === null ? stopToken : gpt2.keptIds.indexOf(stopToken);
}
