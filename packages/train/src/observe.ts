/** Those who watch a run while it goes on: dashboards, event files, the status of the run folder. */
import type { LogLine, RunLog } from './log.js';

/** Is told how a run goes, one call after the other: the run waits for each. What throws ends the run. */
export interface RunObserver {
  /** Once, before the first step. */
  begin?(run: RunBeginning): void | Promise<void>;
  /** What the run is busy with from now on. */
  phase?(phase: RunPhase): void | Promise<void>;
  /** After each step that was not left out. */
  step?(point: StepPoint): void | Promise<void>;
  /** After each new line of the log. */
  logged?(line: LogLine): void | Promise<void>;
  /** Once. */
  end?(end: RunEnd): void | Promise<void>;
}

export type RunPhase = 'training' | 'evaluating' | 'saving';

export interface RunBeginning {
  task: string;
  /** The run folder, if there is one. */
  dir: string | undefined;
  /** What computes. */
  engine: string;
  steps: number;
  /** Steps that are done already: 0 unless the run goes on from a checkpoint. */
  from: number;
  /** Seconds that these took. */
  seconds: number;
  /** What the log says of these. */
  lines: readonly LogLine[];
}

export interface StepPoint {
  step: number;
  loss: number;
  learningRate: number;
  /** Before clipping. */
  gradientNorm: number;
  /** Since the last line of the log, as are the shares of time. */
  samplesPerSecond: number;
  loaderShare: number;
  /** Since the start of the run, breaks left out. */
  seconds: number;
}

export interface RunEnd {
  state: 'finished' | 'interrupted' | 'failed';
  /** Steps done. */
  step: number;
  /** What has failed. */
  error?: unknown;
}

/** Observers that are told and waited for. */
export type Audience = {
  [K in keyof RunObserver]-?: (...told: Parameters<Required<RunObserver>[K]>) => Promise<void>;
};

/** All observers as one. */
export function allOf(observers: readonly RunObserver[]): Audience {
  const each = async (tell: (observer: RunObserver) => void | Promise<void>) => {
    for (const observer of observers) await tell(observer);
  };
  return {
    begin: (run) => each((observer) => observer.begin?.(run)),
    phase: (phase) => each((observer) => observer.phase?.(phase)),
    step: (point) => each((observer) => observer.step?.(point)),
    logged: (line) => each((observer) => observer.logged?.(line)),
    end: (end) => each((observer) => observer.end?.(end)),
  };
}

/** The log, whose new lines are told to the observer. */
export function observedLog(log: RunLog, observer: Audience): RunLog {
  return {
    lines: log.lines,
    async append(line) {
      await log.append(line);
      await observer.logged(line);
    },
    sync: () => log.sync(),
    close: () => log.close(),
  };
}
