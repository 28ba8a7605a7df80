import { PengiError } from '@pengi/core';

/** What `pickled` writes: what HEAR's kit pickles of labels. */
export type Picklable = string | number | readonly Picklable[] | { readonly [key: string]: Picklable };

/**
 * A Python pickle of protocol 2 that holds lists, dicts, strings and whole numbers of 32 bits: `pickle.load` gives back the same.
 * @throws PengiError E_DATA for anything else, or a string that is no valid Unicode
 */
export function pickled(value: Picklable): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0x80, 2)]; // PROTO 2
  write(value, parts);
  parts.push(opcode('.')); // STOP
  return Buffer.concat(parts);
}

/** As the pickle module's own name for it: how many elements APPENDS and SETITEMS take at once. */
const BATCH = 1000;

function write(value: Picklable, parts: Uint8Array[]): void {
  if (typeof value === 'string') {
    if (/\p{Surrogate}/u.test(value))
      throw new PengiError('E_DATA', `no Unicode text: ${JSON.stringify(value)}`);
    const bytes = Buffer.from(value, 'utf8');
    parts.push(opcode('X'), int32(bytes.length), bytes); // BINUNICODE
  } else if (typeof value === 'number') {
    if ((value | 0) !== value) throw new PengiError('E_DATA', `${value} is no whole number of 32 bits`);
    parts.push(opcode('J'), int32(value)); // BININT
  } else if (Array.isArray(value)) {
    parts.push(opcode(']')); // EMPTY_LIST
    writeItems(value, 'e', (item: Picklable) => write(item, parts), parts); // APPENDS
  } else if (typeof value === 'object' && value !== null) {
    parts.push(opcode('}')); // EMPTY_DICT
    const writeEntry = ([key, item]: [string, Picklable]) => {
      write(key, parts);
      write(item, parts);
    };
    writeItems(Object.entries(value), 'u', writeEntry, parts); // SETITEMS
  } else throw new PengiError('E_DATA', `${typeof value} cannot be pickled here`);
}

function writeItems<T>(
  items: readonly T[],
  end: 'e' | 'u',
  one: (item: T) => void,
  parts: Uint8Array[],
): void {
  for (let from = 0; from < items.length; from += BATCH) {
    parts.push(opcode('(')); // MARK
    for (const item of items.slice(from, from + BATCH)) one(item);
    parts.push(opcode(end));
  }
}

function opcode(character: string): Uint8Array {
  return Uint8Array.of(character.charCodeAt(0));
}

function int32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
