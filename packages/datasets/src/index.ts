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
export { type SplitOptions, splitByRecording } from './split.js';
export { PROMPTS, questionPrompt, TARGETS } from './templates.js';
