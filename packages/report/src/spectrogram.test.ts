import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { spectrogramPng } from './index.js';

/** [3 frames, 4 mels]: silence, but for the top band of the last frame. */
const logMel = {
  data: Float32Array.from({ length: 12 }, (_, i) => (i === 11 ? 0 : -80)),
  frames: 3,
  mels: 4,
};

describe('spectrogramPng', () => {
  it('decodes to one pixel per frame and band, high frequencies up', () => {
    const { width, height, data, palette } = decode(spectrogramPng(logMel));
    expect([width, height]).toEqual([3, 4]);
    // the loudest value is that of the last frame's top band: first row, last column
    expect([...data]).toEqual([0, 0, 255, ...new Array(9).fill(0)]);
    // the ends of matplotlib's magma: #000004, #fcfdbf
    expect(palette?.[0]).toEqual([0, 0, 4]);
    expect(palette?.[255]).toEqual([252, 253, 191]);
    expect(palette).toHaveLength(256);
  });

  it('survives clips of one value and values that are no numbers', () => {
    const flat = decode(spectrogramPng({ data: new Float32Array(4), frames: 2, mels: 2 }));
    expect([...flat.data]).toEqual([0, 0, 0, 0]);
    const holes = Float32Array.of(Number.NaN, Number.NEGATIVE_INFINITY, 0, -10);
    expect([...decode(spectrogramPng({ data: holes, frames: 2, mels: 2 })).data]).toEqual([0, 0, 0, 255]);
  });
});
