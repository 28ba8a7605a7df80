export { createEngine, defaultEngine, ENGINES, type EngineOptions } from './create.js';
export {
  type Arrays,
  type CompileOptions,
  type Engine,
  type EngineName,
  type HostCall,
  type HostCallProgram,
  type Program,
  quantized,
  type StepProgram,
} from './engine.js';
export { createEagerEngine } from './engines/eager.js';
export { createJitEngine, type JitOptions } from './engines/jit.js';
export {
  type ExportOptions,
  exportOnnx,
  type OnnxFile,
  type OnnxModel,
  type OpenInputs,
  type WriteOnnxOptions,
} from './export.js';
export { type ModelValue, OPSET } from './graph/onnx.js';
export type { OpenPlaceholder } from './graph/symbols.js';
export { type Placeholder, type Trace, trace } from './graph/trace.js';
export { KERNELS } from './kernels/index.js';
