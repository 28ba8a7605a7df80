import {
  ascii,
  CONVERT,
  checkLength,
  checkStream,
  type DecodedChannels,
  type Decoding,
  refuse,
  reportDamage,
  viewOf,
} from './decoding.js';

/**
 * A strict reader of RIFF WAVE and RF64. The format has no checksum: flipped bits in samples cannot be noticed, a file
 * that is shorter than its header says can.
 */
export function decodeWav(decoding: Decoding, start: number): DecodedChannels {
  const { format, at, frames } = readHead(decoding, start, decoding.bytes.length);
  const { channels, sampleRate, frameBytes, bytesPerSample, fill } = format;
  const view = viewOf(decoding.bytes);
  return {
    sampleRate,
    channels: Array.from({ length: channels }, (_, c) => {
      const samples = new Float32Array(frames);
      fill(view, at + c * bytesPerSample, frameBytes, samples);
      return samples;
    }),
  };
}

/**
 * What `decodeWav` refuses by the head of a file, from its first bytes alone.
 * @param head - `bytes` are the beginning of a file of `fileBytes`
 */
export function checkWavHead(head: Decoding, fileBytes: number): void {
  readHead(head, 0, fileBytes);
}

function readHead(
  decoding: Decoding,
  start: number,
  fileBytes: number,
): { format: Format; at: number; frames: number } {
  const chunks = readChunks(decoding, start);
  const format = readFormat(decoding, chunks.format);
  const { channels, sampleRate, frameBytes } = format;
  const available = dataBytes(decoding, chunks, fileBytes - chunks.data.start);
  const frames = Math.floor(available / frameBytes);
  if (frames === 0 && available > 0)
    refuse(
      decoding,
      'E_AUDIO_HEADER',
      `${available} bytes of audio are less than one frame of ${frameBytes}`,
    );
  if (available % frameBytes !== 0)
    decoding.warnings.push(`${available % frameBytes} bytes at the end are no whole frame and were left out`);
  checkLength(decoding, frames, sampleRate, channels);
  return { format, at: chunks.data.start, frames };
}

interface Chunk {
  readonly start: number;
  readonly size: number;
}

interface Chunks {
  readonly format: Chunk;
  readonly data: Chunk;
  /** Size of the data according to RF64's ds64 chunk. */
  readonly longData: number | undefined;
  readonly riffSize: number;
}

/** What streaming writers leave where they cannot go back to. */
const UNKNOWN_SIZE = 0xffffffff;

function readChunks(decoding: Decoding, start: number): Chunks {
  const { bytes } = decoding;
  const view = viewOf(bytes);
  let format: Chunk | undefined;
  let data: Chunk | undefined;
  let longData: number | undefined;
  let at = start + 12;
  while (at + 8 <= bytes.length && (format === undefined || data === undefined)) {
    const id = ascii(bytes, at, 4);
    const chunk = { start: at + 8, size: view.getUint32(at + 4, true) };
    if (id === 'fmt ') format = chunk;
    else if (id === 'data') data = chunk;
    else if (id === 'ds64' && chunk.size >= 16 && chunk.start + 16 <= bytes.length)
      longData = Number(view.getBigUint64(chunk.start + 8, true));
    at = nextChunk(bytes, chunk);
  }
  if (format === undefined) refuse(decoding, 'E_AUDIO_HEADER', 'a WAVE file without a fmt chunk');
  if (format.start + Math.max(16, format.size) > bytes.length)
    refuse(decoding, 'E_AUDIO_TRUNCATED', 'the file ends inside its fmt chunk');
  if (data === undefined) refuse(decoding, 'E_AUDIO_HEADER', 'a WAVE file without a data chunk');
  return { format, data, longData, riffSize: view.getUint32(start + 4, true) };
}

/** Chunks start at even offsets; some writers forget the padding byte. */
function nextChunk(bytes: Uint8Array, { start, size }: Chunk): number {
  const end = start + size;
  if (size % 2 === 0) return end;
  const isChunkAt = (at: number) => /^[\x20-\x7e]{4}$/.test(ascii(bytes, at, 4));
  return !isChunkAt(end + 1) && isChunkAt(end) ? end : end + 1;
}

/** How many bytes of audio there are, after the header's claim was compared with the `rest` of the file. */
function dataBytes(decoding: Decoding, { data, longData, riffSize }: Chunks, rest: number): number {
  let claimed = data.size;
  if (claimed === UNKNOWN_SIZE) {
    if (longData === undefined || longData === 0) return rest;
    claimed = longData;
  }
  if (claimed === 0 && rest > 0 && (riffSize === 0 || riffSize === UNKNOWN_SIZE)) {
    decoding.warnings.push(
      'the header gives no sizes (its writer did not finish): read to the end of the file',
    );
    return rest;
  }
  if (claimed > rest)
    reportDamage(
      decoding,
      'E_AUDIO_TRUNCATED',
      `the data chunk says ${claimed} bytes, the file has ${rest} of them`,
    );
  return Math.min(claimed, rest);
}

interface Format {
  readonly channels: number;
  readonly sampleRate: number;
  readonly frameBytes: number;
  readonly bytesPerSample: number;
  readonly fill: Fill;
}

