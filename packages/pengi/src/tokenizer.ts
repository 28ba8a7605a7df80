import { createGpt2Tokenizer, createSubsetTokenizer, type Tokenizer } from '@pengi/gpt2';
import type { PengiConfig } from './config.js';

/** The language model's tokenizer of a config. */
export function tokenizerOf({
  keptIds,
  splitDigits,
}: Pick<PengiConfig, 'keptIds' | 'splitDigits'>): Tokenizer {
  // The released models' pad token '!' is cut out of texts before they are encoded.
  const full = createGpt2Tokenizer({ padQuirk: true, splitDigits });
  return keptIds === null ? full : createSubsetTokenizer(full, keptIds);
}
