export { createEngine, defaultEngine, ENGINES, type EngineOptions } from './create.js';
export type { Arrays, CompileOptions, Engine, EngineName, Program, StepProgram } from './engine.js';
export { createEagerEngine } from './engines/eager.js';
export { createJitEngine, type JitOptions } from './engines/jit.js';
export { type Placeholder, type Trace, trace } from './graph/trace.js';
export { KERNELS } from './kernels/index.js';
