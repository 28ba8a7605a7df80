import { expect, it } from 'vitest';
import { decodeAudio, encodeWav } from './index.js';

it('writes what is read back bit for bit, channel by channel', async () => {
  const channels = [Float32Array.of(0, 0.1, -1, 1e-20), Float32Array.of(0.5, -0.25, 1, 1 / 3)];
  const found = await decodeAudio(encodeWav({ channels, sampleRate: 22050 }));
  expect(found.channels).toEqual(channels);
  expect(found.sampleRate).toBe(22050);
  expect(found.warnings).toEqual([]);
});

it('has the header that the format asks for', () => {
  const file = encodeWav({ channels: [Float32Array.of(1)], sampleRate: 8000 });
  const hex = Buffer.from(file).toString('hex');
  expect(hex).toBe(
    '52494646280000005741564566' +
      '6d7420100000000300' +
      '0100401f0000007d0000' +
      '04002000' +
      '64617461040000000000803f',
  );
});

it('refuses no channels, and channels of different lengths', () => {
  const error = (channels: Float32Array[]) => () => encodeWav({ channels, sampleRate: 8000 });
  expect(error([])).toThrowError(expect.objectContaining({ code: 'E_AUDIO_EMPTY' }));
  expect(error([new Float32Array(2), new Float32Array(3)])).toThrowError(
    expect.objectContaining({ code: 'E_SHAPE' }),
  );
});
