import { ascii, CONVERT, type Decoding, refuse } from './decoding.js';
import { findMpegFrames } from './mpeg.js';

export type Container = 'wav' | 'flac' | 'mpeg' | 'ogg';

/**
 * Which format the bytes are, and where it starts; names and extensions are not asked.
 * @throws PengiError E_AUDIO_FORMAT that says what the file is instead, as far as it can be told
 */
export function detect(decoding: Decoding): { container: Container; start: number } {
  const { bytes } = decoding;
  if (bytes.length === 0) refuse(decoding, 'E_AUDIO_EMPTY', 'the file has 0 bytes');
  const start = skipId3(decoding);
  const magic = ascii(bytes, start, 4);
  if (isWave(bytes, start)) return { container: 'wav', start };
  if (magic === 'fLaC') return { container: 'flac', start };
  if (magic === 'OggS') return { container: 'ogg', start };

  const other = otherFormat(bytes.subarray(start));
  if (other !== undefined) refuse(decoding, 'E_AUDIO_FORMAT', other.message, { hint: other.hint });
  const first = findMpegFrames(bytes, start);
  if (first === undefined) {
    const what = isText(bytes.subarray(start, start + 512)) ? 'a text file' : 'unknown data';
    refuse(decoding, 'E_AUDIO_FORMAT', `${what}, no audio format that is known here`, { hint: CONVERT });
  }
  if (first > start && bytes.subarray(start, first).some((byte) => byte !== 0))
    decoding.warnings.push(`${first - start} stray bytes before the first MPEG frame were skipped`);
  return { container: 'mpeg', start: first };
}

function isWave(bytes: Uint8Array, start: number): boolean {
  return ['RIFF', 'RF64', 'BW64'].includes(ascii(bytes, start, 4)) && ascii(bytes, start + 8, 4) === 'WAVE';
}

/** Where the audio starts behind any ID3v2 tags, which some tools put before other formats than MP3 too. */
function skipId3(decoding: Decoding): number {
  const { bytes } = decoding;
  let at = 0;
  while (ascii(bytes, at, 3) === 'ID3' && at + 10 <= bytes.length) {
    // Seven bits a byte; a footer repeats the ten bytes of the header.
    const size = [6, 7, 8, 9].reduce((total, i) => total * 128 + (bytes[at + i]! & 0x7f), 0);
    const footer = (bytes[at + 5]! & 0x10) !== 0 ? 10 : 0;
    at += 10 + size + footer;
    if (at >= bytes.length)
      refuse(
        decoding,
        'E_AUDIO_TRUNCATED',
        `an ID3 tag of ${size} bytes reaches to or beyond the end of the file`,
      );
  }
  return at;
}

/** What the bytes are when they begin as something that is known and not read. */
function otherFormat(bytes: Uint8Array): { message: string; hint: string } | undefined {
  const head = ascii(bytes, 0, 64);
  if (head.startsWith('version https://git-lfs'))
    return {
      message: 'a Git LFS pointer in place of the audio',
      hint: 'fetch the file itself with `git lfs pull`',
    };
  if (/^\s*<(!doctype|html|\?xml)/i.test(head))
    return { message: 'a web page in place of the audio', hint: 'download the file again' };
  const known = OTHER_FORMATS.find(([offset, magic]) => head.startsWith(magic, offset));
  if (known) return { message: `${known[2]} is not read here`, hint: CONVERT };
  if (bytes[0] === 0xff && (bytes[1]! & 0xf6) === 0xf0)
    return { message: 'AAC (ADTS) is not read here', hint: CONVERT };
  return undefined;
}

function isText(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

/** By the bytes at an offset. */
const OTHER_FORMATS: readonly (readonly [offset: number, magic: string, name: string])[] = [
  [0, 'RIFX', 'big-endian WAVE'],
  [8, 'AVI ', 'AVI video'],
  [0, 'RIFF', 'a RIFF file that is not WAVE'],
  [8, 'AIFF', 'AIFF'],
  [8, 'AIFC', 'AIFF-C'],
  [4, 'ftyp', 'MP4 or M4A (AAC, ALAC)'],
  [0, '\x1a\x45\xdf\xa3', 'Matroska or WebM'],
  [0, '\x30\x26\xb2\x75', 'Windows Media (ASF)'],
  [0, '.snd', 'Sun AU'],
  [0, 'caff', 'Core Audio Format'],
  [0, 'wvpk', 'WavPack'],
  [0, 'MAC ', "Monkey's Audio"],
  [0, '#!AMR', 'AMR'],
  [0, 'NIST_1A', 'NIST SPHERE'],
  [0, 'PK\x03\x04', 'a ZIP archive'],
  [0, '\x1f\x8b', 'a gzip archive'],
  [0, '\x7fELF', 'a program'],
  [0, '%PDF', 'a PDF document'],
  [0, '\x89PNG', 'a picture'],
  [0, '\xff\xd8\xff', 'a picture'],
];
