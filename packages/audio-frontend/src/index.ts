export {
  CLAP_FEATURE_EXTRACTOR,
  type FrontendConfig,
  type LogMelSettings,
  RELEASED_FRONTEND,
  validateFrontend,
  YAML_FRONTEND,
} from './config.js';
export {
  type DecodeAudioOptions,
  type DecodedAudio,
  decodeAudio,
  type ReadAudioOptions,
  readAudio,
} from './decode/decode.js';
export type { AudioFormat } from './decode/decoding.js';
export { encodeWav } from './encode-wav.js';
export {
  type AudioData,
  type ChannelPolicy,
  type CropMode,
  type FitMode,
  type FitOptions,
  fitToLength,
  scaleToPeak,
  toMono,
  trimLeadingSilence,
} from './fit.js';
export {
  createFrontend,
  type Frontend,
  type FrontendWindowOptions,
  type PreparedAudio,
  type PrepareOptions,
  type RecordedAudio,
  type Windows,
} from './frontend.js';
export { createLogMel, type LogMel, type LogMelOptions } from './log-mel.js';
export { compareMelBanks, type MelSettings, melFilterBank } from './mel.js';
export { resample, resampleKernel } from './resample.js';
export { powerSpectrogram, type StftSettings, stftKernels } from './stft.js';
export { type AudioWindow, slidingWindows, type TailMode, type WindowOptions } from './windows.js';
