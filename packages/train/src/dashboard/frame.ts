/** What a dashboard shows, as lines that fit into a terminal. */
import { formatSeconds } from '@pengi/core/node';
import type { EvaluationLine } from '../log.js';
import type { RunPhase, StepPoint } from '../observe.js';
import { bestOf } from '../scores.js';
import type { SampleText } from '../task.js';
import { cellCurve } from './curve.js';
import { cell, columnsOf, fit, type Paint, painter } from './text.js';

export interface DashboardState {
  /** The task, or what the caller calls it. */
  title: string;
  steps: number;
  step: number;
  phase: RunPhase | 'starting' | 'finished' | 'interrupted' | 'failed';
  /** Of the whole run, and left; the latter is undefined as long as nothing tells. */
  seconds: number;
  secondsLeft: number | undefined;
  /** Of the logged steps. */
  losses: readonly number[];
  smoothedLoss: number | undefined;
  last: StepPoint | undefined;
  skipped: number;
  evaluations: readonly EvaluationLine[];
  /** Bytes of memory: now, and at most so far. */
  memory: { now: number; peak: number };
}

export interface FrameOptions {
  columns: number;
  rows: number;
  colour: boolean;
  /** Whether the terminal has more than ASCII. */
  unicode: boolean;
}

/** Wider lines are harder to read. */
const MOST_COLUMNS = 110;
const CURVE_ROWS = 7;

/** At most `rows - 1` lines of at most `columns - 1` columns. What comes first is more important, and stays longest. */
export function frame(state: DashboardState, options: FrameOptions): string[] {
  const paint = painter(options.colour);
  const width = Math.max(1, Math.min(options.columns - 1, MOST_COLUMNS));
  const room = Math.max(1, options.rows - 1);
  const lines = [headline(state, width, paint)];
  const add = (block: readonly string[]) => {
    if (block.length > 0 && lines.length + block.length <= room) lines.push(...block);
  };
  add([bar(state, width, options.unicode, paint)]);
  const wide = width >= 64;
  // Curve and numbers beside each other, or the numbers alone.
  if (wide && room >= lines.length + CURVE_ROWS) add(beside(state, width, options.unicode, paint));
  else {
    for (const line of facts(state, width, paint)) add([line]);
    if (width >= 24) add(curve(state, width, options.unicode, paint));
  }
  const last = state.evaluations.at(-1);
  if (last) {
    add(scores(state.evaluations, last, width, paint));
    for (const sample of last.samples ?? []) add(sampleLines(sample, width, paint));
  }
  return lines;
}

function headline(
  { title, step, steps, phase, seconds, secondsLeft }: DashboardState,
  width: number,
  paint: Paint,
): string {
  const left = secondsLeft === undefined ? '' : `, ${formatSeconds(secondsLeft)} left`;
  const mark = phase === 'failed' ? paint.bad : phase === 'finished' ? paint.good : paint.accent;
  return inColumns(width, [
    [`${fit(title, Math.max(12, width >> 1))}  `, paint.bold],
    [`${phase}  `, mark],
    [`step ${step}/${steps}  `, (text) => text],
    [`${formatSeconds(seconds)} elapsed${left}`, (text) => text],
  ]);
}

/** Texts one after the other, as far as there is room. */
function inColumns(width: number, parts: readonly [text: string, mark: (text: string) => string][]): string {
  let [line, used] = ['', 0];
  for (const [text, mark] of parts) {
    const fitted = fit(text, width - used);
    line += mark(fitted);
    used += columnsOf(fitted);
  }
  return line;
}

function bar({ step, steps }: DashboardState, width: number, unicode: boolean, paint: Paint): string {
  const percent = `${Math.floor((100 * step) / steps)} %`.padStart(6);
  const length = width - percent.length;
  if (length < 1) return fit(percent.trim(), width);
  const filled = Math.round((length * step) / steps);
  const [full, empty] = unicode ? ['━', '─'] : ['#', '.'];
  return `${paint.accent(full.repeat(filled))}${paint.dim(empty.repeat(length - filled))}${percent}`;
}

function beside(state: DashboardState, width: number, unicode: boolean, paint: Paint): string[] {
  const numbers = facts(state, FACTS, paint);
  const drawn = curve(state, width - FACTS - 3, unicode, paint);
  return drawn.map((line, i) => `${line}   ${numbers[i] ?? ''}`);
}

/** Columns of a number with its name. */
const FACTS = 38;

function facts(
  { smoothedLoss, last, skipped, memory }: DashboardState,
  width: number,
  paint: Paint,
): string[] {
  const none = '-';
  const loader = Math.round(100 * (last?.loaderShare ?? 0));
  const rows: [name: string, value: string][] = [
    ['loss', smoothedLoss === undefined ? none : smoothedLoss.toPrecision(4)],
    ['learning rate', last ? last.learningRate.toPrecision(3) : none],
    ['gradient norm', last ? last.gradientNorm.toPrecision(3) : none],
    ['throughput', last ? `${last.samplesPerSecond.toPrecision(3)} samples/s` : none],
    ['time', last ? `model ${100 - loader} %, loader ${loader} %` : none],
    ['memory', `${mebibytes(memory.now)}, peak ${mebibytes(memory.peak)}`],
    ['skipped', `${skipped} ${skipped === 1 ? 'step' : 'steps'}`],
  ];
  return rows.map(([name, value]) => {
    const text = fit(value, width - NAME);
    return `${paint.dim(cell(name, Math.min(NAME, width)))}${name === 'skipped' && skipped > 0 ? paint.bad(text) : text}`;
  });
}

const NAME = 15;

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

function curve({ losses }: DashboardState, width: number, braille: boolean, paint: Paint): string[] {
  const { rows, low, high } = cellCurve(losses, { width: width - LABEL, height: CURVE_ROWS, braille });
  const label = (i: number) => {
    if (low > high) return ''; // there is no value yet
    return i === 0 ? high.toPrecision(3) : i === CURVE_ROWS - 1 ? low.toPrecision(3) : '';
  };
  return rows.map((row, i) => `${paint.dim(cell(label(i), LABEL - 1))} ${paint.accent(row)}`);
}

/** Columns of the values beside the curve. */
const LABEL = 9;

function scores(
  evaluations: readonly EvaluationLine[],
  { step, values }: EvaluationLine,
  width: number,
  paint: Paint,
): string[] {
  const texts = Object.entries(values).map(([name, value]) => {
    const best = bestOf(evaluations, name);
    const beaten = best && best.step !== step ? ` (best ${best.value.toPrecision(4)} at ${best.step})` : '';
    return `${name} ${value?.toPrecision(4) ?? 'no number'}${beaten}`;
  });
  return [
    inColumns(width, [
      [`evaluation at step ${step}  `, paint.bold],
      [texts.join(', '), (text) => text],
    ]),
  ];
}

function sampleLines({ id, prompt, target, answer }: SampleText, width: number, paint: Paint): string[] {
  const right = target.trim().toLowerCase() === answer.trim().toLowerCase();
  const text = (name: string, value: string, mark: (text: string) => string) =>
    `${paint.dim(cell(`  ${name}`, Math.min(10, width)))}${mark(fit(value, width - 10))}`;
  return [
    paint.dim(fit(`  ${id}: ${prompt}`, width)),
    text('wanted', target, (value) => value),
    text('said', answer, right ? paint.good : paint.bold),
  ];
}
