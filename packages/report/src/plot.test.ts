import { describe, expect, it } from 'vitest';
import { type Curve, html, type Point, plot, thinned, ticks } from './index.js';

const options = { label: 'loss', lastX: 100, width: 500, height: 250 };
const curve = (points: readonly Point[], style: Curve['style'] = 'smooth'): Curve => ({
  name: 'a',
  colour: 0,
  points,
  style,
});

/** The texts along the vertical axis, with their heights. */
function marks(markup: string): [value: string, y: number][] {
  const found = markup.matchAll(/<text x="56" y="([\d.]+)" text-anchor="end">([^<]*)</g);
  return [...found].map(([, y, value]) => [value as string, Number(y)]);
}

describe('plot', () => {
  it('divides a logarithmic axis evenly by powers of ten, and leaves out what has no logarithm', () => {
    const { markup } = plot(
      [
        curve([
          [0, 1e-3],
          [50, 0],
          [100, 10],
        ]),
      ],
      { ...options, log: true },
    );
    const powers = marks(markup);
    expect(powers.map(([value]) => value)).toEqual(['0.001', '0.01', '0.1', '1', '10']);
    const gaps = powers.slice(1).map(([, y], i) => powers[i]![1] - y);
    for (const gap of gaps) expect(gap).toBeCloseTo(gaps[0]!, 1);
    expect(/points="([^"]*)"/.exec(markup)![1]!.split(' ')).toHaveLength(2);
  });

  it('writes small and large values shortly', () => {
    const { markup } = plot(
      [
        curve([
          [0, 0],
          [100, 2e-4],
        ]),
      ],
      options,
    );
    expect(marks(markup).map(([value]) => value)).toContain('1e-4');
  });

  it('marks each point of a metric', () => {
    const points: Point[] = [
      [0, 1],
      [50, Number.NaN],
      [100, 2],
    ];
    expect(plot([curve(points, 'metric')], options).markup.match(/<circle/g)).toHaveLength(2);
    expect(plot([curve(points)], options).markup).not.toContain('<circle');
  });

  it('escapes its texts', () => {
    expect(html`${plot([], { ...options, label: '<b>', xLabel: '"' })}`.markup).toContain('&#60;b&#62;');
  });
});

describe('thinned', () => {
  it('keeps every peak, the order and the last point', () => {
    const points = Array.from(
      { length: 10_000 },
      (_, i): Point => [i, i === 777 ? 50 : i === 778 ? -50 : Math.sin(i)],
    );
    const few = thinned(points, 100);
    expect(few.length).toBeLessThanOrEqual(101);
    expect(few).toContain(points[777]);
    expect(few).toContain(points[778]);
    expect(few.at(-1)).toBe(points.at(-1));
    expect(few.map(([x]) => x)).toEqual(few.map(([x]) => x).sort((a, b) => a - b));
  });

  it('leaves few points alone', () => {
    const points: Point[] = [
      [0, 1],
      [1, 2],
    ];
    expect(thinned(points, 2)).toBe(points);
  });
});

describe('ticks', () => {
  it.each([
    [0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [0.13, 2.9, [1, 2]],
    [-0.011, 0.012, [-0.01, -0.005, 0, 0.005, 0.01]],
    [0, 1000, [0, 200, 400, 600, 800, 1000]],
  ])('of %d … %d are round', (low, high, expected) => {
    expect(ticks(low, high, 5)).toEqual(expected);
  });
});
