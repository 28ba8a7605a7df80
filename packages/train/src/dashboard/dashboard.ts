import { createAverage } from '../average.js';
import type { EvaluationLine, LogLine } from '../log.js';
import type { RunObserver } from '../observe.js';
import { type DashboardState, frame } from './frame.js';
import { createScreen, type TerminalStream } from './screen.js';

export interface DashboardOptions {
  /** Default: stderr. */
  stream?: TerminalStream;
  /** What is trained. Default: the task's name. */
  title?: string;
  /** Default: this process. */
  memory?: () => { now: number; peak: number };
  /** Milliseconds of a clock. */
  now?: () => number;
}

export interface Dashboard extends RunObserver {
  /** A line that stays, above the dashboard. Whatever else is written to the terminal meanwhile would be drawn over. */
  line(text: string): void;
  /** Draws a last time; afterwards lines are written as they are. Called at the end of a run as well. */
  close(): void;
}

/** Whether a dashboard can be drawn in place on a stream. */
export function isLive(stream: TerminalStream): boolean {
  return stream.isTTY === true && process.env.TERM !== 'dumb';
}

const REDRAWN_EVERY_MS = 100;

/**
 * A run on a terminal, drawn anew in place: loss curve, learning rate, gradient norm, throughput, the loader's share of the
 * time, memory, skipped steps, evaluations with their sample texts. It fits into the terminal, whatever its size; without
 * colours where NO_COLOR is set. Give it to `train` as an observer, without `progress`.
 */
export function createDashboard({
  stream = process.stderr,
  title,
  memory = memoryOfProcess,
  now = () => performance.now(),
}: DashboardOptions = {}): Dashboard {
  const screen = createScreen(stream);
  const colour = stream.hasColors?.() ?? false;
  const unicode = process.platform === 'win32' || process.env.TERM !== 'linux';
  const average = createAverage(0.9);
  const losses: number[] = [];
  const evaluations: EvaluationLine[] = [];
  let state: DashboardState | undefined;
  let [begun, from, drawnAt] = [0, 0, Number.NEGATIVE_INFINITY];
  let open = false;

  const draw = () => {
    if (!state || !open) return;
    state.memory = memory();
    const { columns, rows } = screen;
    screen.draw(frame(state, { columns, rows, colour, unicode }));
    drawnAt = now();
  };
  const take = (line: LogLine) => {
    if (!state) return;
    if (line.event === 'step') losses.push(line.loss);
    if (line.event === 'evaluation') evaluations.push(line);
    if (line.event === 'skipped') state.skipped++;
  };

  const close = () => {
    draw();
    screen.leave();
    stream.off?.('resize', draw);
    open = false;
  };

  return {
    begin({ task, steps, from: done, seconds, lines }) {
      [begun, from, open] = [now(), done, true];
      state = {
        title: title ?? task,
        steps,
        step: done,
        phase: 'starting',
        seconds,
        secondsLeft: undefined,
        losses,
        smoothedLoss: undefined,
        last: undefined,
        skipped: 0,
        evaluations,
        memory: memory(),
      };
      for (const line of lines) {
        take(line);
        if (line.event === 'step') Object.assign(state, { last: line, smoothedLoss: average.add(line.loss) });
      }
      stream.on?.('resize', draw);
      draw();
    },
    phase(phase) {
      if (!state) return;
      state.phase = phase;
      draw();
    },
    step(point) {
      if (!state) return;
      const secondsPerStep = (now() - begun) / 1000 / (point.step - from);
      Object.assign(state, {
        phase: 'training',
        step: point.step,
        seconds: point.seconds,
        secondsLeft: secondsPerStep * (state.steps - point.step),
        last: point,
        smoothedLoss: average.add(point.loss),
      } satisfies Partial<DashboardState>);
      if (now() - drawnAt >= REDRAWN_EVERY_MS) draw();
    },
    logged(line) {
      take(line);
      if (line.event !== 'step') draw();
    },
    end({ state: how, step }) {
      if (!state) return;
      Object.assign(state, { phase: how, step, secondsLeft: undefined } satisfies Partial<DashboardState>);
      close();
    },
    line(text) {
      screen.above(text);
      draw();
    },
    close,
  };
}

function memoryOfProcess(): { now: number; peak: number } {
  return { now: process.memoryUsage.rss(), peak: process.resourceUsage().maxRSS * 1024 };
}
