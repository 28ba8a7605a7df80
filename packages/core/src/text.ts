import { PengiError, printable } from './errors.js';

/** A part of a text that a tokenizer treats on its own (a word, a run of signs, a special string) and its token ids. */
export interface TextPiece {
  readonly text: string;
  readonly ids: readonly number[];
}

/**
 * The longest text a tokenizer takes, in UTF-8 bytes: some thousand tokens, several times what any text model here can
 * attend to. Merging one word of n bytes takes up to n² steps; this bound keeps the worst word below a second.
 */
export const MAX_TEXT_BYTES = 32 * 1024;

/** @throws PengiError E_TEXT for what is no string, and for more than `MAX_TEXT_BYTES` */
export function checkText(text: unknown): asserts text is string {
  if (typeof text !== 'string')
    throw new PengiError('E_TEXT', `expected a text, found ${text === null ? 'null' : typeof text}`);
  // A UTF-16 unit takes at least one byte: the first test spares encoding what is far too long.
  const bytes = text.length > MAX_TEXT_BYTES ? text.length : new TextEncoder().encode(text).length;
  if (bytes > MAX_TEXT_BYTES)
    throw new PengiError(
      'E_TEXT',
      `the text "${printable(text, 40)}" is longer than ${MAX_TEXT_BYTES} bytes of UTF-8`,
      { hint: 'shorten it, or give it in parts' },
    );
}

/**
 * The vocabulary of a small model: some ids of a large vocabulary, renumbered 0 … size-1 in the same order (so the
 * largest id stays the largest, which CLIP's pooling relies on).
 */
export interface IdMap {
  readonly keptIds: readonly number[];
  readonly size: number;
  /** The small id of a kept id. @throws PengiError E_CONFIG when it is not kept */
  small(largeId: number): number;
  /** @throws PengiError E_TEXT that names the pieces which need ids that were not kept */
  toSmall(pieces: readonly TextPiece[]): TextPiece[];
  /** @throws PengiError E_TEXT for an id outside 0 … size-1 */
  toLarge(smallId: number): number;
}

/** @throws PengiError E_CONFIG unless `keptIds` are ascending integers in 0 … vocabularySize-1 */
export function createIdMap(keptIds: readonly number[], vocabularySize: number): IdMap {
  const kept = [...keptIds];
  const wrong = kept.findIndex(
    (id, i) => !Number.isInteger(id) || id < 0 || id >= vocabularySize || id <= (kept[i - 1] ?? -1),
  );
  if (wrong >= 0 || kept.length === 0)
    throw new PengiError(
      'E_CONFIG',
      `keptIds: expected ascending integers below ${vocabularySize}, found ${kept.length === 0 ? 'none' : `${kept[wrong]} at position ${wrong}`}`,
    );
  const positions = new Map(kept.map((id, position) => [id, position]));

  return {
    keptIds: kept,
    size: kept.length,
    small(largeId) {
      const position = positions.get(largeId);
      if (position === undefined) throw new PengiError('E_CONFIG', `keptIds: lacks ${largeId}`);
      return position;
    },
    toSmall(pieces) {
      const unknown = pieces.filter(({ ids }) => !ids.every((id) => positions.has(id)));
      if (unknown.length > 0) throw unknownPieces(unknown);
      return pieces.map(({ text, ids }) => ({ text, ids: ids.map((id) => positions.get(id) as number) }));
    },
    toLarge(smallId) {
      const id = kept[smallId];
      if (id === undefined)
        throw new PengiError('E_TEXT', `token id ${smallId} is outside 0 … ${kept.length - 1}`);
      return id;
    },
  };
}

function unknownPieces(pieces: readonly TextPiece[]): PengiError {
  // With their blanks: " dog" may be known where "dog" is not.
  const texts = new Set(pieces.map(({ text }) => text));
  const names = [...texts].map((text) => `"${printable(text, 40)}"`);
  const more = names.length > 5 ? ` and ${names.length - 5} more` : '';
  return new PengiError('E_TEXT', `this model does not know ${names.slice(0, 5).join(', ')}${more}`, {
    hint: 'it was trained on few words: use words of its training texts, or a model with the whole vocabulary',
  });
}
