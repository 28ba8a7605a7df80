import { crc32 } from './crc.js';
import { ascii, CONVERT, type Decoding, refuse, reportDamage, viewOf } from './decoding.js';

/** Ogg's pages with their checksums verified, sorted into streams. */
export interface OggPage {
  readonly start: number;
  readonly end: number;
  readonly serial: number;
  readonly sequence: number;
  /** Samples of the stream up to here, counted by the codec; negative when no packet ends on the page. */
  readonly granule: number;
  /** Packets that end on the page. */
  readonly packets: number;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

export interface OggStream {
  /** The first packet, which names the codec. */
  readonly head: Uint8Array;
  readonly pages: OggPage[];
}

/**
 * The streams that follow each other in a file (one, but in chained files), each being the audio stream of its part.
 * Pages end at the first damage.
 */
export function readOggStreams(
  decoding: Decoding,
  start: number,
  isAudio: (head: Uint8Array) => boolean,
): OggStream[] {
  const pages = readPages(decoding, start);
  if (pages.length === 0) refuse(decoding, 'E_AUDIO_TRUNCATED', 'the file ends inside its first Ogg page');
  const parts = splitParts(decoding, pages);
  if (parts.length > MAX_PARTS)
    refuse(decoding, 'E_AUDIO_FORMAT', `${parts.length} chained Ogg streams; at most ${MAX_PARTS} are read`);
  return parts.map((streams) => {
    const audio = streams.find((stream) => isAudio(stream.head));
    if (audio === undefined)
      refuse(decoding, 'E_AUDIO_FORMAT', `Ogg with ${streams.map(codecName).join(', ')} is not read here`, {
        hint: CONVERT,
      });
    checkOrder(decoding, audio);
    return audio;
  });
}

/** Each part starts a decoder anew, so their number is limited. */
const MAX_PARTS = 64;

function readPages(decoding: Decoding, start: number): OggPage[] {
  const { bytes } = decoding;
  const pages: OggPage[] = [];
  let at = start;
  while (at < bytes.length) {
    const page = readPage(bytes, at);
    if (page === 'cut') {
      reportDamage(decoding, 'E_AUDIO_TRUNCATED', `the file ends inside Ogg page ${pages.length}`);
      break;
    }
    if (page === undefined) {
      if (pages.at(-1)?.isLast && !hasPageAfter(bytes, at))
        decoding.warnings.push(`${bytes.length - at} bytes behind the last Ogg page were skipped`);
      else
        reportDamage(
          decoding,
          'E_AUDIO_DAMAGED',
          `Ogg page ${pages.length} (byte ${at}) has a wrong checksum`,
        );
      break;
    }
    pages.push(page);
    at = page.end;
  }
  return pages;
}

const ZEROS = new Uint8Array(4);

/** 'cut' when the bytes end before the page does, undefined when it is no page or its checksum is wrong. */
function readPage(bytes: Uint8Array, at: number): OggPage | 'cut' | undefined {
  if (ascii(bytes, at, 4) !== 'OggS'.slice(0, bytes.length - at)) return undefined;
  const segments = bytes[at + 26];
  if (segments === undefined || at + 27 + segments > bytes.length) return 'cut';
  const lacing = bytes.subarray(at + 27, at + 27 + segments);
  const end = lacing.reduce((sum, size) => sum + size, at + 27 + segments);
  if (end > bytes.length) return 'cut';

  // The checksum is that of the page with zeros in its place.
  const crc = crc32(bytes, at + 26, end, crc32(ZEROS, 0, 4, crc32(bytes, at, at + 22)));
  const view = viewOf(bytes);
  if (crc !== view.getUint32(at + 22, true) || bytes[at + 4] !== 0) return undefined;
  const flags = bytes[at + 5]!;
  return {
    start: at,
    end,
    serial: view.getUint32(at + 14, true),
    sequence: view.getUint32(at + 18, true),
    granule: Number(view.getBigInt64(at + 6, true)),
    packets: lacing.filter((size) => size < 255).length,
    isFirst: (flags & 2) !== 0,
    isLast: (flags & 4) !== 0,
  };
}

function hasPageAfter(bytes: Uint8Array, at: number): boolean {
  for (let i = at; i + 4 <= bytes.length; i++)
    if (bytes[i] === 0x4f && ascii(bytes, i, 4) === 'OggS') return true;
  return false;
}

/** A first page that comes after audio pages begins a new part; several in a row are streams side by side. */
function splitParts(decoding: Decoding, pages: readonly OggPage[]): OggStream[][] {
  const parts: Map<number, OggStream>[] = [];
  let isInAudio = true;
  for (const page of pages) {
    if (page.isFirst) {
      if (isInAudio) parts.push(new Map());
      parts.at(-1)?.set(page.serial, { head: firstPacket(decoding.bytes, page), pages: [page] });
    } else parts.at(-1)?.get(page.serial)?.pages.push(page);
    isInAudio = !page.isFirst;
  }
  if (parts.length === 0) refuse(decoding, 'E_AUDIO_HEADER', 'an Ogg file without the beginning of a stream');
  return parts.map((streams) => [...streams.values()]);
}

function firstPacket(bytes: Uint8Array, page: OggPage): Uint8Array {
  const segments = bytes[page.start + 26]!;
  let length = 0;
  for (let i = 0; i < segments; i++) {
    const size = bytes[page.start + 27 + i]!;
    length += size;
    if (size < 255) break;
  }
  const body = page.start + 27 + segments;
  return bytes.subarray(body, body + length);
}

/** A missing page is damage, and so is a missing end; pages behind a gap are dropped. */
function checkOrder(decoding: Decoding, stream: OggStream): void {
  const { pages } = stream;
  const first = pages[0]!.sequence;
  const gap = pages.findIndex((page, i) => page.sequence !== first + i);
  if (gap !== -1) {
    reportDamage(decoding, 'E_AUDIO_DAMAGED', `Ogg page ${first + gap} is missing`);
    pages.length = gap;
  } else if (!pages.at(-1)!.isLast && decoding.warnings.length === 0)
    reportDamage(decoding, 'E_AUDIO_TRUNCATED', 'the file ends before the last page of its Ogg stream');
}

function codecName({ head }: OggStream): string {
  const text = ascii(head, 0, 16);
  const known = CODEC_NAMES.find(([magic]) => text.startsWith(magic));
  return known?.[1] ?? 'an unknown codec';
}

const CODEC_NAMES: readonly (readonly [magic: string, name: string])[] = [
  ['\x7fFLAC', 'FLAC'],
  ['Speex', 'Speex'],
  ['\x80theora', 'Theora video'],
  ['fishead', 'Skeleton'],
  ['PCM     ', 'PCM'],
];
