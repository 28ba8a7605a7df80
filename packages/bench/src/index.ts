export { fitNearestCentroid } from './baselines/centroid.js';
export type { Classifier } from './baselines/classifier.js';
export { type LogMelClip, logMelStatistics } from './baselines/features.js';
export { fitLinear, type LinearOptions } from './baselines/linear.js';
export { majorityBaseline } from './baselines/majority.js';
export { type Chance, chance, chanceLevels } from './chance.js';
export { accuracyMetric, macroF1Metric } from './metrics.js';
export { type NoteFeatures, noteBaselines } from './notes/baselines.js';
export {
  type NoteReading,
  REGISTERS,
  type Register,
  readLabel,
  readNote,
  readRegister,
} from './notes/read-note.js';
export { type NoteItem, type NoteTaskOptions, type NoteTasks, noteTasks } from './notes/tasks.js';
export type { Clip, Predictor } from './predictor.js';
export { topLabels } from './ranking.js';
export type { BaselineRecord, PredictionRecord, Provenance, TaskRecord } from './record.js';
export { type Report, type ReportAudio, type ReportExample, renderReport } from './report/report.js';
export { type SpectrogramAxes, spectrogramPng } from './report/spectrogram.js';
export { type SummaryRow, summaryRow, summaryTable, textTable } from './report/summary.js';
export {
  type Answer,
  type Answers,
  type AskOptions,
  type Baseline,
  collectAnswers,
  runTask,
  runTasks,
  type ScoreOptions,
  scoreAnswers,
} from './run.js';
export {
  defineTask,
  type Json,
  type Metric,
  type Outcome,
  type Question,
  type Score,
  type Task,
  type TaskDefinition,
  type TaskItem,
} from './task.js';
