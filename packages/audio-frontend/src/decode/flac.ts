import { crc8, crc16 } from './crc.js';
import {
  ascii,
  CONVERT,
  checkLength,
  checkStream,
  createSink,
  type DecodedChannels,
  type Decoding,
  refuse,
  reportDamage,
  reportDecoderErrors,
  viewOf,
} from './decoding.js';
import { createPool, guarded } from './pool.js';

/**
 * FLAC through libFLAC, which by itself says nothing of damage (it returns less audio). So each frame's CRC-8 and
 * CRC-16, the order of frames and the number of samples in STREAMINFO are checked here before anything is decoded.
 */
export async function decodeFlac(decoding: Decoding, start: number): Promise<DecodedChannels> {
  const info = readStreamInfo(decoding, start);
  const { sampleRate, channels, bits } = info;
  checkStream(decoding, sampleRate, channels);
  const scale = SCALES[bits];
  if (scale === undefined)
    refuse(
      decoding,
      'E_AUDIO_FORMAT',
      `FLAC of ${bits} bits; ${Object.keys(SCALES).join(', ')} bits are read`,
      { hint: CONVERT },
    );
  const frames = walkFrames(decoding, info);
  const total = frames.reduce((sum, frame) => sum + frame.samples, 0);

  const sink = createSink(decoding, sampleRate, channels);
  await guarded(decoding, 'FLAC', () =>
    pool(async (decoder) => {
      await decoder.decodeFrames([streamHeader(info)]);
      for (let i = 0; i < frames.length; ) {
        const batch: Uint8Array[] = [];
        for (let samples = 0; samples < BATCH_SAMPLES && i < frames.length; i++) {
          const frame = frames[i]!;
          batch.push(decoding.bytes.subarray(frame.start, frame.end));
          samples += frame.samples;
        }
        const part = await decoder.decodeFrames(batch);
        reportDecoderErrors(decoding, 'FLAC', part.errors);
        for (const channel of part.channelData) rescale(channel, scale.divisor, scale.full);
        sink.push(part.channelData);
      }
      await decoder.reset();
    }),
  );
  if (sink.frames < total)
    reportDamage(decoding, 'E_AUDIO_DAMAGED', `the FLAC decoder gave ${sink.frames} of ${total} samples`);
  return { sampleRate, channels: sink.finish() };
}

const BATCH_SAMPLES = 65536;

const pool = createPool('FLAC', async () => {
  const { FLACDecoder } = await import('@wasm-audio-decoders/flac');
  return new FLACDecoder();
});

/**
 * The decoder divides by 2^(bits - 1) - 1, everyone else (torchaudio, libsndfile) by 2^(bits - 1); 20 and 12 bits it
 * does not divide by anything sensible, so they are not in this table.
 */
const SCALES: Record<number, { readonly divisor: number; readonly full: number }> = {
  8: { divisor: 2 ** 7 - 1, full: 2 ** 7 },
  16: { divisor: 2 ** 15 - 1, full: 2 ** 15 },
  24: { divisor: 2 ** 23 - 1, full: 2 ** 23 },
  // In float32 the divisor 2^31 - 1 is 2^31.
  32: { divisor: 2 ** 31, full: 2 ** 31 },
};

/** Back to the file's integers, which float32 still tells apart, and to the usual scale: exact. */
function rescale(samples: Float32Array, divisor: number, full: number): void {
  for (let i = 0; i < samples.length; i++) samples[i] = Math.round(samples[i]! * divisor) / full;
}

interface StreamInfo {
  readonly sampleRate: number;
  readonly channels: number;
  readonly bits: number;
  /** 0 when not told. */
  readonly total: number;
  /** The 34 bytes of the block. */
  readonly block: Uint8Array;
  /** Where the frames start. */
  readonly audio: number;
}

