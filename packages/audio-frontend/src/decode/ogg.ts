import { concatenate } from '../fit.js';
import {
  type AudioFormat,
  ascii,
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
import { type OggPage, type OggStream, readOggStreams } from './ogg-pages.js';
import { createPool, type DecoderPool, guarded, type WasmDecoder } from './pool.js';

/**
 * Ogg Vorbis and Ogg Opus through libvorbis and libopus. Pages have a CRC-32, a number and the count of samples, all of
 * which are checked here: the decoders skip what they cannot read without a word. Chained streams are put end to end.
 */
export async function decodeOgg(
  decoding: Decoding,
  start: number,
): Promise<DecodedChannels & { format: AudioFormat }> {
  const streams = readOggStreams(decoding, start, (head) => codecOf(head) !== undefined);
  const heads = streams.map((stream) => readHead(decoding, stream.head));
  const [first] = heads;
  const other = heads.find(
    (head) => head.sampleRate !== first?.sampleRate || head.channels !== first.channels,
  );
  if (first === undefined || other !== undefined)
    refuse(decoding, 'E_AUDIO_FORMAT', 'chained Ogg streams of different sample rates or channels');

  const lengths = streams.map((stream, i) => streamLength(stream, heads[i]!));
  const total = lengths.reduce((sum, { spanned }) => sum + spanned, 0);
  checkLength(decoding, total, first.sampleRate, first.channels);

  const parts: Float32Array[][] = [];
  let frames = 0;
  for (const [i, stream] of streams.entries()) {
    const part = await decodeStream(decoding, stream, heads[i]!, lengths[i]!.expected);
    frames += part[0]!.length;
    checkLength(decoding, frames, first.sampleRate, first.channels);
    parts.push(part);
  }
  const channels = Array.from({ length: first.channels }, (_, c) => concatenate(parts.map((p) => p[c]!)));
  return { format: first.codec.format, sampleRate: first.sampleRate, channels };
}

interface OggDecoder extends WasmDecoder {
  decode(data: Uint8Array): OggOutput | Promise<OggOutput>;
  flush(): Promise<OggOutput>;
}

interface OggOutput {
  readonly channelData: Float32Array[];
  readonly errors: readonly { message: string }[];
}

interface Codec {
  readonly format: AudioFormat;
  readonly magic: string;
  /** Bytes of the smallest head packet. */
  readonly headBytes: number;
  /** Samples that a packet can hold at most. */
  readonly packetSamples: number;
  readonly pool: DecoderPool<OggDecoder>;
  readHead(view: DataView): Omit<Head, 'codec'>;
}

const CODECS: readonly Codec[] = [
  {
    format: 'vorbis',
    magic: '\x01vorbis',
    headBytes: 30,
    packetSamples: 4096,
    pool: createPool<OggDecoder>('Ogg Vorbis', async () => {
      const { OggVorbisDecoder } = await import('@wasm-audio-decoders/ogg-vorbis');
      return new OggVorbisDecoder();
    }),
    readHead: (view) => ({
      channels: view.getUint8(11),
      sampleRate: view.getUint32(12, true),
      preSkip: 0,
      gain: 1,
    }),
  },
  {
    format: 'opus',
    magic: 'OpusHead',
    headBytes: 19,
    packetSamples: 5760,
    pool: createPool<OggDecoder>('Ogg Opus', async () => {
      const { OggOpusDecoder } = await import('ogg-opus-decoder');
      return new OggOpusDecoder();
    }),
    // Opus always decodes to 48 kHz; the rate in its head is a remark about the source.
    readHead: (view) => ({
      channels: view.getUint8(9),
      sampleRate: 48000,
      preSkip: view.getUint16(10, true),
      // 1/256 dB; RFC 7845 section 5.1 wants it applied, and the decoder does not do it.
      gain: 10 ** (view.getInt16(16, true) / 256 / 20),
    }),
  },
];

function codecOf(head: Uint8Array): Codec | undefined {
  return CODECS.find(({ magic }) => ascii(head, 0, magic.length) === magic);
}

interface Head {
  readonly codec: Codec;
  readonly sampleRate: number;
  readonly channels: number;
  /** Samples in front that are there for the decoder to settle. */
  readonly preSkip: number;
  /** Factor for the output. */
  readonly gain: number;
}

function readHead(decoding: Decoding, bytes: Uint8Array): Head {
  const codec = codecOf(bytes);
  if (codec === undefined || bytes.length < codec.headBytes)
    refuse(decoding, 'E_AUDIO_HEADER', `an Ogg stream with a head of ${bytes.length} bytes`);
  const head = codec.readHead(viewOf(bytes));
  checkStream(decoding, head.sampleRate, head.channels);
  return { codec, ...head };
}

/**
 * How long a stream is by its pages: `spanned` for the limit, and `expected` samples, which is undefined for a recording
 * that began in the middle of a broadcast.
 */
function streamLength(stream: OggStream, head: Head): { spanned: number; expected: number | undefined } {
  const counted = stream.pages.filter((page) => page.granule > 0);
  const [first, last] = [counted[0], counted.at(-1)];
  if (first === undefined || last === undefined) return { spanned: 0, expected: undefined };
  const isLate = first !== last && first.granule > (first.packets + 1) * head.codec.packetSamples;
  return isLate
    ? { spanned: last.granule - first.granule, expected: undefined }
    : { spanned: last.granule - head.preSkip, expected: Math.max(0, last.granule - head.preSkip) };
}

async function decodeStream(
  decoding: Decoding,
  stream: OggStream,
  head: Head,
  expected: number | undefined,
): Promise<Float32Array[]> {
  const sink = createSink(decoding, head.sampleRate, head.channels);
  const take = ({ channelData, errors }: OggOutput) => {
    reportDecoderErrors(decoding, head.codec.format, errors);
    sink.push(channelData);
  };
  await guarded(decoding, head.codec.format, () =>
    head.codec.pool(async (decoder) => {
      for (const batch of batches(decoding.bytes, stream.pages)) take(await decoder.decode(batch));
      take(await decoder.flush());
    }),
  );
  if (expected !== undefined && sink.frames < expected)
    reportDamage(
      decoding,
      'E_AUDIO_DAMAGED',
      `the ${head.codec.format} decoder gave ${sink.frames} of ${expected} samples`,
    );
  const channels = sink.finish(expected);
  return head.gain === 1 ? channels : channels.map((channel) => channel.map((x) => x * head.gain));
}

const BATCH_PACKETS = 128;

/**
 * The bytes of a few pages at a time: few enough to bound what comes out at once (a page has 255 packets at most), and
 * the head's pages together with audio, as the Vorbis decoder is slow when a call ends before the audio begins.
 */
function* batches(bytes: Uint8Array, pages: readonly OggPage[]): Generator<Uint8Array> {
  let batch: Uint8Array[] = [];
  let packets = 0;
  for (const page of pages) {
    batch.push(bytes.subarray(page.start, page.end));
    packets += page.packets;
    if (packets >= BATCH_PACKETS || page === pages.at(-1)) {
      yield joinBytes(batch);
      batch = [];
      packets = 0;
    }
  }
}

function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
