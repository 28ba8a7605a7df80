import { crc16Reflected } from './crc.js';
import { ascii, viewOf } from './decoding.js';

/** Headers and frames of MPEG audio, layers I to III, so that damage is seen before a decoder smooths it over. */
export interface MpegHeader {
  /** 1, 2 or 2.5 */
  readonly version: number;
  readonly layer: number;
  readonly sampleRate: number;
  readonly channels: 1 | 2;
  readonly isProtected: boolean;
  /** Of the frame, in samples a channel. */
  readonly samples: number;
  /** Of the frame, header included. */
  readonly bytes: number;
}

/** The frame header at `at`; undefined where there is none (and for free format, which gives no frame length). */
export function parseMpegHeader(bytes: Uint8Array, at: number): MpegHeader | undefined {
  if (at + 4 > bytes.length || bytes[at] !== 0xff || (bytes[at + 1]! & 0xe0) !== 0xe0) return undefined;
  const version = [2.5, undefined, 2, 1][(bytes[at + 1]! >> 3) & 3];
  const layer = [undefined, 3, 2, 1][(bytes[at + 1]! >> 1) & 3];
  const fullRate = [44100, 48000, 32000][(bytes[at + 2]! >> 2) & 3];
  const bitrateIndex = bytes[at + 2]! >> 4;
  const hasReservedEmphasis = (bytes[at + 3]! & 3) === 2;
  if (version === undefined || layer === undefined || fullRate === undefined) return undefined;
  if (bitrateIndex === 0 || bitrateIndex === 15 || hasReservedEmphasis) return undefined;

  const sampleRate = fullRate / (version === 1 ? 1 : version === 2 ? 2 : 4);
  const table = version === 1 ? layer - 1 : layer === 1 ? 3 : 4;
  const bitrate = BITRATES[table]![bitrateIndex - 1]! * 1000;
  const samples = layer === 1 ? 384 : layer === 3 && version !== 1 ? 576 : 1152;
  // Layer I counts in slots of four bytes, the others in bytes.
  const slot = layer === 1 ? 4 : 1;
  const padding = (bytes[at + 2]! >> 1) & 1;
  const slots = Math.floor(((samples / 8 / slot) * bitrate) / sampleRate) + padding;
  return {
    version,
    layer,
    sampleRate,
    channels: bytes[at + 3]! >> 6 === 3 ? 1 : 2,
    isProtected: (bytes[at + 1]! & 1) === 0,
    samples,
    bytes: slots * slot,
  };
}

