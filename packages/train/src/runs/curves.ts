/** The curves of runs, as charts of a page. */
import { type Curve, chart, type Html, type Point } from '@pengi/report';
import type { EvaluationLine, StepLine } from '../log.js';
import { lastStepOf, metricCurve, smoothedCurves } from '../loss-curve.js';
import { smallerIsBetter } from '../scores.js';
import { linesOf, type RunRecord } from './read-run.js';

/** Loss and metrics, evaluations, learning rate, gradient norm, throughput, the loader's share. */
export function runCharts(run: RunRecord): Html[] {
  const { steps, evaluations } = linesOf(run);
  const scores = evaluatedNames(evaluations);
  const losses = scores.filter(smallerIsBetter);
  const charts: Chart[] = [
    {
      title: 'Loss',
      label: 'loss',
      curves: [
        ...smoothedCurves(
          'loss',
          pointsOf(steps, ({ loss }) => loss),
        ),
        ...losses.map((name, i) => metricCurve(evaluations, name, i + 1)),
      ],
    },
    ...groups(scores.filter((name) => !smallerIsBetter(name))).map((names) => ({
      title: names.length === 1 ? names[0]! : 'Evaluations',
      label: names.length === 1 ? names[0]! : 'score',
      curves: names.map((name, i) => metricCurve(evaluations, name, i)),
    })),
    ...metricNames(steps).map((name) => ({
      title: `${name} in training`,
      label: name,
      curves: smoothedCurves(
        name,
        pointsOf(steps, ({ metrics }) => metrics[name] ?? Number.NaN),
      ),
    })),
    {
      title: 'Learning rate',
      label: 'learning rate',
      curves: [{ name: 'learning rate', colour: 0, points: pointsOf(steps, (line) => line.learningRate) }],
    },
    {
      title: 'Gradient norm',
      label: 'norm, before clipping',
      curves: smoothedCurves(
        'gradient norm',
        pointsOf(steps, (line) => line.gradientNorm),
      ),
    },
    {
      title: 'Throughput',
      label: 'samples/s',
      curves: [{ name: 'samples/s', colour: 0, points: pointsOf(steps, (line) => line.samplesPerSecond) }],
    },
    {
      title: 'Time spent waiting for batches',
      label: '%',
      curves: [
        {
          name: "the loader's share, %",
          colour: 0,
          points: pointsOf(steps, (line) => 100 * line.loaderShare),
        },
      ],
    },
  ];
  return drawn(charts);
}

/** The same things of several runs, a colour for each run. */
export function comparedCharts(runs: readonly RunRecord[], names: readonly string[]): Html[] {
  const lines = runs.map(linesOf);
  const trained = (of: (line: StepLine) => number, smooth: boolean): Curve[] =>
    lines.map(({ steps }, i) => {
      const points = pointsOf(steps, of);
      const shown = smooth ? (smoothedCurves('', points)[1] as Curve).points : points;
      return { name: names[i] as string, colour: i, points: shown };
    });
  const scores = [...new Set(lines.flatMap(({ evaluations }) => evaluatedNames(evaluations)))];
  const metrics = [...new Set(lines.flatMap(({ steps }) => metricNames(steps)))];
  const charts: Chart[] = [
    { title: 'Loss, smoothed', label: 'loss', curves: trained(({ loss }) => loss, true) },
    ...scores.map((name) => ({
      title: name,
      label: name,
      curves: lines.map(({ evaluations }, i) => ({
        ...metricCurve(evaluations, name, i),
        name: names[i] as string,
      })),
    })),
    ...metrics.map((name) => ({
      title: `${name} in training, smoothed`,
      label: name,
      curves: trained((line) => line.metrics[name] ?? Number.NaN, true),
    })),
    { title: 'Learning rate', label: 'learning rate', curves: trained((line) => line.learningRate, false) },
    { title: 'Gradient norm, smoothed', label: 'norm', curves: trained((line) => line.gradientNorm, true) },
    { title: 'Throughput', label: 'samples/s', curves: trained((line) => line.samplesPerSecond, false) },
  ];
  return drawn(charts);
}

interface Chart {
  title: string;
  label: string;
  curves: Curve[];
}

/** Those that have anything to show, all with one axis of steps. */
function drawn(charts: readonly Chart[]): Html[] {
  const shown = charts.filter(({ curves }) => curves.some(({ points }) => points.length > 0));
  const lastX = lastStepOf(shown.flatMap(({ curves }) => curves));
  return shown.map(({ title, label, curves }) =>
    chart(curves, { title, label, lastX, log: spansDecades(curves) }),
  );
}

/** Whether a linear axis would show most values as one line at the bottom. */
function spansDecades(curves: readonly Curve[]): boolean {
  const values = curves.flatMap(({ points }) => points.map(([, value]) => value)).sort((a, b) => a - b);
  const [low, middle, high] = [0, 0.5, 1].map((share) => values[Math.floor(share * (values.length - 1))]!);
  return low! > 0 && high! > 30 * middle!;
}

function pointsOf(steps: readonly StepLine[], of: (line: StepLine) => number): Point[] {
  return steps.map((line): Point => [line.step, of(line)]).filter(([, value]) => Number.isFinite(value));
}

function evaluatedNames(evaluations: readonly EvaluationLine[]): string[] {
  return [...new Set(evaluations.flatMap(({ values }) => Object.keys(values)))];
}

function metricNames(steps: readonly StepLine[]): string[] {
  return [...new Set(steps.flatMap(({ metrics }) => Object.keys(metrics)))];
}

/** A picture has colours for so many. */
function groups(names: readonly string[], most = 6): string[][] {
  return Array.from({ length: Math.ceil(names.length / most) }, (_, i) =>
    names.slice(i * most, (i + 1) * most),
  );
}
