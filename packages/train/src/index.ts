export type { BestCriterion } from './best.js';
export { type Communicator, type Part, partOf } from './communicator.js';
export { type InterruptOptions, withInterrupt } from './interrupt.js';
export { type EvaluationLine, type LogLine, readLog, type SkippedLine, type StepLine } from './log.js';
export { type LossCurveOptions, lossCurve } from './loss-curve.js';
export type { Manifest, Position } from './manifest.js';
export type { BestPoint } from './pointers.js';
export { checkpointParams, openCheckpoint, type RunCheckpoint } from './read.js';
export { mergeParams, splitParams } from './split.js';
export type {
  Batch,
  Contrast,
  EvaluationPoint,
  LossPoint,
  LossValue,
  SkippedStep,
  TrainOptions,
  TrainResult,
  TrainTask,
} from './task.js';
export { train } from './train.js';
export { validationLoss } from './validation.js';