function readFormat(decoding: Decoding, chunk: Chunk): Format {
  if (chunk.size < 16)
    refuse(decoding, 'E_AUDIO_HEADER', `a fmt chunk of ${chunk.size} bytes; at least 16 are needed`);
  const view = viewOf(decoding.bytes);
  const tag = formatTag(decoding, chunk);
  const channels = view.getUint16(chunk.start + 2, true);
  const sampleRate = view.getUint32(chunk.start + 4, true);
  const frameBytes = view.getUint16(chunk.start + 12, true);
  const bits = view.getUint16(chunk.start + 14, true);

  const codec = CODECS[tag];
  if (codec === undefined)
    refuse(
      decoding,
      'E_AUDIO_FORMAT',
      `WAVE format tag 0x${tag.toString(16).padStart(4, '0')} (${OTHER_CODECS[tag] ?? 'unknown codec'}) is not read here`,
      { hint: CONVERT },
    );
  const fill = codec.fills[bits];
  if (fill === undefined)
    refuse(
      decoding,
      'E_AUDIO_FORMAT',
      `${codec.name} of ${bits} bits; ${Object.keys(codec.fills).join(', ')} bits are read`,
      { hint: CONVERT },
    );
  checkStream(decoding, sampleRate, channels);
  const bytesPerSample = bits / 8;
  if (frameBytes !== channels * bytesPerSample)
    refuse(
      decoding,
      'E_AUDIO_HEADER',
      `frames of ${frameBytes} bytes for ${channels} channels of ${bits} bits, which need ${channels * bytesPerSample}`,
    );
  return { channels, sampleRate, frameBytes, bytesPerSample, fill };
}

const EXTENSIBLE = 0xfffe;
/** Bytes 2 … 15 of a sub-format GUID that wraps a plain format tag. */
const TAG_GUID = '000000001000800000aa00389b71';

function formatTag(decoding: Decoding, chunk: Chunk): number {
  const view = viewOf(decoding.bytes);
  const tag = view.getUint16(chunk.start, true);
  if (tag !== EXTENSIBLE) return tag;
  if (chunk.size < 40) refuse(decoding, 'E_AUDIO_HEADER', 'an extensible fmt chunk without a sub-format');
  const guid = decoding.bytes.subarray(chunk.start + 26, chunk.start + 40);
  const tail = Array.from(guid, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return tail === TAG_GUID ? view.getUint16(chunk.start + 24, true) : tag;
}

/** Fills `out` with the samples at `at`, `at + step`, … */
type Fill = (view: DataView, at: number, step: number, out: Float32Array) => void;

const linear = (read: (view: DataView, at: number) => number): Fill => {
  return (view, at, step, out) => {
    for (let i = 0; i < out.length; i++, at += step) out[i] = read(view, at);
  };
};

const logarithmic = (decode: (byte: number) => number): Fill => {
  const table = Float32Array.from({ length: 256 }, (_, byte) => decode(byte) / 2 ** 15);
  return linear((view, at) => table[view.getUint8(at)]!);
};

const CODECS: Record<number, { readonly name: string; readonly fills: Record<number, Fill> }> = {
  1: {
    name: 'PCM',
    fills: {
      8: linear((view, at) => (view.getUint8(at) - 128) / 2 ** 7),
      // The usual case has its loop written out: a call per sample is several times slower.
      16: (view, at, step, out) => {
        for (let i = 0; i < out.length; i++, at += step) out[i] = view.getInt16(at, true) / 2 ** 15;
      },
      24: linear((view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 2 ** 16) / 2 ** 23),
      32: linear((view, at) => view.getInt32(at, true) / 2 ** 31),
    },
  },
  3: {
    name: 'floating point',
    fills: {
      32: linear((view, at) => view.getFloat32(at, true)),
      64: linear((view, at) => view.getFloat64(at, true)),
    },
  },
  6: { name: 'A-law', fills: { 8: logarithmic(decodeALaw) } },
  7: { name: 'mu-law', fills: { 8: logarithmic(decodeMuLaw) } },
};

/** ITU-T G.711, as 16-bit values. */
function decodeALaw(byte: number): number {
  const code = byte ^ 0x55;
  const segment = (code >> 4) & 7;
  const step = ((code & 15) << 4) + 8;
  const magnitude = segment === 0 ? step : (step + 256) << (segment - 1);
  return code & 0x80 ? magnitude : -magnitude;
}

function decodeMuLaw(byte: number): number {
  const code = ~byte & 0xff;
  const magnitude = ((((code & 15) << 3) + 132) << ((code >> 4) & 7)) - 132;
  return code & 0x80 ? 0 - magnitude : magnitude;
}

/** Codecs that files found in the wild use, so that the error can name them. */
const OTHER_CODECS: Record<number, string> = {
  2: 'Microsoft ADPCM',
  17: 'IMA ADPCM',
  34: 'TrueSpeech',
  49: 'GSM 6.10',
  64: 'G.721 ADPCM',
  80: 'MPEG layer 1 or 2',
  85: 'MP3',
  255: 'AAC',
  352: 'Windows Media Audio 1',
  353: 'Windows Media Audio 2',
  354: 'Windows Media Audio Pro',
  8192: 'AC-3',
  65534: 'an extension of unknown sub-format',
};
