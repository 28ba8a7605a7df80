import {
  CONVERT,
  checkLength,
  checkStream,
  createSink,
  type DecodedChannels,
  type Decoding,
  refuse,
  reportDamage,
  reportDecoderErrors,
} from './decoding.js';
import {
  isMusicIntact,
  type MpegFrames,
  type MpegInfo,
  parseMpegHeader,
  readMpegInfo,
  walkMpegFrames,
} from './mpeg.js';
import { createPool, guarded } from './pool.js';

/**
 * MPEG audio of any layer through mpg123. Frames carry no checksum, so flipped bits inside one cannot be noticed (unless
 * LAME's tag has the checksum of the whole, which gives a warning); broken chains of frames, a cut last frame, and fewer
 * frames than the tag says are. The encoder's delay and padding are cut off where the tag tells them.
 */
export async function decodeMp3(decoding: Decoding, start: number): Promise<DecodedChannels> {
  const { bytes } = decoding;
  const first = parseMpegHeader(bytes, start);
  if (first === undefined) refuse(decoding, 'E_AUDIO_FORMAT', 'no MPEG audio', { hint: CONVERT });
  const info = readMpegInfo(bytes, start);
  // One frame more than allowed is enough to know that the file is too long.
  const longest = Math.ceil((decoding.maxSeconds * MAX_RATE) / SMALLEST_FRAME) + 1;
  const frames = walkMpegFrames(bytes, start + (info?.bytes ?? 0), first, longest);
  if (frames.count === 0) refuse(decoding, 'E_AUDIO_TRUNCATED', 'no whole MPEG frame of audio');
  const { sampleRate, samples } = first;
  checkStream(decoding, sampleRate, frames.channels);
  const added = info?.gaps === undefined ? 0 : info.gaps.delay + info.gaps.padding;
  checkLength(decoding, frames.count * samples - added, sampleRate, frames.channels);
  const isWhole = compareWithTag(decoding, frames, info);
  if (info !== undefined && isMusicIntact(bytes, start, info) === false)
    decoding.warnings.push("LAME's checksum differs: the music was changed or damaged after it was encoded");

  const sink = createSink(decoding, sampleRate, frames.channels);
  await guarded(decoding, 'MP3', () =>
    pool(async (decoder) => {
      for (const run of frames.runs)
        for (let at = run.start; at < run.end; at += CHUNK_BYTES) {
          const part = decoder.decode(bytes.subarray(at, Math.min(run.end, at + CHUNK_BYTES)));
          reportDecoderErrors(decoding, 'MP3', part.errors);
          // mpg123 is asked for stereo: the second channel of a mono file is a copy.
          sink.push(part.channelData.slice(0, frames.channels));
        }
      await decoder.reset();
    }),
  );
  if (sink.frames < frames.count * samples && frames.lost === 0)
    decoding.warnings.push(
      `${frames.count * samples - sink.frames} samples of frames that lean on missing ones could not be decoded`,
    );
  return { sampleRate, channels: cutGaps(sink.finish(), info, isWhole) };
}

const CHUNK_BYTES = 32768;
const MAX_RATE = 48000;
const SMALLEST_FRAME = 384;

const pool = createPool('MP3', async () => {
  const { MPEGDecoder } = await import('mpg123-decoder');
  return new MPEGDecoder({ enableGapless: false });
});

/** Reports what the walk found; true when the frames are those that the tag counts, or there is no tag. */
function compareWithTag(decoding: Decoding, frames: MpegFrames, info: MpegInfo | undefined): boolean {
  const { count, lost, isCut, trailing } = frames;
  if (lost > 0)
    reportDamage(decoding, 'E_AUDIO_DAMAGED', `${lost} bytes between MPEG frames belong to no valid frame`);
  const promised = info?.frames ?? count;
  // Writers other than LAME may count the frame of the tag itself.
  const tolerance = info?.gaps === undefined ? 1 : 0;
  if (isCut || (count < promised - tolerance && lost === 0))
    reportDamage(
      decoding,
      'E_AUDIO_TRUNCATED',
      isCut ? 'the last MPEG frame is cut off' : `${count} MPEG frames, the header says ${promised}`,
    );
  if (trailing > 0) decoding.warnings.push(`${trailing} bytes behind the last MPEG frame were skipped`);
  return lost === 0 && !isCut && count === promised;
}

/** What an MPEG-1/2 layer III decoder adds in front, by convention of LAME and mpg123. */
const DECODER_DELAY = 529;

function cutGaps(channels: Float32Array[], info: MpegInfo | undefined, isWhole: boolean): Float32Array[] {
  if (info?.gaps === undefined) return channels;
  const start = info.gaps.delay + DECODER_DELAY;
  const atEnd = isWhole ? Math.max(0, info.gaps.padding - DECODER_DELAY) : 0;
  return channels.map((channel) => channel.slice(start, Math.max(start, channel.length - atEnd)));
}
