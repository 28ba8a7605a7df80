export {
  MAPPER_PAPER,
  MAPPER_RELEASED,
  type MapperConfig,
  mapperConfigSchema,
  SEQUENCE_MAPPER_RELEASED,
} from './config.js';
export { createMapper, loadMapper, type Mapper, mapperParams } from './load.js';
export { mapPrefix } from './model.js';
export { type MapperParams, mapperSpec } from './params.js';
