import { describe, expect, it } from 'vitest';
import { createAverage } from './average.js';
import { lossCurve } from './index.js';

const points = Array.from({ length: 40 }, (_, i) => ({ step: i + 1, loss: 3 / (i + 1) }));
const evaluations = [
  { step: 20, values: { accuracy: 0.5, mAP: 0.3 } },
  { step: 40, values: { accuracy: 0.75, mAP: Number.NaN } },
];

/** The coordinates of the polylines of a class. */
function polylines(svg: string, className: string): number[][][] {
  const found = svg.matchAll(new RegExp(`<polyline class="${className}" points="([^"]*)"`, 'g'));
  return [...found].map(([, list]) =>
    list!
      .split(' ')
      .filter(Boolean)
      .map((pair) => pair.split(',').map(Number)),
  );
}

/** Every tag is closed in order, and nothing is left of a text but entities and plain characters. */
function assertWellFormed(svg: string): void {
  const open: string[] = [];
  const rest = svg.replace(
    /<(\/?)([a-z]+)((?: [\w:-]+="[^"<&]*")*)(\/?)>/g,
    (_tag, end, name, _attributes, alone) => {
      if (end) expect(open.pop()).toBe(name);
      else if (!alone) open.push(name);
      return '';
    },
  );
  expect(open).toEqual([]);
  expect(rest.replace(/&#\d+;/g, '')).not.toMatch(/[<>&]/);
}

describe('the loss curve', () => {
  it('is well-formed, whatever the names', () => {
    assertWellFormed(lossCurve(points, { title: 'a < b & "c"', evaluations }));
    assertWellFormed(lossCurve(points, { evaluations: [{ step: 1, values: { '<script>&': 1 } }] }));
  });

  it('has a point for every loss, raw and smoothed, and one for every finite score', () => {
    const svg = lossCurve(points, { evaluations });
    expect(polylines(svg, 'raw').map((line) => line.length)).toEqual([40]);
    expect(polylines(svg, 'smooth').map((line) => line.length)).toEqual([40]);
    expect(polylines(svg, 'metric').map((line) => line.length)).toEqual([2, 1]);
  });

  it('goes right with the steps and down with the loss, inside of the picture', () => {
    const svg = lossCurve(points, { width: 500 });
    const [raw] = polylines(svg, 'raw');
    const [, height] = /viewBox="0 0 500 (\d+)"/.exec(svg)!;
    for (const [i, [x, y]] of raw!.entries()) {
      const [previousX, previousY] = raw![i - 1] ?? [0, 0];
      expect(x).toBeGreaterThan(previousX!);
      expect(y).toBeGreaterThan(previousY!);
      expect(x).toBeLessThanOrEqual(500);
      expect(y).toBeLessThan(Number(height));
    }
  });

  it('has a second panel only for evaluations', () => {
    expect(lossCurve(points)).not.toContain('evaluation</text>');
    expect(lossCurve(points, { evaluations })).toContain('evaluation</text>');
  });

  it.each([
    ['no point', []],
    ['one point', [{ step: 1, loss: 2 }]],
    [
      'equal points',
      [
        { step: 1, loss: 0 },
        { step: 2, loss: 0 },
      ],
    ],
    [
      'a point that is no number',
      [
        { step: 1, loss: Number.NaN },
        { step: 2, loss: 1 },
      ],
    ],
    [
      'values that differ in the last digit',
      [
        { step: 1, loss: 1 },
        { step: 2, loss: 1 + 2 ** -52 },
      ],
    ],
  ])('copes with %s', (_what, few) => {
    const svg = lossCurve(few);
    assertWellFormed(svg);
    expect(svg).not.toMatch(/NaN|Infinity/);
  });

  it('stays small for a long run and keeps its ends', () => {
    const long = Array.from({ length: 100_001 }, (_, i) => ({ step: i + 1, loss: 1 / (i + 1) }));
    const [raw] = polylines(lossCurve(long), 'raw');
    expect(raw!.length).toBeLessThanOrEqual(1002);
    expect(raw!.at(-1)![0]).toBe(706);
  });
});

describe('the smoothing', () => {
  it('is an exponential average without the bias of its start', () => {
    const average = createAverage(0.5);
    // (0.5·4)/0.5, (0.25·4 + 0.5·1)/0.75
    expect([average.add(4), average.add(1)]).toEqual([4, 2]);
  });
});
