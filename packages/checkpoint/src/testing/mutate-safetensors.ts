import type { Rng } from '@pengi/core';
import { craft } from './craft.js';

/** Five of six mutants change the header's words and numbers, the length kept true; the others change bytes anywhere. */
export function mutateSafetensors(valid: Uint8Array, rng: Rng): Uint8Array {
  if (rng.int(6) === 0) return mutateBytes(valid, rng);
  const length = Number(new DataView(valid.buffer).getBigUint64(0, true));
  let header = new TextDecoder().decode(valid.subarray(8, 8 + length));
  for (let times = 1 + rng.int(2); times > 0; times--) header = mutateHeader(header, rng);
  return craft(header, valid.slice(8 + length));
}

const PIECES = `
  -1 0 1 2 3 4 6 24 30 38 40 4294967296 9007199254740991 9007199254740993 18446744073709551615 1e999 0.5 -0
  null true {} [] [0] [[]] "F32" "F64" "BOOL" "U8" "F4" "F8_E5M2" "shape" "data_offsets" "__metadata__"
  "x" "h.0.w" "__proto__" "constructor" "\\ud800"`
  .trim()
  .split(/\s+/);

function mutateHeader(header: string, rng: Rng): string {
  const tokens: string[] = header.match(/"[^"]*"|-?\d+|[^"\d]/g) ?? [];
  const places = tokens.flatMap((token, i) => (/["\d]/.test(token) ? [i] : []));
  const at = rng.int(10) === 0 ? rng.int(tokens.length) : (places[rng.int(places.length)] ?? 0);
  const piece = PIECES[rng.int(PIECES.length)] as string;
  const other = tokens[rng.int(tokens.length)] as string;
  const replaced = [piece, piece, piece, other, '', `${tokens[at]},${piece}`][rng.int(6)] as string;
  return tokens.with(at, replaced).join('');
}

export function mutateBytes(valid: Uint8Array, rng: Rng): Uint8Array {
  const bytes = [...valid];
  for (let times = 1 + rng.int(3); times > 0; times--) {
    const at = rng.int(bytes.length);
    const byte = rng.int(256);
    const bit = (bytes[at] ?? 0) ^ (1 << rng.int(8));
    const changes = [[bit], [byte], [], [bytes[at] ?? 0, byte]][rng.int(4)] as number[];
    bytes.splice(at, 1, ...changes);
  }
  return Uint8Array.from(bytes);
}
