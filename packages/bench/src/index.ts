export { ablationTable, type NamedRun, PAPER_ABLATIONS, type PaperAblation } from './analyses/ablation.js';
export {
  type ErrorKind,
  type ErrorTypes,
  errorTypes,
  type Ontology,
  readOntology,
} from './analyses/errors.js';
export {
  ALTERATIONS,
  type Alteration,
  alteredClips,
  type Grounding,
  grounding,
  groundingTable,
  shuffledRecordings,
} from './analyses/grounding.js';
export { promptTable, promptVariants } from './analyses/prompts.js';
export { fitNearestCentroid } from './baselines/centroid.js';
export type { Classifier } from './baselines/classifier.js';
export { logMelStatistics } from './baselines/features.js';
export { fitLinear, type LinearOptions } from './baselines/linear.js';
export { majorityBaseline } from './baselines/majority.js';
export { type SimpleBaselineOptions, simpleBaselines } from './baselines/simple.js';
export { type Chance, chance, chanceLevels } from './chance.js';
export {
  type ClipReply,
  type ClipRequest,
  type ClipSettings,
  type ClipSource,
  createClipSource,
} from './clips.js';
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
export type { Clip, Predictor, PredictorMethod } from './predictor.js';
export * from './probes/index.js';
export { topLabels } from './ranking.js';
export type { BaselineRecord, PredictionRecord, Provenance, TaskRecord } from './record.js';
export { type BenchReport, renderBenchReport } from './report/bench-report.js';
export { type Report, type ReportAudio, type ReportExample, renderReport } from './report/report.js';
export { type SummaryRow, summaryRow, summaryTable, textTable } from './report/summary.js';
export { METHOD_NAMES, resultMarkdown, resultTable } from './report/tables.js';
export { type ReportOptions, writeReports } from './report/write.js';
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
export type { FailedItem, Shard } from './runner/ask.js';
export {
  COMPARISON_HEADER,
  type Comparison,
  compareResults,
  comparisonCells,
  comparisonMarkdown,
  readResults,
} from './runner/compare.js';
export type {
  Evaluation,
  EvaluationItem,
  EvaluationKind,
  Label,
  PublishedResult,
  TrainingItem,
} from './runner/evaluation.js';
export { type ScoredRun, type ScoreRunOptions, scoreRun, type UnusableTask } from './runner/finish.js';
export { type ModelIdentity, modelKey } from './runner/keys.js';
export type { AnsweredBy, SimpleBaseline, TaskManifest } from './runner/manifest.js';
export { METHODS_OF, type Method, methodsFor } from './runner/methods.js';
export { type BenchOptions, type BenchOutcome, type Contestant, runBench } from './runner/run.js';
export { openStore, type PredictionStore, type StoredLine } from './runner/store.js';
export type { ClassResult, ItemResult, MethodResult, TaskResult } from './scoring/result.js';
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
export { type Choices, parseChoices } from './tasks/choices.js';
export type { BenchmarkTask, TaskMetric, TaskOption } from './tasks/definition.js';
export {
  benchmarkTask,
  type LoadedTask,
  type LoadTaskOptions,
  loadTask,
  officialItems,
  tasksIn,
} from './tasks/load.js';
export { PAPER_PROBES, PAPER_RESULTS, type PaperResult } from './tasks/paper.js';
export { BENCHMARK_TASKS } from './tasks/table.js';
export { readWordings, type Wordings } from './tasks/wordings.js';
