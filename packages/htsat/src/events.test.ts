import { floats } from '@pengi/core';
import { describe, expect, it } from 'vitest';
import { eventsIn } from './events.js';

const spans = [0, 1, 2, 3, 4].map((t) => ({ start: t / 4, end: (t + 1) / 4 }));
// Columns: twice heard; always; never; once, at the end.
const probabilities = floats(
  [
    [0.9, 0.5, 0.4, 0.1],
    [0.7, 0.6, 0.4, 0.1],
    [0.2, 0.7, 0.3, 0.1],
    [0.6, 0.5, 0.4, 0.1],
    [0.1, 0.5, 0.4, 0.8],
  ].flat(),
  [5, 4],
);

describe('eventsIn', () => {
  it('joins what reaches the threshold in a row, with the largest probability', () => {
    expect(eventsIn(probabilities, spans)).toEqual([
      { class: 0, start: 0, end: 0.5, probability: Math.fround(0.9) },
      { class: 1, start: 0, end: 1.25, probability: Math.fround(0.7) },
      { class: 0, start: 0.75, end: 1, probability: Math.fround(0.6) },
      { class: 3, start: 1, end: 1.25, probability: Math.fround(0.8) },
    ]);
  });

  it('takes another threshold', () => {
    const found = eventsIn(probabilities, spans, { threshold: 0.65 });
    expect(found.map(({ class: k, start, end }) => [k, start, end])).toEqual([
      [0, 0, 0.5],
      [1, 0.5, 0.75],
      [3, 1, 1.25],
    ]);
    expect(eventsIn(probabilities, spans, { threshold: 1 })).toEqual([]);
  });

  it.each([
    [{ threshold: 1.5 }, spans, 'E_USAGE'],
    [{ threshold: Number.NaN }, spans, 'E_USAGE'],
    [{}, spans.slice(1), 'E_SHAPE'],
  ])('refuses %j with other spans or thresholds', (options, times, code) => {
    expect(() => eventsIn(probabilities, times, options)).toThrow(expect.objectContaining({ code }));
  });
});
