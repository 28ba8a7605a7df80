export { formatBytes } from './bytes.js';
export {
  ERROR_CODES,
  type ErrorCode,
  isPengiError,
  PengiError,
  type PengiErrorOptions,
  printable,
  type Schema,
  validate,
} from './errors.js';
export {
  DTYPE_ARRAYS,
  type DType,
  type DTypeArray,
  type FileRegion,
  floats,
  ints,
  type NdArray,
  ndarray,
  scalar,
  sizeOf,
  zeros,
} from './ndarray.js';
export { type Progress, type StartProgress, silentProgress } from './progress.js';
export { createRng, fmix32, fnv1a, foldKey, GOLDEN_STEP, type Rng, type RngState } from './random.js';
export {
  checkText,
  createIdMap,
  type IdMap,
  MAX_TEXT_BYTES,
  type TextPiece,
} from './text.js';
export {
  flatten,
  isLeaf,
  type Leaf,
  leaves,
  type MapLeaves,
  mapTree,
  pathMatcher,
  rebuildTree,
  type Tree,
} from './tree.js';
export { base64Bytes, WASM_PAGE, type WasmExports, wasmModule } from './wasm.js';