/** kbit/s of bit rate index 1 … 14 for layers I, II, III of MPEG-1, then layer I and layers II, III of MPEG-2 and 2.5. */
const BITRATES = [
  [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
] as const;

/** How far stray bytes are searched for a first frame. */
const SEARCH_BYTES = 65536;

/**
 * The offset of the first frame: one at `start` (behind zeros) that another follows, or the first of three in a row
 * within 64 KiB; the former even if damaged, when it is of the kind of the latter.
 */
export function findMpegFrames(bytes: Uint8Array, start: number): number | undefined {
  while (bytes[start] === 0) start++;
  if (isChain(bytes, start, 2, true)) return start;
  const limit = Math.min(bytes.length, start + SEARCH_BYTES);
  for (let at = start; at < limit; at++) {
    if (!isChain(bytes, at, 3, false)) continue;
    const [expected, found] = [parseMpegHeader(bytes, start), parseMpegHeader(bytes, at)];
    return expected && found && isSameKind(expected, found) ? start : at;
  }
  return undefined;
}

/** Whether `count` frames of one kind follow each other; `mayEnd`: or fewer up to the end of the bytes. */
function isChain(bytes: Uint8Array, at: number, count: number, mayEnd: boolean): boolean {
  const first = parseMpegHeader(bytes, at);
  let header = first;
  for (let i = 1; first !== undefined && i < count; i++) {
    if (header === undefined) return false;
    at += header.bytes;
    if (at >= bytes.length) return mayEnd;
    header = parseMpegHeader(bytes, at);
    if (header !== undefined && !isSameKind(header, first)) return false;
  }
  return header !== undefined;
}

function isSameKind(a: MpegHeader, b: MpegHeader): boolean {
  return a.version === b.version && a.layer === b.layer && a.sampleRate === b.sampleRate;
}

export interface MpegFrames {
  /** Frames that follow each other without a gap. */
  readonly runs: { start: number; end: number }[];
  readonly count: number;
  /** 2 when any frame is stereo. */
  readonly channels: 1 | 2;
  /** Bytes between frames, which belong to frames that are damaged. */
  readonly lost: number;
  /** Whether the last frame reaches beyond the end. */
  readonly isCut: boolean;
  /** Bytes behind the last frame that are neither frames nor tags. */
  readonly trailing: number;
}

/**
 * All frames of the kind of `first` from `start` on, at most `maxCount`; where the chain breaks, it goes on at the next
 * two frames in a row.
 */
export function walkMpegFrames(
  bytes: Uint8Array,
  start: number,
  first: MpegHeader,
  maxCount: number,
): MpegFrames {
  const end = withoutTrailingTags(bytes);
  const runs: { start: number; end: number }[] = [];
  let run: { start: number; end: number } | undefined;
  let channels: 1 | 2 = 1;
  let [count, lost, trailing, isCut] = [0, 0, 0, false];
  let at = start;
  while (at < end && count < maxCount) {
    const header = parseMpegHeader(bytes, at);
    if (header === undefined || !isSameKind(header, first)) {
      const next = resynchronise(bytes, at + 1, end, first);
      if (next === undefined) trailing = end - at;
      else lost += next - at;
      at = next ?? end;
      continue;
    }
    if (at + header.bytes > end) {
      isCut = true;
      break;
    }
    if (run?.end !== at) {
      run = { start: at, end: at };
      runs.push(run);
    }
    at += header.bytes;
    run.end = at;
    count++;
    if (header.channels === 2) channels = 2;
  }
  return { runs, count, channels, lost, isCut, trailing };
}

function resynchronise(bytes: Uint8Array, from: number, end: number, kind: MpegHeader): number | undefined {
  for (let at = from; at + 4 <= end; at++) {
    const header = parseMpegHeader(bytes, at);
    if (header === undefined || !isSameKind(header, kind)) continue;
    const next = at + header.bytes;
    const following = parseMpegHeader(bytes, next);
    if (next === end || (following !== undefined && isSameKind(following, kind))) return at;
  }
  return undefined;
}

/** The end of the frames: before ID3v1, Lyrics3 and APE tags. */
function withoutTrailingTags(bytes: Uint8Array): number {
  let end = bytes.length;
  if (ascii(bytes, end - 128, 3) === 'TAG') end -= 128;
  if (ascii(bytes, end - 9, 9) === 'LYRICS200') {
    const size = Number(ascii(bytes, end - 15, 6));
    if (size + 15 <= end) end -= size + 15;
  }
  if (end >= 32 && ascii(bytes, end - 32, 8) === 'APETAGEX') {
    const view = viewOf(bytes);
    const hasHeader = (view.getUint32(end - 12, true) & 0x80000000) !== 0;
    const size = view.getUint32(end - 20, true) + (hasHeader ? 32 : 0);
    if (size <= end) end -= size;
  }
  return end;
}

/** What the tag in the first frame (Xing, Info, VBRI) says; such a frame holds no audio. */
export interface MpegInfo {
  /** Of the frame that holds the tag. */
  readonly bytes: number;
  /** Audio frames; undefined when not told. */
  readonly frames: number | undefined;
  /** Samples that the encoder added in front and at the end. */
  readonly gaps: { readonly delay: number; readonly padding: number } | undefined;
  /** Length of the stream (this frame included) and CRC of the frames behind this one, by LAME's tag. */
  readonly music: { readonly length: number; readonly crc: number } | undefined;
}

export function readMpegInfo(bytes: Uint8Array, start: number): MpegInfo | undefined {
  const header = parseMpegHeader(bytes, start);
  if (header === undefined || header.layer !== 3 || start + header.bytes > bytes.length) return undefined;
  const frame = bytes.subarray(start, start + header.bytes);
  const view = viewOf(frame);
  if (ascii(frame, 36, 4) === 'VBRI' && frame.length >= 54)
    return { bytes: frame.length, frames: view.getUint32(50), gaps: undefined, music: undefined };

  const isMono = header.channels === 1;
  const sideInfo = header.version === 1 ? (isMono ? 17 : 32) : isMono ? 9 : 17;
  let at = 4 + (header.isProtected ? 2 : 0) + sideInfo;
  if (!['Xing', 'Info'].includes(ascii(frame, at, 4)) || at + 8 > frame.length) return undefined;
  const flags = view.getUint32(at + 4);
  at += 8;
  const hasFrames = (flags & 1) !== 0 && at + 4 <= frame.length;
  const frames = hasFrames ? view.getUint32(at) : undefined;
  // Frame count, byte count, table of contents and quality, each where its flag is set.
  at += (flags & 1 ? 4 : 0) + (flags & 2 ? 4 : 0) + (flags & 4 ? 100 : 0) + (flags & 8 ? 4 : 0);
  if (!/^(LAME|L3\.99|Lavf|Lavc)/.test(ascii(frame, at, 5)) || at + 36 > frame.length)
    return { bytes: frame.length, frames, gaps: undefined, music: undefined };
  const packed = (frame[at + 21]! << 16) | (frame[at + 22]! << 8) | frame[at + 23]!;
  return {
    bytes: frame.length,
    frames,
    gaps: { delay: packed >> 12, padding: packed & 0xfff },
    music: { length: view.getUint32(at + 28), crc: view.getUint16(at + 32) },
  };
}

/** Whether the frames behind the tag are those that LAME wrote; undefined when the stream has another length. */
export function isMusicIntact(bytes: Uint8Array, start: number, info: MpegInfo): boolean | undefined {
  const end = start + (info.music?.length ?? 0);
  if (info.music === undefined || end !== withoutTrailingTags(bytes)) return undefined;
  return crc16Reflected(bytes, start + info.bytes, end) === info.music.crc;
}
