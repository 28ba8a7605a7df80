/**
 * The 512-byte header of a tar member. Our own code rather than tar-stream: shards are read by offset, which that library does not
 * tell, and extended headers of any length must be refused before they are held in memory.
 */

export const BLOCK = 512;

export interface TarHeader {
  readonly name: string;
  /** Of the body, before padding. */
  readonly bytes: number;
  /** The type flag: "0" is a file; see POSIX `ustar`, pax and GNU tar. */
  readonly type: string;
}

/** A reason in words for a block that is no header; 'end' for a block of zeros. */
export type NoHeader = { readonly problem: string } | 'end';

export function parseHeader(block: Uint8Array): TarHeader | NoHeader {
  if (block.every((byte) => byte === 0)) return 'end';
  const stated = octal(block, 148, 8);
  if (stated === undefined || !checksums(block).includes(stated))
    return { problem: 'is no tar header: its checksum is wrong' };
  const bytes = number(block, 124, 12);
  if (bytes === undefined) return { problem: 'has a header without a usable size' };
  // Only POSIX headers have the prefix; GNU's keep times there.
  const isPosix = text(block, 257, 6) === 'ustar' && block[262] === 0;
  const prefix = isPosix ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    bytes,
    type: block[156] === 0 ? '0' : String.fromCharCode(block[156] as number),
  };
}

/**
 * A header that is the same on every machine: a regular file of mode 0644 without owner, dated 1970.
 * @param name at most 100 bytes of ASCII, so that no extension is needed
 */
export function encodeHeader(name: string, bytes: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 'ascii');
  block.write('0000644\0', 100, 'ascii');
  block.write('0000000\0', 108, 'ascii');
  block.write('0000000\0', 116, 'ascii');
  block.write(`${bytes.toString(8).padStart(11, '0')}\0`, 124, 'ascii');
  block.write('00000000000\0', 136, 'ascii');
  block.write('        0', 148, 'ascii'); // the checksum counts as blanks; type 0
  block.write('ustar\x0000', 257, 'ascii');
  block.write(`${checksums(block)[0].toString(8).padStart(6, '0')}\0 `, 148, 'ascii');
  return block;
}

/** The bytes that a body of this length takes. */
export function padded(bytes: number): number {
  return Math.ceil(bytes / BLOCK) * BLOCK;
}

/** The sum of the bytes with the field itself as blanks; some old programs summed signed bytes. */
function checksums(block: Uint8Array): [unsigned: number, signed: number] {
  let [unsigned, high] = [0, 0];
  for (let i = 0; i < BLOCK; i++) {
    const byte = i >= 148 && i < 156 ? 0x20 : (block[i] as number);
    unsigned += byte;
    if (byte > 127) high++;
  }
  return [unsigned, unsigned - 256 * high];
}

function text(block: Uint8Array, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString('utf8');
}

/** Octal digits, or GNU's base 256 when the first bit is set. */
function number(block: Uint8Array, at: number, length: number): number | undefined {
  const first = block[at] as number;
  if ((first & 0x80) === 0) return octal(block, at, length);
  if (first !== 0x80) return undefined; // negative, or beyond 2^88
  let value = 0;
  for (let i = at + 1; i < at + length; i++) value = value * 256 + (block[i] as number);
  return Number.isSafeInteger(value) ? value : undefined;
}

function octal(block: Uint8Array, at: number, length: number): number | undefined {
  const digits = text(block, at, length).trim();
  return /^[0-7]{1,12}$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}
