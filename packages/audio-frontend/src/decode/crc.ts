/** The checksums of FLAC, Ogg and LAME's tag. All start at 0 and are not inverted at the end. */

/** FLAC frame headers: polynomial x⁸ + x² + x + 1. */
export const crc8 = forward(8, 0x07);
/** FLAC frames: x¹⁶ + x¹⁵ + x² + 1. */
export const crc16 = forward(16, 0x8005);
/** Ogg pages: the polynomial of Ethernet, bits not reflected. */
export const crc32 = forward(32, 0x04c11db7);
/** The music in an MP3 of LAME: as `crc16`, bits reflected. */
export const crc16Reflected = reflected(0xa001);

export type Crc = (bytes: Uint8Array, start: number, end: number, crc?: number) => number;

function forward(width: 8 | 16 | 32, polynomial: number): Crc {
  const top = 2 ** (width - 1);
  const mask = 2 ** width - 1;
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = (byte << (width - 8)) >>> 0;
    for (let bit = 0; bit < 8; bit++) crc = ((crc & top) !== 0 ? (crc << 1) ^ polynomial : crc << 1) >>> 0;
    return (crc & mask) >>> 0;
  });
  return (bytes, start, end, crc = 0) => {
    for (let i = start; i < end; i++)
      crc = (table[((crc >>> (width - 8)) ^ bytes[i]!) & 0xff]! ^ (crc << 8)) & mask;
    return crc >>> 0;
  };
}

function reflected(polynomial: number): Crc {
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    return crc;
  });
  return (bytes, start, end, crc = 0) => {
    for (let i = start; i < end; i++) crc = table[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
    return crc;
  };
}
