export {
  ARTEFACTS,
  type Artefact,
  type ArtefactFile,
  artefactSize,
  type CheckpointFamily,
  findArtefact,
} from './artefacts.js';
export { cacheFolder } from './cache.js';
export type { Check } from './check.js';
export type { Digests } from './digest.js';
export { type FetchOptions, fetchFile } from './fetch-file.js';
export { get } from './http.js';
export { findInIndex, type IndexedFile, publicAddress, pythonIndex } from './package-index.js';
export {
  artefactFolder,
  isPulled,
  type Pulled,
  type PulledFile,
  type PullOptions,
  pullArtefact,
} from './pull.js';
