/** Curves in a box with axes, as SVG markup: in pages (`chart`) and in pictures of their own. */
import { type Html, html } from './html.js';

export type Point = readonly [x: number, y: number];

export interface Curve {
  readonly name: string;
  /** By ascending x. Those that are not finite are left out. */
  readonly points: readonly Point[];
  /** A thin line for what is noisy, a thick one, or a line with a dot at each point. Default "smooth". */
  readonly style?: 'raw' | 'smooth' | 'metric';
  /** Index into `CURVE_COLOURS`, which is taken up again from its start. */
  readonly colour: number;
}

export interface PlotOptions {
  /** What the values are, beside the vertical axis. */
  readonly label: string;
  /** Below the horizontal axis. Default "step". */
  readonly xLabel?: string;
  /** Whole numbers from 0 to this are the horizontal axis. */
  readonly lastX: number;
  /** A logarithmic vertical axis; values of 0 and less are left out. */
  readonly log?: boolean;
  readonly width: number;
  readonly height: number;
}

/** Okabe and Ito's colours, which people with a colour deficiency can tell apart; the last one is readable on any ground. */
export const CURVE_COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8c8c8c'];

export function curveColour(index: number): string {
  return CURVE_COLOURS[index % CURVE_COLOURS.length] as string;
}

/** The left and right end of the horizontal axis in a plot of this width. */
export function plotEdges(width: number): { left: number; right: number } {
  return { left: LEFT, right: width - RIGHT };
}

/** A `<g>` of the given size. Colours of axes are for white ground; a page's style sheet has its own. */
export function plot(
  curves: readonly Curve[],
  { label, xLabel = 'step', lastX, log = false, width, height }: PlotOptions,
): Html {
  const drawn = curves.map((curve) => ({ ...curve, points: thinned(curve.points.filter(drawable(log))) }));
  const { left, right } = plotEdges(width);
  const [upper, lower] = [TOP, height - BOTTOM];
  const scale = log ? logScale(drawn) : linearScale(drawn);
  const x = (at: number) => left + (at / Math.max(lastX, 1e-9)) * (right - left);
  const y = (value: number) => lower - scale.share(value) * (lower - upper);
  const middle = (upper + lower) / 2;
  return html`<g>
${scale.ticks.map(
  (value) =>
    html`<path class="grid" d="M${left} ${fixed(y(value))}H${right}" stroke="#ddd"/><text x="${left - 6}" y="${fixed(y(value) + 4)}" text-anchor="end">${short(value)}</text>
`,
)}${ticks(0, lastX, Math.max(2, Math.round(width / 90)))
  .filter(Number.isInteger)
  .map(
    (at) =>
      html`<text x="${fixed(x(at))}" y="${lower + 16}" text-anchor="middle">${at}</text>
`,
  )}<path class="axis" d="M${left} ${upper}V${lower}H${right}" fill="none" stroke="#333"/>
<text x="${(left + right) / 2}" y="${lower + 32}" text-anchor="middle">${xLabel}</text>
<text x="12" y="${middle}" text-anchor="middle" transform="rotate(-90 12 ${middle})">${label}</text>
${drawn.map((curve) => curveMarkup(curve, x, y))}</g>`;
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

/** At most about `most` points: of each stretch the smallest and the largest value, so that no peak is lost, and the last. */
export function thinned(points: readonly Point[], most = 1000): readonly Point[] {
  if (points.length <= most) return points;
  const size = Math.ceil((2 * points.length) / most);
  const kept: Point[] = [];
  for (let from = 0; from < points.length; from += size) {
    const stretch = points.slice(from, from + size);
    const low = stretch.reduce((a, b) => (b[1] < a[1] ? b : a));
    const high = stretch.reduce((a, b) => (b[1] > a[1] ? b : a));
    kept.push(...(low === high ? [low] : low[0] < high[0] ? [low, high] : [high, low]));
  }
  const last = points.at(-1) as Point;
  return kept.at(-1) === last ? kept : [...kept, last];
}

const [TOP, BOTTOM, LEFT, RIGHT] = [10, 38, 62, 14];

function drawable(log: boolean): (point: Point) => boolean {
  return ([x, y]) => Number.isFinite(x) && Number.isFinite(y) && (!log || y > 0);
}

/** Where a value lies in the height of the box, 0 … 1, and the values that are written beside it. */
interface Scale {
  share(value: number): number;
  ticks: readonly number[];
}

function linearScale(curves: readonly Curve[]): Scale {
  const [low, high] = extent(curves, (y) => y);
  return { share: (value) => (value - low) / (high - low), ticks: ticks(low, high, 5) };
}

function logScale(curves: readonly Curve[]): Scale {
  const [low, high] = extent(curves, Math.log10);
  const steps = high - low > 2.5 ? [1] : [1, 2, 5];
  const marks = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, i) => Math.floor(low) + i)
    .flatMap((power) => steps.map((step) => Number(`${step}e${power}`)))
    .filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
  return { share: (value) => (Math.log10(value) - low) / (high - low), ticks: marks };
}

/** With a margin, and never empty. */
function extent(curves: readonly Curve[], of: (y: number) => number): [low: number, high: number] {
  const values = curves.flatMap(({ points }) => points.map(([, y]) => of(y)));
  if (values.length === 0) return [0, 1];
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const margin = (high - low) * 0.05 || Math.abs(low) * 0.05 || 1;
  return [low - margin, high + margin];
}

function curveMarkup(
  { points, style = 'smooth', colour }: Curve,
  x: (at: number) => number,
  y: (value: number) => number,
): Html {
  const path = points.map(([at, value]) => `${fixed(x(at))},${fixed(y(value))}`).join(' ');
  const stroke = curveColour(colour);
  // Few evaluations are easier to see as dots; a lone point has no line.
  const dots = style === 'metric' || points.length === 1 ? points : [];
  return html`<polyline class="${style}" points="${path}" fill="none" stroke="${stroke}" stroke-width="${style === 'raw' ? 1 : 2}" stroke-opacity="${style === 'raw' ? 0.4 : 1}"/>
${dots.map(([at, value]) => html`<circle cx="${fixed(x(at))}" cy="${fixed(y(value))}" r="3" fill="${stroke}"/>`)}`;
}

/** 0.00012 as 1.2e-4: an axis has little room. */
function short(value: number): string {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential() : String(value);
}

function fixed(value: number): string {
  return String(Math.round(value * 100) / 100);
}
