export type { FeatureDtype } from './feature-cache.js';
export { spedUpRate } from './feature-extractor.js';
export {
  createFeatureLoader,
  type FeatureItem,
  type FeatureLoader,
  type FeatureLoaderOptions,
  type Features,
  type LoadFeaturesOptions,
} from './features.js';
export { type InstrumentNotesOptions, instrumentNotes, type Note } from './instrument-notes.js';
export { INSTRUMENTS, type InstrumentPackage, npmName } from './instrument-packages.js';
export { type Example, type Manifest, type ManifestOptions, readManifest } from './manifest.js';
export type { RowProblem } from './manifest-rows.js';
export { parsePitch, pitchName, register } from './pitch.js';
export { createSampler, type Sampler, type SamplerSource } from './sampler.js';
export type {
  DataSet,
  DataSetFacts,
  Folds,
  Need,
  Reading,
  ReadOptions,
  Split,
} from './sets/data-set.js';
export { assignFolds, type FoldOptions } from './sets/folds.js';
export { DATA_SETS, type DataSetId, dataSet } from './sets/index.js';
export {
  type Annotations,
  type Item,
  type MusicLabels,
  type NoteLabels,
  PROBLEMS,
  type Problem,
  type ProblemKind,
} from './sets/item.js';
export { hasDataSet, howToGet } from './sets/locate.js';
export { type MeasureOptions, measureRecordings, type RecordingStats } from './sets/measure.js';
export { NSYNTH_FAMILIES, NSYNTH_QUALITIES } from './sets/nsynth.js';
export {
  type Pair,
  type PairOptions,
  type Pairs,
  sentimentName,
  TRAINING_SETS,
  type TrainingSetId,
  trainingPairs,
} from './sets/pairs.js';
export { type DataSetStats, type Spread, statsOf } from './sets/stats.js';
export { type SplitCount, type Verification, type VerifyOptions, verifyDataSet } from './sets/verify.js';
export { WAVCAPS_BLACKLISTS } from './sets/wavcaps.js';
export { expandShards, isShardName } from './shards/names.js';
export { type Packed, type PackedShard, type PackOptions, packShards } from './shards/pack.js';
export type { NoteOptions, SampleProblem } from './shards/sample.js';
export type { ShardCacheOptions } from './shards/shard-cache.js';
export { type ShardSourceOptions, shardSource } from './shards/shard-source.js';
export { type SplitOptions, splitByRecording } from './split.js';
export { inWords, PROMPTS, questionPrompt, TARGETS } from './templates.js';
export {
  type EvaluationSources,
  evaluationSources,
  findLeaks,
  type LeakCheck,
  leakLines,
  type SourceLeak,
  withoutLeaks,
} from './training/leak-guard.js';
export {
  type DataSetSourceOptions,
  dataSetSource,
  type ListSourceOptions,
  listSource,
  type ManifestSourceOptions,
  manifestSource,
  type TextOfFile,
} from './training/list-source.js';
export {
  type BadExample,
  createExampleLoader,
  type ExampleLoader,
  type ExampleLoaderOptions,
  type LoadedExample,
  type LoaderStats,
} from './training/loader.js';
export { createMixture, type Draw, type Mixture, type MixtureOptions } from './training/mixture.js';
export {
  type ExampleEntry,
  type ExampleSource,
  type ExampleText,
  type ExampleUnit,
  type HeldOut,
  holdOut,
  type ReadableExample,
  withoutExamples,
} from './training/source.js';
export { type TextStats, textStats } from './training/text-stats.js';
export { type Augmentation, movedPitch } from './training/variation.js';
export { type VerifySourceOptions, verifyManifest, verifyShards } from './training/verify-source.js';
