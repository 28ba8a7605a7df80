export { type EmbedTaskOptions, embedTask, type HearEncoder } from './embed-task.js';
export { readEmbeddings, type SplitEmbeddings, type TaskEmbeddings } from './embeddings.js';
export {
  batchRanges,
  type FitOptions,
  type FittedProbe,
  fitProbes,
  type Judged,
  type ProbeTask,
  probeLogits,
  type Rows,
} from './fit.js';
export {
  drawnPoints,
  GRIDS,
  type Grid,
  type GridName,
  type GridOptions,
  type GridPoint,
  linearPoints,
} from './grid.js';
export {
  type Head,
  type HeadSizes,
  headLogits,
  headLosses,
  headTrainingLogits,
  type Initialization,
  initHead,
  type PredictionType,
  stackTrees,
  totalLoss,
} from './head.js';
export { npy } from './npy.js';
export { type Picklable, pickled } from './pickle.js';
export { compileHeads, type HeadBatch, type HeadProgram, type HeadState } from './programs.js';
export {
  evaluateProbes,
  type FoldResult,
  foldsOf,
  PROBES,
  type ProbeName,
  type ProbeOptions,
  type ProbeResult,
} from './protocol.js';
export { createPythonRandom, type PythonRandom } from './python-random.js';
export {
  type ProbeRow,
  paperProbe,
  predictedScores,
  probeRows,
  probeTable,
  type TaskProbes,
} from './result.js';
export { type ProbeTaskOptions, probeTask } from './run-task.js';
export type { Postprocessing, Scores, Validation } from './scores.js';
export {
  findHearTasks,
  type HearClip,
  type HearEvent,
  type HearMetadata,
  type HearTask,
  hearRate,
  readHearTask,
} from './task-folder.js';
