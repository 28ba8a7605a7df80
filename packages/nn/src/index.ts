export { type ArrayAdam, type ArrayAdamState, type ArrayAdamStep, createArrayAdam } from './array-adam.js';
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
  addLora,
  LORA_TRAINED,
  type LoraOptions,
  type LoraParams,
  loraSpec,
  mergeLora,
} from './lora.js';
export {
  ADAM_DEFAULTS,
  type AdamOptions,
  type AdamState,
  adamInit,
  adamUpdate,
  clipByGlobalNorm,
  globalNorm,
  type ParameterGroup,
  type ParameterRule,
  parameterRules,
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
export {
  buffer,
  bufferPaths,
  initParams,
  linearWeight,
  type ParamSpec,
  type ParamsOf,
  param,
  times,
} from './spec.js';
