/** loss.svg, the picture of a run. */
import { type Curve, curveColour, type Html, html, type Point, plot } from '@pengi/report';
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
  const metrics = metricCurves(evaluations);
  const panels = [
    {
      label: 'loss',
      curves: smoothedCurves(
        'loss',
        points.map(({ step, loss }) => [step, loss]),
        { smoothing },
      ),
    },
    ...(metrics.length > 0 ? [{ label: 'evaluation', curves: metrics }] : []),
  ];
  const lastX = lastStepOf(panels.flatMap(({ curves }) => curves));
  const height = TOP + panels.length * PANEL;
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="sans-serif" font-size="12">
<title>${title}</title>
<rect width="${width}" height="${height}" fill="#fff"/>
<text x="16" y="20" font-size="14" font-weight="bold">${title}</text>
${panels.map(
  ({ label, curves }, i) => html`<g transform="translate(0 ${TOP + i * PANEL})">
${legend(curves)}
<g transform="translate(0 ${LEGEND})">${plot(curves, { label, lastX, width, height: PANEL - LEGEND })}</g>
</g>
`,
)}</svg>
`.markup;
}

/** The values of a run as they are and smoothed, in one colour. */
export function smoothedCurves(
  name: string,
  points: Curve['points'],
  { smoothing = 0.9, colour = 0 }: { smoothing?: number; colour?: number } = {},
): Curve[] {
  const finite = points.filter(([, value]) => Number.isFinite(value));
  const average = createAverage(smoothing);
  return [
    { name, style: 'raw', colour, points: finite },
    {
      name: 'smoothed',
      style: 'smooth',
      colour,
      points: finite.map(([step, value]) => [step, average.add(value)]),
    },
  ];
}

/** A curve for each name of the evaluations' values. */
function metricCurves(evaluations: readonly EvaluationPoint[]): Curve[] {
  const names = [...new Set(evaluations.flatMap(({ values }) => Object.keys(values)))];
  return names.map((name, i) => metricCurve(evaluations, name, i + 1));
}

/** The curve of one value of the evaluations. */
export function metricCurve(
  evaluations: readonly { step: number; values: Readonly<Record<string, number | null>> }[],
  name: string,
  colour: number,
): Curve {
  const points = evaluations
    .map(({ step, values }): Point => [step, values[name] ?? Number.NaN])
    .filter(([, value]) => Number.isFinite(value));
  return { name, style: 'metric', colour, points };
}

/** Where the axis of the steps ends. */
export function lastStepOf(curves: readonly Curve[]): number {
  return Math.max(1, ...curves.map(({ points }) => points.at(-1)?.[0] ?? 0));
}

const [TOP, PANEL, LEGEND] = [32, 250, 14];

/** The names on one line above the panel, where no curve comes. */
function legend(curves: readonly Curve[]): Html {
  const names = curves.map(
    ({ name, style, colour }) =>
      html`<tspan dx="12" fill="${curveColour(colour)}" fill-opacity="${style === 'raw' ? 0.6 : 1}">${name}</tspan>`,
  );
  return html`<text x="50" y="12">${names}</text>`;
}