function readStreamInfo(decoding: Decoding, start: number): StreamInfo {
  const { bytes } = decoding;
  const view = viewOf(bytes);
  let at = start + 4;
  let block: Uint8Array | undefined;
  for (let isLast = false; !isLast; ) {
    if (at + 4 > bytes.length)
      refuse(decoding, 'E_AUDIO_TRUNCATED', 'the file ends inside its FLAC metadata');
    isLast = (bytes[at]! & 0x80) !== 0;
    const type = bytes[at]! & 0x7f;
    const size = view.getUint32(at) & 0xffffff;
    if (block === undefined && (type !== 0 || size < 34))
      refuse(decoding, 'E_AUDIO_HEADER', 'a FLAC file whose first metadata block is no STREAMINFO');
    block ??= bytes.subarray(at + 4, at + 38);
    at += 4 + size;
    if (at > bytes.length) refuse(decoding, 'E_AUDIO_TRUNCATED', 'the file ends inside its FLAC metadata');
  }
  if (block === undefined) refuse(decoding, 'E_AUDIO_HEADER', 'a FLAC file without STREAMINFO');
  const packed = viewOf(block).getUint32(10);
  return {
    sampleRate: packed >>> 12,
    channels: ((packed >>> 9) & 7) + 1,
    bits: ((packed >>> 4) & 31) + 1,
    total: (packed & 15) * 2 ** 32 + viewOf(block).getUint32(14),
    block,
    audio: at,
  };
}

/** A stream's head with STREAMINFO alone: frames may refer to its sample rate and depth. */
function streamHeader({ block }: StreamInfo): Uint8Array {
  const header = new Uint8Array(42);
  header.set([0x66, 0x4c, 0x61, 0x43, 0x80, 0, 0, 34]);
  header.set(block, 8);
  return header;
}

interface Frame {
  readonly start: number;
  readonly end: number;
  readonly samples: number;
}

/** The frames up to the end or to the first damaged one; lengths and claims are compared on the way. */
function walkFrames(decoding: Decoding, info: StreamInfo): Frame[] {
  const { bytes } = decoding;
  const frames: Frame[] = [];
  let position = 0;
  let at = info.audio;
  let first: FrameHeader | undefined;
  const isDone = () => info.total > 0 && position >= info.total;
  while (at < bytes.length && !isDone()) {
    const header = readFrameHeader(bytes, at, info);
    const expected = first === undefined ? header?.number : nextNumber(first, frames.length, position);
    const end =
      header === undefined || header.number !== expected
        ? undefined
        : frameEnd(bytes, at, header, info, position);
    if (header === undefined || end === undefined) {
      reportBrokenFrame(decoding, info, at, frames.length);
      break;
    }
    first ??= header;
    frames.push({ start: at, end, samples: header.samples });
    position += header.samples;
    checkLength(decoding, position, info.sampleRate, info.channels);
    at = end;
  }
  if (info.total > 0 && position !== info.total && decoding.warnings.length === 0)
    reportDamage(
      decoding,
      position < info.total ? 'E_AUDIO_TRUNCATED' : 'E_AUDIO_DAMAGED',
      `the header says ${info.total} samples, the frames hold ${position}`,
    );
  if (isDone() && at < bytes.length && ascii(bytes, at, 3) !== 'TAG')
    decoding.warnings.push(`${bytes.length - at} bytes behind the last FLAC frame were skipped`);
  return frames;
}

function reportBrokenFrame(decoding: Decoding, info: StreamInfo, at: number, index: number): void {
  const { bytes } = decoding;
  let later = at + 2;
  while (later < bytes.length && readFrameHeader(bytes, later, info) === undefined) later++;
  if (later < bytes.length)
    reportDamage(
      decoding,
      'E_AUDIO_DAMAGED',
      `FLAC frame ${index} (byte ${at}) has a wrong checksum or is out of order`,
    );
  else
    reportDamage(
      decoding,
      'E_AUDIO_TRUNCATED',
      `the file ends inside FLAC frame ${index}${info.total > 0 ? ` of a stream of ${info.total} samples` : ''}`,
    );
}

