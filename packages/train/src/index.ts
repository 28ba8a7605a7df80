export type { BestCriterion } from './best.js';
export { type Communicator, type Part, partOf } from './communicator.js';
export { createDashboard, type Dashboard, type DashboardOptions, isLive } from './dashboard/dashboard.js';
export type { TerminalStream } from './dashboard/screen.js';
export { type InterruptOptions, withInterrupt } from './interrupt.js';
export { type EvaluationLine, type LogLine, readLog, type SkippedLine, type StepLine } from './log.js';
export { type LossCurveOptions, lossCurve } from './loss-curve.js';
export type { Manifest, Position } from './manifest.js';
export type { RunBeginning, RunEnd, RunObserver, RunPhase, StepPoint } from './observe.js';
export type { BestPoint } from './pointers.js';
export { checkpointParams, openCheckpoint, type RunCheckpoint } from './read.js';
export { differingSettings, runNames, type SettingDifference } from './runs/compare.js';
export { findRuns, linesOf, type RunRecord, readRun, type ScoreSummary, scoresOf } from './runs/read-run.js';
export {
  numberText,
  type ReportSection,
  type RunReportOptions,
  renderComparison,
  renderRunReport,
  resultRows,
} from './runs/run-report.js';
export { type BestScore, bestOf, smallerIsBetter } from './scores.js';
export type { Settings } from './settings.js';
export { mergeParams, splitParams } from './split.js';
export { type RunStart, type RunStatus, readStatus, stateOf } from './status.js';
export type {
  Batch,
  Contrast,
  Evaluation,
  EvaluationPoint,
  LossPoint,
  LossValue,
  SampleText,
  SkippedStep,
  TrainOptions,
  TrainResult,
  TrainTask,
} from './task.js';
export { tensorboardEvents } from './tensorboard.js';
export { train } from './train.js';
export { validationLoss } from './validation.js';
