import { createAverage } from './average.js';
import type { EvaluationPoint, LossPoint } from './task.js';

export interface LossCurveOptions {
  title?: string;
  /** A second panel shows these, one line for each name. */
  evaluations?: readonly EvaluationPoint[];
  /** Of the smoothed curve: the weight of what came before, 0 … 1. Default 0.9. */
  smoothing?: number;
  /** In pixels. */
  width?: number;
}

/**
 * A picture of a run as SVG text, to be a file or part of a page: the loss against the step, as it is (thin) and smoothed
 * (thick), and below it the evaluations. Values that are not finite are left out.
 */
export function lossCurve(
  points: readonly LossPoint[],
  { title = 'Training loss', evaluations = [], smoothing = 0.9, width = 720 }: LossCurveOptions = {},
): string {
  const losses = points
    .filter(({ loss }) => Number.isFinite(loss))
    .map(({ step, loss }): Point => [step, loss]);
  const average = createAverage(smoothing);
  const smoothed = losses.map(([step, loss]): Point => [step, average.add(loss)]);
  const metrics = metricCurves(evaluations);
  const lastStep = Math.max(
    1,
    ...[losses, ...metrics.map((curve) => curve.points)].flat().map(([step]) => step),
  );

  const panels: Panel[] = [
    {
      label: 'loss',
      curves: [
        { name: 'loss', className: 'raw', colour: COLOURS[0]!, points: thinned(losses) },
        { name: 'smoothed', className: 'smooth', colour: COLOURS[0]!, points: thinned(smoothed) },
      ],
    },
    ...(metrics.length > 0 ? [{ label: 'evaluation', curves: metrics }] : []),
  ];
  const height = TOP + panels.length * PANEL;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="sans-serif" font-size="12">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${LEFT}" y="20" font-size="14" font-weight="bold">${escapeXml(title)}</text>`,
    ...panels.map((panel, i) => panelSvg(panel, TOP + i * PANEL, width, lastStep)),
    '</svg>\n',
  ].join('\n');
}

/** Round values that divide `low … high` into about `count` parts; at least one. */
export function ticks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const unit = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.999);
  if (unit === undefined || !Number.isFinite(unit)) return [low];
  const first = Math.ceil(low / unit - 1e-9);
  const last = Math.floor(high / unit + 1e-9);
  const digits = Math.max(0, -Math.floor(Math.log10(unit)));
  if (digits > 100) return [low];
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * unit).toFixed(digits)));
}

type Point = readonly [step: number, value: number];

interface Curve {
  name: string;
  className: string;
  colour: string;
  points: readonly Point[];
}

interface Panel {
  label: string;
  curves: Curve[];
}

/** Okabe and Ito's colours, which people with a colour deficiency can tell apart. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];
const [TOP, PANEL, LEFT, RIGHT, BOTTOM] = [32, 250, 64, 16, 44];
/** More points than this cannot be told apart. */
const MAX_POINTS = 2000;

function metricCurves(evaluations: readonly EvaluationPoint[]): Curve[] {
  const names = [...new Set(evaluations.flatMap(({ values }) => Object.keys(values)))];
  return names.map((name, i) => ({
    name,
    className: 'metric',
    colour: COLOURS[(i + 1) % COLOURS.length]!,
    points: evaluations
      .map(({ step, values }): Point => [step, values[name] ?? Number.NaN])
      .filter(([, value]) => Number.isFinite(value)),
  }));
}

/** Every k-th point, and the last. */
function thinned(points: readonly Point[]): readonly Point[] {
  const stride = Math.ceil(points.length / MAX_POINTS);
  return stride <= 1 ? points : points.filter((_, i) => i % stride === 0 || i === points.length - 1);
}

function panelSvg({ label, curves }: Panel, top: number, width: number, lastStep: number): string {
  const [low, high] = rangeOf(curves);
  const right = width - RIGHT;
  const [upper, lower] = [top + 20, top + PANEL - BOTTOM];
  const x = (step: number) => LEFT + (step / lastStep) * (right - LEFT);
  const y = (value: number) => lower - ((value - low) / (high - low)) * (lower - upper);
  return [
    '<g>',
    ...ticks(low, high, 5).map(
      (value) =>
        `<line x1="${LEFT}" x2="${right}" y1="${fixed(y(value))}" y2="${fixed(y(value))}" stroke="#ddd"/>` +
        `<text x="${LEFT - 8}" y="${fixed(y(value) + 4)}" text-anchor="end">${value}</text>`,
    ),
    ...ticks(0, lastStep, 8)
      .filter(Number.isInteger)
      .map((step) => `<text x="${fixed(x(step))}" y="${lower + 16}" text-anchor="middle">${step}</text>`),
    `<path d="M${LEFT} ${upper}V${lower}H${right}" fill="none" stroke="#333"/>`,
    `<text x="${(LEFT + right) / 2}" y="${lower + 32}" text-anchor="middle">step</text>`,
    `<text x="16" y="${(upper + lower) / 2}" text-anchor="middle" transform="rotate(-90 16 ${(upper + lower) / 2})">${label}</text>`,
    ...curves.flatMap((curve) => curveSvg(curve, x, y)),
    legendSvg(curves, upper - 8),
    '</g>',
  ].join('\n');
}

function curveSvg(
  { className, colour, points }: Curve,
  x: (step: number) => number,
  y: (value: number) => number,
): string[] {
  const path = points.map(([step, value]) => `${fixed(x(step))},${fixed(y(value))}`).join(' ');
  // Few evaluations are easier to see as dots; a lone point has no line.
  const dots = className === 'metric' || points.length === 1 ? points : [];
  return [
    `<polyline class="${className}" points="${path}" fill="none" stroke="${colour}" ${className === 'raw' ? 'stroke-width="1" stroke-opacity="0.4"' : 'stroke-width="2"'}/>`,
    ...dots.map(
      ([step, value]) => `<circle cx="${fixed(x(step))}" cy="${fixed(y(value))}" r="3" fill="${colour}"/>`,
    ),
  ];
}

/** The names on one line above the panel, where no curve comes. */
function legendSvg(curves: readonly Curve[], y: number): string {
  const names = curves.map(
    ({ name, className, colour }) =>
      `<tspan dx="12" fill="${colour}" fill-opacity="${className === 'raw' ? 0.6 : 1}">${escapeXml(name)}</tspan>`,
  );
  return `<text x="${LEFT - 12}" y="${y}">${names.join('')}</text>`;
}

function rangeOf(curves: readonly Curve[]): [low: number, high: number] {
  const values = curves.flatMap(({ points }) => points.map(([, value]) => value));
  if (values.length === 0) return [0, 1];
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const margin = (high - low) * 0.05 || Math.abs(low) * 0.05 || 1;
  return [low - margin, high + margin];
}

function fixed(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function escapeXml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  // Control characters are not allowed in XML, not even escaped.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go
  return text.replace(/[\u0000-\u001f\ufffe\uffff]/g, ' ').replace(/[&<>"]/g, (c) => entities[c]!);
}