interface FrameHeader {
  readonly samples: number;
  /** Of the frame, or of its first sample where blocks differ in size. */
  readonly number: number;
  readonly isVariable: boolean;
  readonly bytes: number;
}

function nextNumber(first: FrameHeader, frames: number, position: number): number {
  return first.number + (first.isVariable ? position : frames);
}

/** The header at `at` when its CRC-8 is right and it fits the stream. */
function readFrameHeader(bytes: Uint8Array, at: number, info: StreamInfo): FrameHeader | undefined {
  if (bytes[at] !== 0xff || (bytes[at + 1]! & 0xfe) !== 0xf8 || at + 6 > bytes.length) return undefined;
  const blockCode = bytes[at + 2]! >> 4;
  const rateCode = bytes[at + 2]! & 15;
  const channelCode = bytes[at + 3]! >> 4;
  const bits = BITS[(bytes[at + 3]! >> 1) & 7];
  const channels = channelCode < 8 ? channelCode + 1 : 2;
  if (blockCode === 0 || rateCode === 15 || channelCode > 10 || (bytes[at + 3]! & 1) !== 0) return undefined;
  if (channels !== info.channels || (bits !== 0 && bits !== info.bits)) return undefined;

  const coded = readCodedNumber(bytes, at + 4);
  if (coded === undefined) return undefined;
  let end = coded.end;
  let samples = blockCode === 1 ? 192 : blockCode < 6 ? 576 << (blockCode - 2) : 256 << (blockCode - 8);
  if (blockCode === 6) samples = bytes[end++]! + 1;
  if (blockCode === 7) samples = bytes[end++]! * 256 + bytes[end++]! + 1;
  end += rateCode === 12 ? 1 : rateCode > 12 ? 2 : 0;
  if (end >= bytes.length || crc8(bytes, at, end) !== bytes[end]) return undefined;
  return { samples, number: coded.value, isVariable: (bytes[at + 1]! & 1) !== 0, bytes: end + 1 - at };
}

/** Bits a sample by code; 0 means as in STREAMINFO. */
const BITS = [0, 8, 12, undefined, 16, 20, 24, 32];

/** A number in the scheme of UTF-8, up to 36 bits. */
function readCodedNumber(bytes: Uint8Array, at: number): { value: number; end: number } | undefined {
  const head = bytes[at]!;
  const ones = Math.clz32(~(head << 24));
  if (ones === 0) return { value: head, end: at + 1 };
  if (ones === 1 || ones > 7) return undefined;
  let value = head & (0x7f >> ones);
  for (let i = 1; i < ones; i++) {
    const byte = bytes[at + i];
    if (byte === undefined || (byte & 0xc0) !== 0x80) return undefined;
    value = value * 64 + (byte & 0x3f);
  }
  return { value, end: at + ones };
}

/**
 * The end of the frame at `at`: where its CRC-16 comes out (the running sum including the stored one is 0) and the next
 * frame or the end of the file follows. FLAC frames do not tell their length.
 */
function frameEnd(
  bytes: Uint8Array,
  at: number,
  header: FrameHeader,
  info: StreamInfo,
  position: number,
): number | undefined {
  const isLast = info.total > 0 && position + header.samples === info.total;
  let lastMatch: number | undefined;
  let crc = crc16(bytes, at, at + header.bytes);
  for (let end = at + header.bytes; end < bytes.length; ) {
    crc = crc16(bytes, end, ++end, crc);
    if (crc !== 0) continue;
    if (end === bytes.length || readFrameHeader(bytes, end, info) !== undefined) return end;
    lastMatch = end;
  }
  // Behind the last frame there may be a tag. A match inside the frame is possible too, so the last one counts: the
  // decoder finds the true end and checks again.
  return isLast ? lastMatch : undefined;
}
