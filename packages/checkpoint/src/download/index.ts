export {
  ARTEFACTS,
  type Artefact,
  type ArtefactFile,
  artefactSize,
  type CheckpointFamily,
  findArtefact,
} from './artefacts.js';
export { cacheFolder } from './cache.js';
export { type Check, checkFile } from './check.js';
export type { Digests } from './digest.js';
export { type FetchOptions, fetchFile } from './fetch-file.js';
export { get } from './http.js';
export { type MavenArtifact, mavenDownload, mavenPath } from './maven.js';
export { findInIndex, type IndexedFile, publicAddress, pythonIndex } from './package-index.js';
export { type ClientOptions, pipDownload, type Wheel } from './pip.js';
export {
  artefactFolder,
  isPulled,
  type Pulled,
  type PulledFile,
  type PullOptions,
  pullArtefact,
} from './pull.js';
