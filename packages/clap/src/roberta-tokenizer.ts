import { Tokenizer } from '@huggingface/tokenizers';
import { checkText, PengiError, printable, validate } from '@pengi/core';
import { z } from 'zod';
import { ALPHABET } from './clip-tokenizer-tables.js';
import type { RobertaConfig } from './config.js';
import type { TextTokenizer } from './encoders.js';

const id = z.int().min(0);
const special = z.tuple([z.string(), id]);

/**
 * The parts of a tokenizer.json that RoBERTa's has. Kinds with patterns of their own are refused, so that no regular
 * expression out of a file is ever run.
 */
const fileSchema = z.looseObject({
  normalizer: z.null(),
  pre_tokenizer: z.looseObject({ type: z.literal('ByteLevel') }),
  post_processor: z.looseObject({ type: z.literal('RobertaProcessing'), cls: special, sep: special }),
  added_tokens: z.array(z.looseObject({ id, content: z.string().min(1) })),
  model: z.looseObject({
    /** Left out by early versions of the library that writes these files. */
    type: z.literal('BPE').default('BPE'),
    vocab: z.record(z.string(), id),
    merges: z.array(z.union([z.string().regex(/^\S+ \S+$/), z.tuple([z.string(), z.string()])])),
  }),
});

/**
 * RoBERTa's byte-level BPE out of the content of a model's own tokenizer.json: start + tokens + end, padded with `pad`;
 * what is too long is cut before the end.
 * @param options.file the file's name, for messages
 * @throws PengiError E_CONFIG for a tokenizer of another kind or with other ids than the text tower has; its method throws
 *   E_TEXT for what is no string and for more than 32 KiB
 */
export function robertaTokenizer(
  tokenizerJson: unknown,
  { vocabularySize, pad }: Pick<RobertaConfig, 'vocabularySize' | 'pad'>,
  { file }: { file?: string } = {},
): TextTokenizer {
  const where = file === undefined ? {} : { file };
  const parsed = validate(fileSchema, tokenizerJson, where);
  const problem = misfit(parsed, vocabularySize);
  if (problem) throw new PengiError('E_CONFIG', problem, where);
  const tokenizer = new Tokenizer({ decoder: null, ...parsed }, {});
  const end = parsed.post_processor.sep[1];

  return {
    encodePrompt(text, length) {
      checkText(text);
      const found = tokenizer.encode(text).ids;
      const truncated = found.length > length;
      const ids = new Int32Array(length).fill(pad);
      ids.set(truncated ? [...found.slice(0, length - 1), end] : found);
      return { ids, truncated };
    },
  };
}

/** What contradicts itself, if anything: the library would go on, with ids that nothing has or without the letters it lacks. */
function misfit(
  { model, added_tokens, post_processor }: z.infer<typeof fileSchema>,
  vocabularySize: number,
): string | undefined {
  const idOf = new Map(Object.entries(model.vocab));
  const ids = [...idOf.values(), ...added_tokens.map((token) => token.id)];
  const large = ids.find((token) => token >= vocabularySize);
  if (large !== undefined) return `model.vocab: id ${large}, but the text tower has ${vocabularySize}`;
  if (new Set(idOf.values()).size < idOf.size) return 'model.vocab: two tokens have the same id';
  for (const token of added_tokens) idOf.set(token.content, token.id);
  for (const [name, [token, tokenId]] of [
    ['cls', post_processor.cls],
    ['sep', post_processor.sep],
  ] as const)
    if (idOf.get(token) !== tokenId) return `post_processor.${name}: "${printable(token)}" has another id`;
  const letter = ALPHABET.find((byte) => !idOf.has(byte));
  if (letter !== undefined) return `model.vocab: the byte "${letter}" is missing`;
  for (const merge of model.merges) {
    const [left = '', right = ''] = typeof merge === 'string' ? merge.split(' ') : merge;
    const unknown = [left, right, left + right].find((token) => !idOf.has(token));
    if (unknown !== undefined) return `model.merges: "${printable(unknown)}" is not in the vocabulary`;
  }
  return undefined;
}
