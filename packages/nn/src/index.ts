export { type GradsOf, valueAndGrad } from './grad.js';
export { registerGradients } from './gradients/index.js';
export {
  constantInit,
  type Initializer,
  normalInit,
  onesInit,
  torchLinearInit,
  truncatedNormalInit,
  uniformInit,
  xavierNormalInit,
  xavierUniformInit,
  zerosInit,
} from './init.js';
export {
  attend,
  causalMask,
  conv1d,
  conv1dSpec,
  embedding,
  embeddingSpec,
  gelu,
  geluTanh,
  type LinearOptions,
  l2Normalize,
  layerNorm,
  layerNormSpec,
  linear,
  linearNoBiasSpec,
  linearSpec,
  MASKED,
  mergeHeads,
  quickGelu,
  SWIN_LINEAR,
  splitHeads,
} from './layers.js';
export {
  type AdamOptions,
  type AdamState,
  adamInit,
  adamUpdate,
  clipByGlobalNorm,
  globalNorm,
} from './optimizer.js';
export { collectProbes, type Probe } from './probe.js';
export {
  dropout,
  dropPath,
  fold,
  hashUniform,
  type Keys,
  keysFrom,
  registerRandomKernels,
  uniform,
} from './random.js';
export {
  constantRate,
  cosineWarmupDecay,
  linearWarmupDecay,
  type Schedule,
  type ScheduleOptions,
} from './schedule.js';
export { buffer, bufferPaths, initParams, type ParamSpec, type ParamsOf, param, times } from './spec.js';
