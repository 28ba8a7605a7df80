export { installedPrograms, JAVA_DOWNLOADS, type JavaDownload } from './files.js';
export { findJava, type JavaRuntime } from './find.js';
export { type MeteorOptions, meteor } from './meteor.js';
export { createJavaScorer, type JavaScorerOptions } from './scorer.js';
export {
  SPICE_SUBSETS,
  type SpiceOptions,
  type SpiceScore,
  type SpiceScores,
  type SpiceSubset,
  spice,
} from './spice.js';
